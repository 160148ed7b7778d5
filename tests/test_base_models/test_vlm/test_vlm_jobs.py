"""What jobs of one process have in common: the weights, the states of images; and what each keeps of its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.networks import Killed, freeze_imports, killed_after, one_core
from support.photos import blind, photographed
from support.vlms import make_vlm
from support.world import SARCASM, SENTIMENT

from base_models.multimodal import states
from base_models.neural import shared_base
from base_models.vlm import base
from base_models.vlm.body import Body, body_of
from base_models.vlm.parameters import VlmTraining
from base_models.vlm.vlm import Vlm
from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.learner import TrainingContext
from ensemble.run import Run

WORDS = ["great monday", "coffee", "i hate my monday so much", "boss", "the cat", "exam", None, "love", "", "x"]
EXACT = {"epochs": 2, "batch": 4, "precision": "float32", "lr": 1e-2, "workers": 0}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shared_base, "_kept", [])
    freeze_imports()
    with one_core():
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("vlms")
    return {kind: str(make_vlm(folder / kind, kind)) for kind in ("llava", "blip2", "qwen3")}


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Ten different images with texts of any length; one post has no text, two have no image."""
    data = photographed(tmp_path_factory.mktemp("shots") / "images")
    data = blind(data.with_columns(text=WORDS, sarcasm=["0", "1"] * 5), [3, 7])
    return Dataset(data.frame, data.root, (SENTIMENT, SARCASM))


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many networks are loaded, and how many images pass a tower."""
    counted, see = {"loaded": 0, "seen": 0}, Body.see

    def load(*given: Any) -> Body:
        counted["loaded"] += 1
        return body_of(*given)

    def count(body: Body, pixels: torch.Tensor) -> torch.Tensor:
        counted["seen"] += len(pixels)
        return see(body, pixels)

    monkeypatch.setattr(base, "body_of", load)
    monkeypatch.setattr(Body, "see", count)
    return counted


def learner(model: str, training: Any = None, **params: Any) -> Vlm:
    given = {"answer": "head", "max_length": 8, "template": "{text}?", **params}
    return Vlm(model, training=VlmTraining.model_validate({**EXACT, **(training or {})}), **given)


def fitted(one: Vlm, data: Dataset, seed: int = 0) -> Vlm:
    one.fit(data, SENTIMENT, seed)
    return one


def test_jobs_of_all_folds_tasks_and_seeds_load_one_base_and_show_it_each_image_once(
    models: dict[str, str], shots: Dataset, counts: dict[str, int], make_run: Callable[..., Run]
) -> None:
    params = {"model": models["llava"], "max_length": 8, "template": "{text}?", "training": {**EXACT, "epochs": 1}}
    learners = {
        "adapted": ("vlm", {**params, "answer": "head"}),
        "projector": ("vlm", {**params, "train": "head", "answer": "head", "parts": ["projector"]}),
        "asked": ("vlm", {**params, "train": "none", "answer": "words", "training": {"precision": "float32"}}),
    }
    run = replace(make_run(shots, learners, k=5), keep_models="best")
    again = replace(run, seeds=(1,))
    assert train(run, list_work(run, run.learners.specs[:1], [SENTIMENT], [])) == []
    assert train(again, list_work(again, run.learners.specs, [SARCASM], [0])) == []
    assert len(list(run.store.root.rglob("joint.json"))) == 5 + 3
    assert counts == {"loaded": 1, "seen": 8}
    assert not list((run.cache.root or Path()).glob("pixels-*"))
    untouched = body_of(models["llava"], True, 0).state_dict()
    (kept,) = shared_base._kept
    assert all(torch.equal(one, untouched[name]) for name, one in kept.network.state_dict().items())
    for path in run.store.root.rglob("*.safetensors"):
        trained = set(load_file(path))
        assert not any(
            name.endswith(("embed_tokens.weight", "lm_head.weight", "base_layer.weight")) for name in trained
        )


@pytest.mark.parametrize("kind", ["llava", "blip2", "qwen3"])
@pytest.mark.parametrize("image_bytes", [0, 10**9])
def test_whatever_room_there_is_changes_no_probability(
    models: dict[str, str],
    shots: Dataset,
    counts: dict[str, int],
    kind: str,
    image_bytes: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    adapt = {"adapt": ["language"], "targets": ["q_proj"], "parts": ["projector"], "modality_dropout": 0.5}
    plain = fitted(learner(models[kind], **adapt), shots).predict_proba(shots)
    counts["seen"] = 0
    one = learner(models[kind], **adapt)
    one.prepare(shots.without_labels(), FeatureCache(image_bytes=image_bytes))
    np.testing.assert_allclose(fitted(one, shots).predict_proba(shots), plain, atol=1e-4)
    anew = f"The image cache has no room (run.image_bytes = 0): the encoders of {models[kind]} run anew in every epoch."
    assert (anew in caplog.messages) == (not image_bytes)
    assert (counts["seen"] == 8) == bool(image_bytes)


@pytest.mark.parametrize(("image_bytes", "seen"), [(5000, 2), (20_000, 8)])
def test_where_not_all_states_will_find_room_the_first_block_is_the_last(
    models: dict[str, str],
    shots: Dataset,
    counts: dict[str, int],
    image_bytes: int,
    seen: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(states, "BLOCK", 2)
    learner(models["llava"]).prepare(shots.without_labels(), FeatureCache(image_bytes=image_bytes))
    assert counts["seen"] == seen


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"answer": "words"},
        {"answer": "words", "loss": "classes"},
        {"adapt": ["language", "vision", "connector"], "targets": ["q_proj", "linear_1"], "parts": ["projector"]},
        {"train": "head", "hidden_layers": [5]},
        {"train": "head", "answer": "words", "parts": ["projector"]},
        {"train": "full"},
        {"pretrained": False},
    ],
    ids=str,
)
def test_what_was_trained_says_the_same_after_it_was_saved_and_loaded(
    models: dict[str, str], shots: Dataset, params: dict[str, Any], tmp_path: Path
) -> None:
    one = fitted(learner(models["llava"], {"lr": 0.05, "clip": None}, **params), shots)
    expected = one.predict_proba(shots)
    one.save(tmp_path)
    again = learner(models["llava"], **params)
    again.load(tmp_path)
    assert np.array_equal(again.predict_proba(shots), expected)
    assert np.array_equal(one.predict_proba(shots), expected), "both can be asked"
    small = (tmp_path / "joint.safetensors").stat().st_size
    whole = sum(path.stat().st_size for path in Path(models["llava"]).glob("*.safetensors"))
    assert (small < whole / 2) == (params.get("train") != "full" and params.get("pretrained", True))


@pytest.mark.parametrize("params", [{}, {"answer": "words", "parts": ["projector"]}, {"train": "full"}], ids=str)
def test_a_training_that_was_killed_ends_with_the_same_bits_and_its_checkpoints_hold_what_is_trained(
    models: dict[str, str], shots: Dataset, params: dict[str, Any], tmp_path: Path
) -> None:
    params = {"modality_dropout": 0.5, "lora_dropout": 0.3, **params}
    training = {"checkpoint_minutes": 0, "epochs": 3, "validation": 0.3, "patience": 2, "recompute": True}
    whole = fitted(learner(models["llava"], training, **params), shots)
    for steps in (2, 2):
        one = learner(models["llava"], training, **params)
        one.set_context(TrainingContext(tmp_path, None, "toy", killed_after(steps)))
        with pytest.raises(Killed):
            fitted(one, shots)
        (file,) = tmp_path.glob("checkpoint-*/model.safetensors")
        assert one.network_ is not None
        trained = {name for name, parameter in one.network_.named_parameters() if parameter.requires_grad}
        assert {name for name in load_file(file) if not name.endswith(("expected", "pictures"))} == trained
    one = learner(models["llava"], training, **params)
    one.set_context(TrainingContext(tmp_path))
    assert np.array_equal(fitted(one, shots).predict_proba(shots), whole.predict_proba(shots))


class Cramped:
    """A device on which a training pass over more than so many rows runs out of memory."""

    def __init__(self, body: Body, room: int) -> None:
        self.hidden, self.body, self.room = body.hidden, body, room
        self.refused = 0

    def __call__(self, input_ids: torch.Tensor, *given: Any) -> torch.Tensor:
        if torch.is_grad_enabled() and len(input_ids) > self.room:
            self.refused += 1
            raise torch.OutOfMemoryError("the toy device is full")
        return self.hidden(input_ids, *given)


@pytest.mark.parametrize("kept", [True, False])
def test_a_step_that_does_not_fit_is_cut_by_rows_with_their_images(
    models: dict[str, str], shots: Dataset, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"batch": 10, "epochs": 3}
    params = {"lora_dropout": 0.0, "dropout": 0.0}
    whole, cramped, asked = (
        learner(models["llava"], {**training, **more}, **params) for more in ({}, {}, {"micro_batch": 3})
    )
    for one in (whole, cramped, asked):
        one.prepare(shots.without_labels(), FeatureCache(image_bytes=10**9 if kept else 0))
    expected, parts = fitted(whole, shots), fitted(asked, shots)
    make = cramped._network

    def network(*given: Any) -> Any:
        made = make(*given)
        made.body.hidden = Cramped(made.body, 3)
        return made

    monkeypatch.setattr(cramped, "_network", network)
    found = fitted(cramped, shots)
    assert found.training_info()["micro_batch"] == 3 and "micro_batch" not in expected.training_info()
    for one in (found, parts):
        np.testing.assert_allclose(one.predict_proba(shots), expected.predict_proba(shots), atol=1e-4)


@pytest.mark.parametrize(
    "changed",
    [
        {"label_smoothing": 0.3},
        {"weight_decay": 5.0},
        {"schedule": "constant"},
        {"loss": "focal"},
        {"balance": 1.0},
        {"resample": 1.0},
        {"optimizer": "sgd"},
        {"clip": 0.01},
    ],
    ids=str,
)
def test_what_training_can_do_it_does_here(models: dict[str, str], shots: Dataset, changed: dict[str, Any]) -> None:
    plain = fitted(learner(models["llava"]), shots).predict_proba(shots)
    other = fitted(learner(models["llava"], changed), shots).predict_proba(shots)
    assert np.isfinite(other).all() and not np.allclose(plain, other, atol=1e-6)


def test_training_stops_where_the_loss_on_rows_put_aside_does_not_fall(models: dict[str, str], shots: Dataset) -> None:
    training = {"epochs": 40, "lr": 0.1, "validation": 0.3, "stop_on": "loss", "patience": 2, "schedule": "constant"}
    one = fitted(learner(models["llava"], training), shots)
    losses = [row["validation_loss"] for row in one.curve()]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 40
    assert one.trained_ is not None and one.trained_.state.best_epoch == best + 1


def test_activations_that_are_computed_twice_change_nothing(models: dict[str, str], shots: Dataset) -> None:
    for params in ({}, {"answer": "words"}, {"answer": "words", "loss": "classes"}, {"parts": ["vision"]}):
        kept, twice = (fitted(learner(models["llava"], {"recompute": how}, **params), shots) for how in (False, True))
        assert np.array_equal(kept.predict_proba(shots), twice.predict_proba(shots))


def test_half_precision_is_of_the_base_alone(models: dict[str, str], shots: Dataset) -> None:
    one = fitted(learner(models["llava"], {"precision": "bfloat16"}, parts=["projector"]), shots)
    assert one.network_ is not None and one.training_info()["precision"] == "bfloat16"
    for name, parameter in one.network_.named_parameters():
        assert parameter.dtype == (torch.float32 if parameter.requires_grad else torch.bfloat16), name
    single = fitted(learner(models["llava"], parts=["projector"]), shots).predict_proba(shots)
    np.testing.assert_allclose(one.predict_proba(shots), single, atol=0.1)
