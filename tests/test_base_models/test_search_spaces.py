"""The spaces that learners declare: what they propose is accepted, and the published grids are whole."""

import inspect
from collections.abc import Sequence
from typing import Any

import pytest

from base_models import LEARNERS
from base_models.visual.finetuned import Visual
from ensemble.bound_learners import flatten
from ensemble.data import Task
from ensemble.learner_factory import make_learner
from ensemble.registry import resolve
from ensemble.search_space import grid, outline, space_of

NEEDED = {"textual": {"model": "bert"}, "visual": {"model": "resnet"}, "frozen": {"text": "minilm"}}
NEEDED |= {"acoustic": {"model": "whisper"}, "lexicon": {"lexicon": "words.txt"}}
NEEDED |= {"fusion": {"image": "resnet", "text": "bert"}, "flava": {"model": "flava"}, "clip": {"model": "clip"}}
NEEDED |= {"uegd": {"text": "bert"}, "vlm": {"model": "llava"}}
DEGREE = Task("degree", kind="regression")
HAVE = [name for name in LEARNERS if hasattr(resolve(LEARNERS, "learner", name), "search_space")]


class Highest:
    """Answers with the last choice."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[-1]

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return high

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return high


@pytest.mark.parametrize("learner", HAVE)
def test_what_a_space_proposes_is_accepted(learner: str) -> None:
    for task in (None, DEGREE):
        space = space_of(LEARNERS, learner, learner, {}, task)
        for found in (outline(space)[1], space(Highest())):
            set_before = {key: value for key, value in NEEDED.get(learner, {}).items() if key not in found}
            assert found and make_learner(LEARNERS, learner, {**set_before, **found}, learner)


@pytest.mark.parametrize("learner", HAVE)
def test_nothing_of_classes_is_searched_for_numbers(learner: str) -> None:
    seen, found = outline(space_of(LEARNERS, learner, learner, {}, DEGREE))
    assert not {"balance", "resample"} & (seen.asked.keys() | flatten(found).keys() | set(found.get("training", {})))
    whole, _ = outline(space_of(LEARNERS, learner, learner, {}))
    assert seen.asked.items() <= whole.asked.items() and len(whole.asked) - len(seen.asked) <= 1


def test_every_learner_with_parameters_has_a_space() -> None:
    have = {name for name in LEARNERS if inspect.signature(resolve(LEARNERS, "learner", name)).parameters}
    assert have - {"sklearn"} == set(HAVE), "what to try of scikit-learn's estimators is each one's own"


def test_the_rates_of_image_networks_are_the_published_grid() -> None:
    seen, _ = outline(Visual.search_space)
    rates = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2]
    assert [point["lr"] for point in grid(seen.asked, 30)] == rates
    assert grid(seen.asked, 8) == []
