"""Language models that see under a head, with adapters, or trained whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.asked import fitted, quick, trained_names, whole_posts
from support.networks import Killed, killed_after
from support.vlms import KINDS
from support.world import SENTIMENT

from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext


@pytest.mark.parametrize(
    ("params", "trained"),
    [
        ({"train": "head", "answer": "head"}, {"answer"}),
        ({"train": "head", "answer": "head", "parts": ["projector"]}, {"answer", "multi_modal_projector"}),
        ({"train": "head", "parts": ["connector"]}, {"multi_modal_projector"}),
        ({"train": "lora"}, {"language_model"}),
        ({"train": "lora", "adapt": ["language", "vision"]}, {"language_model", "vision_tower"}),
        ({"train": "lora", "adapt": ["connector"], "targets": ["linear_1"]}, {"multi_modal_projector"}),
        (
            {"train": "lora", "answer": "head", "parts": ["projector"]},
            {"answer", "language_model", "multi_modal_projector"},
        ),
        ({"train": "full"}, {"language_model", "vision_tower", "multi_modal_projector", "lm_head"}),
        ({"train": "full", "answer": "head"}, {"answer", "language_model", "vision_tower", "multi_modal_projector"}),
    ],
)
def test_only_what_should_is_trained(llava: str, posts: Dataset, params: dict[str, Any], trained: set[str]) -> None:
    data = whole_posts(posts)
    learner = fitted(quick(llava, **params), data)
    names = trained_names(learner)
    parts = {next(part for part in name.split(".") if part not in ("body", "model")) for name in names}
    assert parts == trained
    facts, network = learner.training_info(), learner.network_
    assert network is not None
    sizes = dict(network.named_parameters())
    assert facts["trainable_parameters"] == sum(sizes[name].numel() for name in names)
    assert facts["parameters"] == sum(one.numel() for one in sizes.values())
    adapters = {name for name in names if "lora_" in name}
    assert bool(adapters) == (params["train"] == "lora") and all(
        sizes[name].dtype == torch.float32 for name in adapters
    )
    if params["train"] != "full":
        published = load_file(Path(llava) / "model.safetensors")
        kept = {name.replace(".base_layer", ""): one for name, one in network.body.model.state_dict().items()}
        moved = {name for name, one in published.items() if name in kept and not torch.equal(one, kept[name])}
        assert len(published) > 20 and {name for name in moved if "projector" not in name} == set()


@pytest.mark.parametrize(
    "params",
    [
        {"answer": "head"},
        {"answer": "head", "hidden_layers": [16, 8], "activation": "gelu", "pooling": "last"},
        {"loss": "answer"},
        {"loss": "classes"},
        {"loss": "classes", "training": {"label_smoothing": 0.1}},
        {"train": "full", "loss": "answer"},
    ],
)
def test_the_loss_falls(llava: str, posts: Dataset, params: dict[str, Any]) -> None:
    how = {"epochs": 4, "lr": 0.01, "schedule": "constant", **params.pop("training", {})}
    curve = fitted(quick(llava, training=how, **params), whole_posts(posts, 32)).curve()
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_the_loss_of_answers_is_how_unlikely_the_labels_words_are(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts, 8)
    learner = fitted(quick(llava, training={"lr": 1e-12, "batch": 8}, lora_dropout=0.0), data)
    network, labels = learner.network_, data.codes(SENTIMENT)
    assert network is not None
    with torch.inference_mode():
        likely = network.eval()(**learner._source().examples(data, 1, training=False).batch(range(8)))
    assert likely.shape == (8, 3)
    expected = -likely.numpy()[np.arange(8), labels].mean()
    assert learner.curve()[0]["loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("params", [{"loss": "answer"}, {"loss": "classes"}, {"answer": "head"}])
def test_rows_that_were_put_aside_say_when_to_stop(llava: str, posts: Dataset, params: dict[str, Any]) -> None:
    how = {"epochs": 5, "lr": 0.3, "validation": 0.3, "patience": 1, "stop_on": "loss", "schedule": "constant"}
    learner = fitted(quick(llava, training=how, **params), whole_posts(posts, 20))
    losses = [row["validation_loss"] for row in learner.curve()]
    best = 1 + int(np.argmin(losses))
    assert learner.training_info()["best_epoch"] == best and len(losses) == min(5, best + 1)


def test_classes_may_be_learned_from_shares_of_annotators(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts, 8)
    how = {"loss": "soft_cross_entropy"}
    with pytest.raises(LearnerError, match=r"^vlm: training.loss is over classes, and loss = 'answer' knows one"):
        fitted(quick(llava, training=how), data)
    with pytest.raises(LearnerError, match="learns what several annotators said"):
        fitted(quick(llava, training=how, loss="classes"), data)
    with pytest.raises(LearnerError, match=r"^vlm: training.label_smoothing is over classes"):
        fitted(quick(llava, training={"label_smoothing": 0.1}), data)


@pytest.mark.parametrize("params", [{"answer": "head"}, {"loss": "answer"}, {"loss": "classes", "shots": 2}])
def test_a_training_that_was_killed_ends_with_the_same_bits(
    llava: str, posts: Dataset, params: dict[str, Any], tmp_path: Path
) -> None:
    data = whole_posts(posts, 24)
    how = {"epochs": 2, "batch": 8, "checkpoint_minutes": 0}
    params = {"modality_dropout": 0.5, "lora_dropout": 0.3, "training": how, **params}
    whole = fitted(quick(llava, **params), data).predict_proba(data)
    for steps in (2, 2, 2):
        learner = quick(llava, **params)
        learner.set_context(TrainingContext(tmp_path, None, "toy", killed_after(steps)))
        with pytest.raises(Killed):
            fitted(learner, data)
    learner = quick(llava, **params)
    learner.set_context(TrainingContext(tmp_path))
    torch.manual_seed(99)
    assert (fitted(learner, data).predict_proba(data) == whole).all()


SAVED: Sequence[dict[str, Any]] = [
    {"train": "none", "shots": 2, "calibrate": True},
    {"train": "lora"},
    {"train": "lora", "answer": "head", "parts": ["connector"], "hidden_layers": [8], "pretrained": False},
]


@pytest.mark.parametrize("params", SAVED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_learner_of_any_family_predicts_the_same_again(
    folders: dict[str, str], posts: Dataset, kind: str, params: dict[str, Any], tmp_path: Path
) -> None:
    data = whole_posts(posts, 6)
    given = {**params, "parts": []} if kind == "text" and "parts" in params else params
    learner = fitted(quick(folders[kind], **given), data)
    values = learner.predict_proba(data)
    learner.save(tmp_path)
    loaded = quick(folders[kind], **given)
    loaded.load(tmp_path)
    assert (loaded.predict_proba(data) == values).all()
    kept = set(load_file(tmp_path / "joint.safetensors"))
    if given.get("pretrained", True):
        assert kept - {"answer.expected", "pictures"} == trained_names(learner)


def test_states_that_are_kept_change_no_probability(llava: str, posts: Dataset, tmp_path: Path) -> None:
    data = whole_posts(posts)
    values = []
    for cache in (FeatureCache(tmp_path), FeatureCache(image_bytes=0)):
        learner = quick(llava, training={"epochs": 2})
        learner.prepare(data, cache)
        values.append(fitted(learner, data).predict_proba(data))
    np.testing.assert_allclose(values[0], values[1], atol=1e-6)
