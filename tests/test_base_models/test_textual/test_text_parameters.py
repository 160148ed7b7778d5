"""Parameters of the textual learner: what can be tried for them, and one line for what cannot be."""

from collections.abc import Sequence
from typing import Any

import pytest

from base_models import LEARNERS
from base_models.textual.finetuned import Textual, TextualTraining
from ensemble.errors import EnsembleError
from ensemble.learner_factory import make_learner


class Extreme:
    """A toy trial: the lowest or the highest of everything; ``asked`` is what it was asked for."""

    def __init__(self, highest: bool) -> None:
        self.place = -1 if highest else 0
        self.asked: dict[str, tuple[Any, ...]] = {}

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.asked[name] = tuple(choices)
        return choices[self.place]

    def suggest_int(self, name: str, low: int, high: int) -> int:
        self.asked[name] = (low, high)
        return (low, high)[self.place]

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.asked[name] = (low, high, log)
        return (low, high)[self.place]


@pytest.mark.parametrize("highest", [True, False])
def test_the_search_space_is_the_papers_and_what_it_gives_is_accepted(highest: bool) -> None:
    trial = Extreme(highest)
    found = Textual.search_space(trial)
    widths = (256, 512, 1024)
    assert trial.asked == {
        "lstm_layers": (1, 2),
        "lstm_width": widths,
        "attention_width": widths,
        "hidden_width": widths,
        "dropout": (0.0, 0.3, False),
        "lr": (1e-6, 3e-4, True),
        "batch": (1, 2, 4, 8, 16),
        "warmup": (0.0, 1.0),
    }
    learner = make_learner(LEARNERS, "textual", {"model": "bert-base-uncased", **found}, "base.text.params")
    assert isinstance(learner, Textual)
    assert learner.training.model_dump() == {**TextualTraining().model_dump(), **found["training"]}
    for name in found.keys() - {"training"}:
        assert getattr(learner, name) == found[name]


REFUSED = {
    "short": ({"max_length": 3}, r"^base\.text\.params\.max_length = 3: must be at least 4\.$"),
    "layers": ({"lstm_layers": 3}, r"params\.lstm_layers = 3: must be at most 2\.$"),
    "fewer": ({"lstm_layers": -1}, r"params\.lstm_layers = -1: must be at least 0\.$"),
    "no width": ({"lstm_width": 0}, r"^textual: lstm_width must be at least 1 where there is an LSTM, got 0\.$"),
    "attention": ({"attention_width": -1}, r"params\.attention_width = -1: must be at least 0"),
    "hidden": ({"hidden_width": -2}, r"params\.hidden_width = -2: must be at least 0"),
    "dropout": ({"dropout": 1.0}, r"params\.dropout = 1\.0: must be below 1\.$"),
    "less": ({"dropout": -0.1}, r"params\.dropout = -0\.1: must be at least 0"),
    "frozen": ({"frozen_layers": -1}, r"params\.frozen_layers = -1: must be at least 0"),
    "no rate": ({"layer_decay": 0}, r"params\.layer_decay = 0: must be above 0"),
    "growth": ({"layer_decay": 1.1}, r"params\.layer_decay = 1\.1: must be at most 1"),
    "pooling": ({"pooling": "middle"}, r"params\.pooling = 'middle': .*'mean', 'first', 'last' or 'max'"),
    "no model": ({"model": None}, r"params\.model = None: "),
    "key": ({"layers": 2}, r"Unknown base\.text\.params key 'layers'"),
    "training key": ({"training": {"epoch": 3}}, r"params\.training key 'epoch'\. Did you mean 'epochs'\?"),
    "value": ({"training": {"lr": 0}}, r"params\.training\.lr = 0: .*above 0"),
    "patience": ({"training": {"validation": 0}}, "training: patience needs rows to look at: set validation, or "),
    "warm-up": ({"training": {"epochs": 1, "warmup": 1}}, r"warmup \(1\.0 epochs\) must end before training does"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_line_before_anything_is_loaded(case: str) -> None:
    params, message = REFUSED[case]
    with pytest.raises(EnsembleError, match=message) as caught:
        make_learner(LEARNERS, "textual", {"model": "/no/such/folder", **params}, "base.text.params")
    assert "\n" not in str(caught.value)


def test_zero_switches_patience_and_clipping_off() -> None:
    assert TextualTraining().patience == 5 and TextualTraining().clip == 5.0
    off = make_learner(LEARNERS, "textual", {"model": "m", "training": {"patience": 0, "clip": 0, "validation": 0}}, "")
    assert isinstance(off, Textual) and off.training.patience is None and off.training.clip is None
    assert make_learner(LEARNERS, "textual", {"model": "m", "lstm_layers": 0, "lstm_width": 0}, "")
