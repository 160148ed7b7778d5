"""The contract of base learners, over every registered one and every kind of task. A learner more is a line in TINY.

Values that name an encoder of the ``encoders`` fixture stand for its folder.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from support.networks import freeze_imports, one_core
from support.speech import with_sounds
from support.world import SENTIMENT

from base_models import LEARNERS
from base_models.class_weights import smoothed_frequencies
from ensemble.contract.case import Case, hidden
from ensemble.contract.checks import CHECKS, Check
from ensemble.data import Dataset, Task
from ensemble.learner_factory import make_learner
from ensemble.modalities import MODALITIES

TINY = {
    "prior": {},
    "tfidf": {},
    "frozen": {"image": "image", "text": "text", "views": 2, "max_length": 16},
    "lexicon": {"lexicon": "lexicon"},
    "sklearn": {"estimator": "sklearn.svm:LinearSVC"},
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
TINY_OF_NUMBERS = {"sklearn": {"estimator": "sklearn.linear_model:Ridge"}}
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
    "sklearn, trees": (
        "sklearn",
        {
            "estimator": "sklearn.ensemble:HistGradientBoostingClassifier",
            "params": {"max_iter": 5},
            "encoders": {"image": "image", "text": "text", "views": 1, "max_length": 16},
        },
    ),
    "uegd, side by side": ("uegd", {"combine": "concatenation", "layer": {"text": "weighted"}, "published_rows": True}),
    "frozen, lexicon": ("frozen", {"lexicon": "lexicon"}),
    "frozen, svm": ("frozen", {"probe": "svm", "costs": [1.0, 10.0]}),
    "textual, linear head": (
        "textual",
        {"lstm_layers": 0, "attention_width": 0, "hidden_width": 0, "frozen_layers": 0},
    ),
    "flava, trained whole": ("flava", {"frozen": False, "head": "attention", "views": 2}),
    "flava, random": ("flava", {"pretrained": False, "head": "linear", "missing": "learned", "modality_dropout": 0.5}),
}


DEGREE = Task("degree", kind="regression")
ASKED = {"classification": SENTIMENT, "regression": DEGREE}
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

PLAINLY = pytest.mark.parametrize("case", PLAIN, ids=" of ".join, indirect=True)
PLAINLY_NUMBERS = pytest.mark.parametrize("case", PLAIN[len(LEARNERS) :], ids=" of ".join, indirect=True)


@pytest.fixture(params=CASES, ids=" of ".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The name of a learner and a kind of task."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def task(case: tuple[str, str]) -> Task:
    return ASKED[case[1]]


@pytest.fixture
def make(case: tuple[str, str], encoders: dict[str, str]):  # type: ignore[no-untyped-def]
    learner, others = MORE.get(case[0], (case[0], {}))
    of_numbers = TINY_OF_NUMBERS.get(learner, {}) if case[1] == "regression" else {}
    params = {**TINY[learner], **of_numbers, **others}
    params = {name: _with_folders(value, encoders) for name, value in params.items()}
    freeze_imports()
    with one_core():
        yield lambda: make_learner(LEARNERS, learner, params, "tests")


def _with_folders(value: object, encoders: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        return {key: _with_folders(part, encoders) for key, part in value.items()}
    return encoders.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def posts(posts: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """With a number beside the classes, high where the sentiment is positive, and with sounds, of different lengths."""
    codes, noise = posts.labels(SENTIMENT), np.random.default_rng(0).normal(size=len(posts))
    degree = np.where(codes < 0, None, np.round(codes + noise, 2))
    heard = with_sounds(posts, tmp_path_factory.mktemp("sounds"))
    known = Dataset(heard.frame.assign(degree=degree), posts.root, (*posts.tasks, DEGREE))
    return known.take((known.frame["part"] == "train").to_numpy())


@pytest.fixture(scope="module")
def cases() -> dict[tuple[str, str], Case]:
    """Those of which a test was done: what many checks ask of is fitted once."""
    return {}


@pytest.fixture
def contract(  # type: ignore[no-untyped-def]
    make, task: Task, posts: Dataset, case: tuple[str, str], cases: dict[tuple[str, str], Case], tmp_path: Path
) -> Case:
    return cases.setdefault(case, Case(make, task, posts, tmp_path))


def holds(check: Check, case: Case) -> None:
    assert check.failure(case) is None, check.sentence


def test_every_learner_has_tiny_parameters_here() -> None:
    assert set(TINY) == set(LEARNERS)


@pytest.mark.parametrize("check", [check for check in CHECKS if check.few], ids=lambda check: check.run.__name__)
def test_every_learner_keeps_the_contract(check: Check, contract: Case) -> None:
    if contract.task.kind in check.kinds:
        holds(check, contract)


@PLAINLY
@pytest.mark.parametrize("check", [check for check in CHECKS if not check.few], ids=lambda check: check.run.__name__)
def test_every_learner_keeps_what_takes_many_fits(check: Check, contract: Case) -> None:
    if contract.task.kind in check.kinds:
        holds(check, contract)


@PLAINLY
def test_posts_of_nothing_get_the_class_frequencies_or_the_median(contract: Case) -> None:
    nothing, task = hidden(contract.train, MODALITIES), contract.task
    values = contract.predict(contract.fit(nothing), nothing.without_labels())
    labels = contract.train.labels(task)
    usual = smoothed_frequencies(labels, 3) if task.classes else np.median(labels[~np.isnan(labels)])
    np.testing.assert_allclose(values, np.broadcast_to(usual, values.shape), atol=1e-6)


@PLAINLY_NUMBERS
@pytest.mark.parametrize("value", [-1.0, 1e6])
def test_constant_numbers_are_predicted_as_they_are(contract: Case, value: float) -> None:
    learner = contract.fit(contract.train.with_columns(degree=value))
    np.testing.assert_allclose(contract.predict(learner, contract.held), value, rtol=1e-9)


@PLAINLY_NUMBERS
def test_numbers_of_another_scale_are_learned_alike(contract: Case) -> None:
    train = contract.train
    stretched = train.with_columns(degree=[1000 * value - 7 for value in train.frame["degree"]])
    values = [contract.predict(contract.fit(data), contract.held) for data in (train, stretched)]
    np.testing.assert_allclose(values[1], 1000 * values[0] - 7, rtol=1e-3, atol=1e-1)
