"""Estimators of scikit-learn as base learners: which are taken, how they become probabilities, how they are kept."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from support.world import NUMBER, SARCASM, SENTIMENT, number_table, toy_table

from base_models import LEARNERS
from base_models.sklearn_estimators import read_estimator, write_estimator
from ensemble.bound_learners import check_kind
from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError, EnsembleError, LearnerError
from ensemble.learner import BaseLearner
from ensemble.learner_factory import make_learner

LINEAR = "sklearn.linear_model:LogisticRegression"
CLASSIFIERS: dict[str, dict[str, object]] = {
    LINEAR: {"C": 3.0, "class_weight": "balanced"},
    "sklearn.svm:LinearSVC": {},
    "sklearn.svm:SVC": {"kernel": "rbf"},
    "sklearn.linear_model:SGDClassifier": {"loss": "hinge"},
    "sklearn.linear_model:RidgeClassifier": {"alpha": 2},
    "sklearn.linear_model:Perceptron": {},
    "sklearn.naive_bayes:ComplementNB": {},
    "sklearn.neighbors:KNeighborsClassifier": {"n_neighbors": 7, "metric": "cosine"},
    "sklearn.tree:DecisionTreeClassifier": {"max_depth": 3},
    "sklearn.ensemble:RandomForestClassifier": {"n_estimators": 5},
    "sklearn.ensemble:GradientBoostingClassifier": {"n_estimators": 5},
    "sklearn.neural_network:MLPClassifier": {"hidden_layer_sizes": [4], "max_iter": 500},
}
REGRESSORS: dict[str, dict[str, object]] = {
    "sklearn.linear_model:Ridge": {},
    "sklearn.svm:SVR": {"C": 10.0},
    "sklearn.kernel_ridge:KernelRidge": {},
    "sklearn.ensemble:ExtraTreesRegressor": {"n_estimators": 5},
}


def learner(estimator: str, **params: object) -> BaseLearner:
    return make_learner(LEARNERS, "sklearn", {"estimator": estimator, **params}, "base.x.params")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return toy_table(150, tasks=(SENTIMENT, SARCASM))


@pytest.mark.parametrize("estimator", CLASSIFIERS)
def test_a_classifier_learns_gives_probabilities_and_is_kept_without_pickle(
    data: Dataset, tmp_path: Path, estimator: str
) -> None:
    fit, held = data.take(np.arange(110)), data.take(np.arange(110, 150))
    fitted = learner(estimator, params=CLASSIFIERS[estimator])
    fitted.fit(fit, SENTIMENT, seed=1)
    values = fitted.predict_proba(held.without_labels())
    assert not [problem for problem, rows in SENTIMENT.target.problems(values) if rows.any()]
    assert (values.argmax(axis=1) == held.codes(SENTIMENT)).mean() > 0.45
    fitted.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors", ".skops"}
    loaded = learner(estimator, params=CLASSIFIERS[estimator])
    loaded.load(tmp_path)
    assert (loaded.predict_proba(held) == values).all()


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_a_regressor_learns_numbers(tmp_path: Path, estimator: str) -> None:
    words = np.repeat([-0.8, 0.0, 0.8], 20)
    data = number_table(words, noise=0.0)
    fitted = learner(estimator, params=REGRESSORS[estimator])
    fitted.fit(data, NUMBER, seed=0)
    assert np.abs(fitted.predict(data) - words).mean() < 0.3  # type: ignore[attr-defined]
    fitted.save(tmp_path)
    loaded = learner(estimator, params=REGRESSORS[estimator])
    loaded.load(tmp_path)
    assert (loaded.predict(data) == fitted.predict(data)).all()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "place",
    [
        "os:system",
        "builtins:eval",
        "subprocess:Popen",
        "LinearSVC",
        "sklearn.svm.LinearSVC",
        "sklearn.svm:linear_svc",
        "sklearn.nothing:Nothing",
        "sklearn.svm:Nothing",
        "sklearn.svm._classes:LinearSVC",
        "sklearn.datasets:fetch_openml",
        "sklearn.preprocessing:FunctionTransformer",
        "sklearn.pipeline:Pipeline",
        "sklearn.cluster:KMeans",
        "sklearn.base:ClassifierMixin",
        "sklearn_evil:Classifier",
        "sklearn.utils:Bunch",
    ],
)
def test_anything_but_a_classifier_or_regressor_of_scikit_learn_is_refused(place: str) -> None:
    with pytest.raises(LearnerError, match="must be a classifier or regressor of scikit-learn, such as") as caught:
        learner(place)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"params": {"max_itr": 1}}, "Unknown parameter 'max_itr'. Did you mean 'max_iter'"),
        ({"params": {"C": -1.0}}, "The 'C' parameter of LogisticRegression must be"),
        ({"encoders": {"image": "x"}, "ngrams": {"words": 1}}, "leave out one of them"),
        ({"ngrams": {"word": 1}}, "Unknown ngrams key 'word'"),
        ({"ngrams": {"strengths": [1.0]}}, "ngrams.strengths is of no feature"),
        ({"encoders": {"text": "x", "probe": "svm"}}, "encoders.probe is of no feature"),
        ({"encoders": {"views": 2}}, "frozen needs an encoder"),
        ({"calibration": "platt"}, "must be 'sigmoid' or 'isotonic'"),
    ],
)
def test_wrong_parameters_are_refused_when_it_is_made(params: dict[str, object], words: str) -> None:
    with pytest.raises((LearnerError, ConfigError), match=words):
        learner(LINEAR, **params)


def test_an_estimator_that_needs_an_object_is_refused() -> None:
    with pytest.raises(LearnerError, match="OneVsRestClassifier needs its parameter 'estimator'"):
        learner("sklearn.multiclass:OneVsRestClassifier")


@pytest.mark.parametrize(("place", "task"), [(LINEAR, NUMBER), ("sklearn.linear_model:Ridge", SENTIMENT)])
def test_what_is_asked_must_be_of_its_kind(place: str, task: Task) -> None:
    with pytest.raises(ConfigError, match=f"has no method .* cannot learn '{task.name}', a task of kind '{task.kind}'"):
        check_kind(learner(place), task, "base.x")


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        ("sklearn.naive_bayes:GaussianNB", "dense.* n-grams are sparse: give it encoders"),
        ("sklearn.neighbors:RadiusNeighborsClassifier", "No neighbors found"),
    ],
)
def test_what_scikit_learn_refuses_is_one_line(data: Dataset, estimator: str, words: str) -> None:
    fitted = learner(estimator, params={"radius": 1e-9} if "Radius" in estimator else {})
    with pytest.raises(LearnerError, match=words) as caught:
        fitted.fit(data, SENTIMENT, 0)
        fitted.predict_proba(data.with_columns(text="never said"))
    assert "\n" not in str(caught.value)


def test_what_scikit_learn_warns_of_is_said_once_and_recorded(data: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        fitted = learner(LINEAR, params={"max_iter": 2})
        fitted.fit(data, SENTIMENT, 0)
        note = fitted.training_info()["note"]  # type: ignore[attr-defined]
        assert note.startswith(f"{LINEAR}: lbfgs failed to converge")
    assert caplog.messages == [note]


def test_calibration_keeps_groups_whole_and_leaves_out_classes_of_too_few(data: Dataset) -> None:
    rare = data.frame["sentiment"].where(data.frame["sentiment"] != "positive", None).tolist()
    rare[:3] = ["positive"] * 3
    grouped = data.with_columns(sentiment=rare, group=["one"] * 3 + [f"g{row}" for row in range(3, len(data))])
    fitted = learner("sklearn.svm:LinearSVC")
    fitted.fit(grouped, SENTIMENT, 0)
    assert "count as absent" in fitted.training_info()["note"]  # type: ignore[attr-defined]
    values = fitted.predict_proba(grouped)
    assert len(np.unique(values[:, 2])) == 1 and 0 < values[0, 2] < 0.1
    assert np.allclose(values.sum(axis=1), 1)


def test_the_seed_is_the_estimators_unless_it_has_one(data: Dataset) -> None:
    forest = "sklearn.ensemble:RandomForestClassifier"

    def values(seed: int, **params: object) -> np.ndarray:
        fitted = learner(forest, params={"n_estimators": 3, **params})
        fitted.fit(data, SENTIMENT, seed)
        return fitted.predict_proba(data)

    assert (values(1) == values(1)).all() and (values(1) != values(2)).any()
    assert (values(1, random_state=5) == values(2, random_state=5)).all()


def test_a_file_with_other_types_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    with pytest.raises(LearnerError, match=r"holds pathlib.PosixPath, which is not kept"):
        write_estimator(path, {"place": Path("x")})
    with pytest.raises(LearnerError, match="cannot be kept"):
        write_estimator(path, pd.DataFrame({"a": [1]}))
    for strange in (EnsembleError("x"), Path("x"), print):
        path.write_bytes(skops.io.dumps(strange))
        with pytest.raises(LearnerError, match="which is not trusted, so it is not loaded"):
            read_estimator(path)


def test_a_damaged_file_is_one_line(data: Dataset, tmp_path: Path) -> None:
    fitted = learner(LINEAR)
    fitted.fit(data, SENTIMENT, 0)
    fitted.save(tmp_path)
    whole = (tmp_path / "model.skops").read_bytes()
    (tmp_path / "model.skops").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LearnerError, match="is damaged"):
        learner(LINEAR).load(tmp_path)
