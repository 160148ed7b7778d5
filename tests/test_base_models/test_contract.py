"""The contract of base learners, over every registered one. Adding a learner adds one line to TINY.

Values that name an encoder of the ``encoders`` fixture stand for its folder.
"""

from pathlib import Path

import numpy as np
import pytest
from support.networks import freeze_imports, one_core
from support.world import SARCASM, SENTIMENT

from base_models import LEARNERS
from base_models.class_weights import smoothed_frequencies
from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.jobs.ablation import hide
from ensemble.learner import BaseLearner, make_learner
from ensemble.modalities import MODALITIES, modalities_of

TINY = {
    "prior": {},
    "tfidf": {},
    "frozen": {"image": "image", "text": "text", "views": 2, "max_length": 16},
    "textual": {
        "model": "bert",
        "max_length": 16,
        "lstm_width": 8,
        "attention_width": 8,
        "hidden_width": 8,
        "training": {"epochs": 1, "validation": 0, "patience": 0},
    },
    "clip": {"model": "clip", "training": {"epochs": 1}},
    "fusion": {
        "image": "image",
        "text": "bert",
        "width": 8,
        "heads": 2,
        "max_length": 16,
        "training": {"epochs": 1, "patience": 0, "min_epochs": 0},
    },
    "flava": {"model": "flava", "max_length": 16, "training": {"epochs": 1, "validation": 0, "patience": 0}},
    "visual": {"model": "test_resnet", "pretrained": False, "size": 64, "views": 2, "training": {"epochs": 1}},
}
# The same learners over other networks; the first of images has a fixed input size and must be told another.
MORE = {
    "clip, zero-shot": ("clip", {"train": "none"}),
    "clip, zero-shot of both": ("clip", {"train": "none", "scored": "both", "views": 2}),
    "clip, adapters": ("clip", {"train": "lora", "missing": "learned"}),
    "clip, whole": ("clip", {"train": "full", "views": 2, "pretrained": False}),
    "visual, attention": ("visual", {"model": "test_vit3"}),
    "visual, depthwise": ("visual", {"model": "test_efficientnet"}),
    "textual, last token": ("textual", {"model": "gpt2", "lstm_layers": 2, "layer_decay": 0.9}),
    "textual, words": ("textual", {"model": "transformer_xl"}),
    "textual, relative places": ("textual", {"model": "xlnet", "recompute": True}),
    "textual, cleaned": ("textual", {"clean": True}),
    "frozen, svm": ("frozen", {"probe": "svm", "costs": [1.0, 10.0]}),
    "textual, linear head": (
        "textual",
        {"lstm_layers": 0, "attention_width": 0, "hidden_width": 0, "frozen_layers": 0},
    ),
    "flava, trained whole": ("flava", {"frozen": False, "head": "attention", "views": 2}),
    "flava, random": ("flava", {"pretrained": False, "head": "linear", "missing": "learned", "modality_dropout": 0.5}),
}


@pytest.fixture(params=[*sorted(LEARNERS), *MORE])
def make(request: pytest.FixtureRequest, encoders: dict[str, str]):  # type: ignore[no-untyped-def]
    learner, others = MORE.get(request.param, (request.param, {}))
    params = {**TINY[learner], **others}
    params = {name: encoders.get(value, value) if isinstance(value, str) else value for name, value in params.items()}
    freeze_imports()
    with one_core():
        yield lambda: make_learner(LEARNERS, learner, params, "tests")


def train_and_held(posts: Dataset) -> tuple[Dataset, Dataset]:
    train = posts.take((posts.frame["part"] == "train").to_numpy())
    return train.take(np.arange(70)), train.take(np.arange(70, len(train))).without_labels()


def test_every_learner_has_tiny_parameters_here() -> None:
    assert set(TINY) == set(LEARNERS)


def test_probabilities_have_a_column_per_class_and_sum_to_one(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train, SENTIMENT, seed=0)
    values = learner.predict_proba(held)
    assert values.shape == (len(held), 3)
    assert np.isfinite(values).all() and (values >= 0).all()
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)


def test_the_same_seed_gives_the_same_probabilities(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    values = []
    for _ in range(2):
        learner = make()
        learner.fit(train, SARCASM, seed=3)
        values.append(learner.predict_proba(held))
    assert (values[0] == values[1]).all()


def test_a_loaded_learner_predicts_what_the_saved_one_did(make, posts: Dataset, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner: BaseLearner = make()
    learner.fit(train, SENTIMENT, seed=0)
    learner.save(tmp_path)
    loaded: BaseLearner = make()
    loaded.load(tmp_path)
    assert (loaded.predict_proba(held) == learner.predict_proba(held)).all()


@pytest.mark.parametrize("kept", [("negative", "positive"), ("negative",), ("neutral",)])
def test_a_class_absent_from_the_fit_rows_still_has_its_column(make, posts: Dataset, kept: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train.take(train.frame["sentiment"].isin(kept).to_numpy()), SENTIMENT, seed=0)
    values = learner.predict_proba(held)
    assert values.shape == (len(held), 3) and np.isfinite(values).all()


def test_rows_without_text_or_image_are_predicted_for(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train, SENTIMENT, seed=0)
    for missing in (
        {"text": None},
        {"image": None, "image_hash": None},
        {"text": None, "image": None, "image_hash": None},
    ):
        blind = Dataset(held.frame.assign(**missing), held.root, held.tasks)
        values = learner.predict_proba(blind)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)


def test_a_learner_says_what_it_looks_at_and_looks_at_nothing_else(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    assert modalities_of(learner) is not None and set(learner.modalities()) <= set(MODALITIES)
    learner.fit(train, SENTIMENT, seed=0)
    hidden = held
    for name in set(MODALITIES) - set(learner.modalities()):
        hidden = hide(hidden, name)
    values = learner.predict_proba(hidden)
    assert (values == learner.predict_proba(held)).all()


def test_a_learner_can_be_fitted_where_a_modality_is_missing_everywhere(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    blind = Dataset(train.frame.assign(image=None, image_hash=None), train.root, train.tasks)
    learner = make()
    learner.fit(blind, SENTIMENT, seed=0)
    assert np.isfinite(learner.predict_proba(held)).all()


def few_labels(train: Dataset, *counts: int) -> Dataset:
    """Labels only for the first so many rows of each class."""
    labels = train.frame["sentiment"]
    keep = [
        row
        for name, count in zip(SENTIMENT.classes, counts, strict=True)
        for row in labels.index[labels == name][:count]
    ]
    return train.with_columns(sentiment=labels.where(labels.index.isin(keep), None).tolist())


@pytest.mark.parametrize("make", sorted(LEARNERS), indirect=True)
@pytest.mark.parametrize("counts", [(0, 0, 0), (0, 1, 0), (2, 0, 20)])
def test_every_class_has_a_probability_however_few_labels(make, posts: Dataset, counts: tuple[int, ...]) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(few_labels(train, *counts), SENTIMENT, seed=0)
    values = learner.predict_proba(held)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("make", sorted(LEARNERS), indirect=True)
@pytest.mark.parametrize("text", ["", "\x01\x02\x7f", "same words", "love " * 2_000])
def test_texts_that_say_nothing_are_fitted_on(make, posts: Dataset, text: str | None) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train.with_columns(text=[text] * len(train)), SENTIMENT, seed=0)
    for data in (held, held.with_columns(text=[text] * len(held))):
        assert np.isfinite(learner.predict_proba(data)).all()


@pytest.mark.parametrize("make", sorted(LEARNERS), indirect=True)
def test_posts_of_nothing_get_the_class_frequencies(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, _ = train_and_held(posts)
    learner = make()
    nothing = Dataset(train.frame.assign(text=None, image=None, image_hash=None), train.root, train.tasks)
    learner.fit(nothing, SENTIMENT, seed=0)
    frequencies = smoothed_frequencies(train.labels(SENTIMENT), 3)
    values = learner.predict_proba(nothing.without_labels())
    np.testing.assert_allclose(values, np.tile(frequencies, (len(train), 1)), atol=1e-6)


def test_rows_without_a_label_are_not_fitted_on(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    some = Dataset(
        train.frame.assign(sentiment=train.frame["sentiment"].where(train.frame.index % 2 == 0, None)),
        train.root,
        train.tasks,
    )
    learner, other = make(), make()
    learner.fit(some, SENTIMENT, seed=0)
    other.fit(some.take(np.arange(0, len(some), 2)), SENTIMENT, seed=0)
    np.testing.assert_allclose(learner.predict_proba(held), other.predict_proba(held), atol=1e-6)


def test_preparing_changes_nothing_but_speed(make, posts: Dataset, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    prepared, plain = make(), make()
    if not hasattr(prepared, "prepare"):
        return
    prepared.prepare(posts.without_labels(), FeatureCache(tmp_path))
    for learner in (prepared, plain):
        learner.fit(train, SENTIMENT, seed=0)
    np.testing.assert_allclose(prepared.predict_proba(held), plain.predict_proba(held), atol=1e-4)
