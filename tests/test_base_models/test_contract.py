"""The contract of base learners, over every registered one and every kind of task. A learner more is a line in TINY.

Values that name an encoder of the ``encoders`` fixture stand for its folder.
"""

from collections.abc import Iterable
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from support.networks import freeze_imports, one_core
from support.speech import with_sounds
from support.world import SARCASM, SENTIMENT

from base_models import LEARNERS
from base_models.class_weights import smoothed_frequencies
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.jobs.ablation import hide
from ensemble.learner import BaseLearner
from ensemble.learner_factory import make_learner
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
    "acoustic": {"model": "whisper", "training": {"epochs": 1, "warmup": 0.5}},
    "uegd": {
        "text": "bert",
        "image": "image",
        "max_length": 16,
        "hidden_width": 8,
        "width": 8,
        "heads": 2,
        "training": {"epochs": 1, "warmup": 0, "validation": 0},
    },
    "vlm": {"model": "vlm-llava", "answer": "head", "max_length": 16, "training": {"epochs": 1}},
    "visual": {"model": "test_resnet", "pretrained": False, "size": 64, "views": 2, "training": {"epochs": 1}},
}
# The same learners over other networks; the first of images has a fixed input size and must be told another.
MORE = {
    "clip, zero-shot": ("clip", {"train": "none"}),
    "clip, zero-shot of both": ("clip", {"train": "none", "scored": "both", "views": 2}),
    "clip, adapters": ("clip", {"train": "lora", "missing": "learned"}),
    "clip, whole": ("clip", {"train": "full", "views": 2, "pretrained": False}),
    "vlm, zero-shot": (
        "vlm",
        {"train": "none", "answer": "words", "calibrate": True, "shots": 2, "template": "{text}?"},
    ),
    "vlm, words": (
        "vlm",
        {"answer": "words", "shots": 2, "template": "{text}?", "prompts": {"negative": ["bad", "so sad"]}},
    ),
    "vlm, classes": ("vlm", {"model": "vlm-qwen2", "answer": "words", "loss": "classes", "modality_dropout": 0.5}),
    "vlm, vision and parts": ("vlm", {"adapt": ["language", "vision"], "parts": ["projector"], "hidden_layers": [8]}),
    "vlm, whole": ("vlm", {"train": "full", "pretrained": False, "pooling": "last"}),
    "vlm, text alone": ("vlm", {"model": "vlm-text", "answer": "words", "train": "lora"}),
    "visual, attention": ("visual", {"model": "test_vit3"}),
    "visual, depthwise": ("visual", {"model": "test_efficientnet"}),
    "textual, last token": ("textual", {"model": "gpt2", "lstm_layers": 2, "layer_decay": 0.9}),
    "textual, words": ("textual", {"model": "transformer_xl"}),
    "textual, relative places": ("textual", {"model": "xlnet", "recompute": True}),
    "textual, cleaned": ("textual", {"clean": True}),
    "frozen, sounds and videos": ("frozen", {"audio": "wav2vec2-base", "video": "image", "fps": 2.0}),
    "acoustic, samples": ("acoustic", {"model": "wav2vec2-base", "layers": "weighted", "recompute": True}),
    "acoustic, samples, large": ("acoustic", {"model": "wavlm-large", "pooling": "attention", "frozen_layers": 0}),
    "uegd, side by side": ("uegd", {"combine": "concatenation", "layer": {"text": "weighted"}, "published_rows": True}),
    "frozen, svm": ("frozen", {"probe": "svm", "costs": [1.0, 10.0]}),
    "textual, linear head": (
        "textual",
        {"lstm_layers": 0, "attention_width": 0, "hidden_width": 0, "frozen_layers": 0},
    ),
    "flava, trained whole": ("flava", {"frozen": False, "head": "attention", "views": 2}),
    "flava, random": ("flava", {"pretrained": False, "head": "linear", "missing": "learned", "modality_dropout": 0.5}),
}


DEGREE = Task("degree", kind="regression")
ASKED = {"classification": (SENTIMENT, SARCASM), "regression": (DEGREE, DEGREE)}
# Numbers are learned by these, too.
NUMBERS = (
    "vlm, vision and parts",
    "vlm, whole",
    "acoustic, samples",
    "clip, adapters",
    "clip, whole",
    "textual, linear head",
    "flava, trained whole",
)
PLAIN = [(name, kind) for kind in ASKED for name in sorted(LEARNERS)]
CASES = [*PLAIN, *((name, kind) for kind in ASKED for name in MORE if kind == "classification" or name in NUMBERS)]

OF_CLASSES = [case for case in CASES if case[1] == "classification"]
PLAINLY = pytest.mark.parametrize("case", PLAIN, ids=" of ".join, indirect=True)
PLAINLY_NUMBERS = pytest.mark.parametrize("case", PLAIN[len(LEARNERS) :], ids=" of ".join, indirect=True)


@pytest.fixture(params=CASES, ids=" of ".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The name of a learner and a kind of task."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def task(case: tuple[str, str]) -> Task:
    return ASKED[case[1]][0]


@pytest.fixture
def make(case: tuple[str, str], encoders: dict[str, str]):  # type: ignore[no-untyped-def]
    learner, others = MORE.get(case[0], (case[0], {}))
    params = {**TINY[learner], **others}
    params = {name: encoders.get(value, value) if isinstance(value, str) else value for name, value in params.items()}
    freeze_imports()
    with one_core():
        yield lambda: make_learner(LEARNERS, learner, params, "tests")


@pytest.fixture(scope="module")
def posts(posts: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """With a number beside the classes, high where the sentiment is positive, and with sounds, of different lengths."""
    codes, noise = posts.labels(SENTIMENT), np.random.default_rng(0).normal(size=len(posts))
    degree = np.where(codes < 0, None, np.round(codes + noise, 2))
    heard = with_sounds(posts, tmp_path_factory.mktemp("sounds"))
    return Dataset(heard.frame.assign(degree=degree), posts.root, (*posts.tasks, DEGREE))


def predict(learner: BaseLearner, task: Task, data: Dataset) -> np.ndarray:
    """(rows, columns) predictions, of which nothing is wrong."""
    values = getattr(learner, task.target.method)(data).reshape(len(data), -1)
    assert values.shape == (len(data), len(task.columns))
    for problem, rows in task.target.problems(values):
        assert not rows.any(), problem
    return values


def hidden(data: Dataset, modalities: Iterable[str]) -> Dataset:
    """The same posts without these."""
    return reduce(hide, modalities, data)


def usual(task: Task, data: Dataset) -> np.ndarray:
    """What is said of a post of which nothing is known."""
    labels = data.labels(task)
    return smoothed_frequencies(labels, 3) if task.classes else np.median(labels[~np.isnan(labels)])


def train_and_held(posts: Dataset) -> tuple[Dataset, Dataset]:
    train = posts.take((posts.frame["part"] == "train").to_numpy())
    return train.take(np.arange(70)), train.take(np.arange(70, len(train))).without_labels()


def test_every_learner_has_tiny_parameters_here() -> None:
    assert set(TINY) == set(LEARNERS)


def test_predictions_have_a_column_per_class_that_sum_to_one_or_are_numbers(make, task: Task, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train, task, seed=0)
    values = predict(learner, task, held)
    if hasattr(learner, "predict_with_spread"):
        again, spread = learner.predict_with_spread(held)
        assert (again == values).all() and spread.shape == values.shape and (spread >= 0).all()


def test_the_same_seed_gives_the_same_predictions(make, case: tuple[str, str], posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    task = ASKED[case[1]][1]
    values = []
    for _ in range(2):
        learner = make()
        learner.fit(train, task, seed=3)
        values.append(predict(learner, task, held))
    assert (values[0] == values[1]).all()


def test_a_loaded_learner_predicts_what_the_saved_one_did(  # type: ignore[no-untyped-def]
    make, task: Task, posts: Dataset, tmp_path: Path
) -> None:
    train, held = train_and_held(posts)
    learner: BaseLearner = make()
    learner.fit(train, task, seed=0)
    learner.save(tmp_path)
    loaded: BaseLearner = make()
    loaded.load(tmp_path)
    assert (predict(loaded, task, held) == predict(learner, task, held)).all()


@pytest.mark.parametrize("case", OF_CLASSES, ids=" of ".join, indirect=True)
@pytest.mark.parametrize("kept", [("negative", "positive"), ("negative",), ("neutral",)])
def test_a_class_absent_from_the_fit_rows_still_has_its_column(make, posts: Dataset, kept: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train.take(train.frame["sentiment"].isin(kept).to_numpy()), SENTIMENT, seed=0)
    values = learner.predict_proba(held)
    assert values.shape == (len(held), 3) and np.isfinite(values).all()


def test_rows_without_any_of_their_modalities_are_predicted_for(make, task: Task, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train, task, seed=0)
    for missing in (*([name] for name in MODALITIES), MODALITIES):
        predict(learner, task, hidden(held, missing))


def test_a_learner_says_what_it_looks_at_and_looks_at_nothing_else(make, task: Task, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    assert modalities_of(learner) is not None and set(learner.modalities()) <= set(MODALITIES)
    learner.fit(train, task, seed=0)
    seen = hidden(held, set(MODALITIES) - set(learner.modalities()))
    assert (predict(learner, task, seen) == predict(learner, task, held)).all()


def test_a_learner_can_be_fitted_where_a_modality_is_missing_everywhere(make, task: Task, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    for name in ("image", "audio"):
        learner = make()
        if name == "image" or name in learner.modalities():
            learner.fit(hidden(train, [name]), task, seed=0)
            predict(learner, task, held)


def few_labels(train: Dataset, *counts: int) -> Dataset:
    """Labels only for the first so many rows of each class."""
    labels = train.frame["sentiment"]
    keep = [
        row
        for name, count in zip(SENTIMENT.classes, counts, strict=True)
        for row in labels.index[labels == name][:count]
    ]
    some = {name: train.frame[name].where(labels.index.isin(keep), None).tolist() for name in ("sentiment", "degree")}
    return train.with_columns(**some)


@PLAINLY
@pytest.mark.parametrize("counts", [(0, 0, 0), (0, 1, 0), (2, 0, 20)])
def test_every_class_has_a_probability_however_few_labels(  # type: ignore[no-untyped-def]
    make, task: Task, posts: Dataset, counts: tuple[int, ...]
) -> None:
    train, held = train_and_held(posts)
    learner = make()
    if not task.classes and not any(counts):
        with pytest.raises(LearnerError, match="fit rows has a degree"):
            learner.fit(few_labels(train, *counts), task, seed=0)
        return
    learner.fit(few_labels(train, *counts), task, seed=0)
    predict(learner, task, held)


@PLAINLY
@pytest.mark.parametrize("text", ["", "\x01\x02\x7f", "same words", "love " * 2_000])
def test_texts_that_say_nothing_are_fitted_on(make, task: Task, posts: Dataset, text: str | None) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train.with_columns(text=[text] * len(train)), task, seed=0)
    for data in (held, held.with_columns(text=[text] * len(held))):
        predict(learner, task, data)


@PLAINLY
def test_posts_of_nothing_get_the_class_frequencies_or_the_median(make, task: Task, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, _ = train_and_held(posts)
    learner = make()
    nothing = hidden(train, MODALITIES)
    learner.fit(nothing, task, seed=0)
    values = predict(learner, task, nothing.without_labels())
    np.testing.assert_allclose(values, np.broadcast_to(usual(task, train), values.shape), atol=1e-6)


def test_rows_without_a_label_are_not_fitted_on(make, task: Task, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    some = train.with_columns(**{task.name: train.frame[task.name].where(train.frame.index % 2 == 0, None)})
    learner, other = make(), make()
    learner.fit(some, task, seed=0)
    other.fit(some.take(np.arange(0, len(some), 2)), task, seed=0)
    np.testing.assert_allclose(predict(learner, task, held), predict(other, task, held), atol=1e-6)


def test_preparing_changes_nothing_but_speed(make, task: Task, posts: Dataset, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    prepared, plain = make(), make()
    if not hasattr(prepared, "prepare"):
        return
    prepared.prepare(posts.without_labels(), FeatureCache(tmp_path))
    for learner in (prepared, plain):
        learner.fit(train, task, seed=0)
    np.testing.assert_allclose(predict(prepared, task, held), predict(plain, task, held), atol=1e-4)


@PLAINLY_NUMBERS
@pytest.mark.parametrize("value", [-1.0, 1e6])
def test_constant_numbers_are_predicted_as_they_are(make, posts: Dataset, value: float) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train.with_columns(degree=value), DEGREE, seed=0)
    np.testing.assert_allclose(predict(learner, DEGREE, held), value, rtol=1e-9)


@PLAINLY_NUMBERS
def test_a_number_far_from_all_others_is_survived(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    learner = make()
    learner.fit(train.with_columns(degree=[1e6, *train.frame["degree"][1:]]), DEGREE, seed=0)
    predict(learner, DEGREE, held)


@PLAINLY_NUMBERS
def test_numbers_of_another_scale_are_learned_alike(make, posts: Dataset) -> None:  # type: ignore[no-untyped-def]
    train, held = train_and_held(posts)
    stretched = train.with_columns(degree=[1000 * value - 7 for value in train.frame["degree"]])
    values = []
    for data in (train, stretched):
        learner = make()
        learner.fit(data, DEGREE, seed=0)
        values.append(predict(learner, DEGREE, held))
    np.testing.assert_allclose(values[1], 1000 * values[0] - 7, rtol=1e-3, atol=1e-1)
