"""The ensemble as estimators of scikit-learn: what they take, what they learn, what they leave behind."""

import copy
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ensemble import EnsembleClassifier, EnsembleError, EnsembleRegressor, Posts, Project

TFIDF = {"tfidf": {"learner": "tfidf", "params": {"words": 1, "characters": 2, "strengths": [3.0]}}}
QUICK: dict[str, Any] = {"learners": TFIDF, "meta_estimators": ("soft_vote",), "folds": 3, "random_state": 0}
NUMBERS: dict[str, Any] = {**QUICK, "meta_estimators": ("mean",)}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    random = np.random.default_rng(0)
    words = ["love", "great", "hate", "awful", "monday", "coffee", "boss", "cat"]
    return [f"{' '.join(random.choice(words, 4))} number{row}" for row in range(60)]


@pytest.fixture(scope="module")
def labels(texts: list[str]) -> np.ndarray:
    scores = [sum(word in text for word in ("love", "great")) - ("hate" in text) - ("awful" in text) for text in texts]
    return np.where(np.array(scores) > 0, "glad", "sad")


@pytest.fixture(scope="module")
def fitted(texts: list[str], labels: np.ndarray) -> EnsembleClassifier:
    return EnsembleClassifier(**QUICK).fit(texts, labels)


def test_texts_are_classified(fitted: EnsembleClassifier, texts: list[str], labels: np.ndarray) -> None:
    assert fitted.classes_.tolist() == ["glad", "sad"] and fitted.score(texts, labels) > 0.9
    values = fitted.predict_proba(texts)
    assert values.shape == (60, 2) and np.allclose(values.sum(axis=1), 1)
    assert set(fitted.scores_["kind"]) == {"learner", "candidate", "stack", "baseline"}


@pytest.mark.parametrize("form", [list, tuple, np.array, pd.Series, lambda texts: pd.DataFrame({"text": texts})])
def test_posts_come_in_any_form(fitted: EnsembleClassifier, texts: list[str], form: Any) -> None:
    assert (fitted.predict_proba(form(texts[:9])) == fitted.predict_proba(texts)[:9]).all()


def test_labels_of_any_kind_come_back_as_they_were(texts: list[str], labels: np.ndarray) -> None:
    for classes in (np.array([False, True]), np.array([-1, 7]), np.array(["", " a"])):
        made = EnsembleClassifier(**QUICK).fit(texts, classes[(labels == "glad").astype(int)])
        assert (made.classes_ == classes).all() and made.predict(texts[:5]).dtype == classes.dtype


def test_images_and_texts_are_seen_by_paths_below_root(
    memes: Path, encoders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv(memes / "posts.csv", keep_default_na=False).head(60)
    params = {"text": encoders["text"], "image": encoders["image"], "max_length": 16, "views": 1}
    asked = {**QUICK, "learners": {"both": {"learner": "frozen", "params": params}}, "root": memes / "images"}
    pairs = list(zip(table["caption"], table["file"], strict=True))
    values = EnsembleClassifier(**asked).fit(pairs, table["sentiment"]).predict_proba(pairs)
    frame = pd.DataFrame({"image": table["file"], "text": table["caption"]})
    assert (EnsembleClassifier(**asked).fit(frame, table["sentiment"]).predict_proba(frame) == values).all()
    assert values.shape == (60, 3) and not [*tmp_path.iterdir()], "nothing is left in the working folder"


def test_numbers_are_predicted(texts: list[str]) -> None:
    numbers = np.array([text.count("love") - text.count("hate") for text in texts], dtype=float)
    made = EnsembleRegressor(**NUMBERS).fit(texts, numbers)
    assert made.score(texts, numbers) > 0.5 and made.predict(texts).shape == (60,)


def test_it_says_what_a_project_of_the_same_posts_says(
    fitted: EnsembleClassifier, texts: list[str], labels: np.ndarray, tmp_path: Path
) -> None:
    posts = Posts.from_frame(pd.DataFrame({"text": texts, "label": labels}), {"label": ["glad", "sad"]}, root=".")
    project = Project.from_posts(
        posts,
        TFIDF,
        tmp_path / "run",
        folds={"k": 3, "seed": 0},
        run={"cache": tmp_path / "cache"},
        stack={"estimators": ["soft_vote"]},
        progress=False,
    )
    project.train()
    project.stack()
    said = project.predict(pd.DataFrame({"text": texts}))
    assert (said[["label:glad", "label:sad"]].to_numpy() == fitted.predict_proba(texts)).all()
    assert (said["label"] == fitted.predict(texts)).all()


def test_the_same_random_state_gives_the_same_bits(
    fitted: EnsembleClassifier, texts: list[str], labels: np.ndarray
) -> None:
    again = clone(fitted).fit(texts, labels)
    assert (again.predict_proba(texts) == fitted.predict_proba(texts)).all()
    other = clone(fitted).set_params(random_state=1).fit(texts, labels)
    assert (other.predict_proba(texts) != fitted.predict_proba(texts)).any()
    drawn = [clone(fitted).set_params(random_state=np.random.RandomState(4)).fit(texts, labels) for _ in range(2)]
    assert (drawn[0].predict_proba(texts) == drawn[1].predict_proba(texts)).all()


def test_nothing_is_left_on_disk_without_a_folder(
    texts: list[str], labels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temp").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    monkeypatch.chdir(tmp_path / "here")
    made = EnsembleClassifier(**QUICK).fit(texts, labels)
    made.predict(texts)
    assert not os.listdir(tmp_path / "temp") and not os.listdir(tmp_path / "here")


def test_a_folder_keeps_runs_apart_and_does_nothing_twice(texts: list[str], labels: np.ndarray, tmp_path: Path) -> None:
    made = EnsembleClassifier(**QUICK, folder=tmp_path / "runs").fit(texts, labels)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.safetensors")}
    again = clone(made).fit(texts, labels)
    assert again.run_folder_ == made.run_folder_ and (again.run_folder_ / "run.json").is_file()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.safetensors")} == written
    other = clone(made).fit(texts[:50], labels[:50])
    assert other.run_folder_ != made.run_folder_
    loaded = pickle.loads(pickle.dumps(made))
    assert (loaded.predict_proba(texts) == made.predict_proba(texts)).all()


def test_without_a_folder_a_pickle_holds_the_parameters_alone(fitted: EnsembleClassifier, texts: list[str]) -> None:
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert other.get_params() == fitted.get_params() and vars(other).keys() == fitted.get_params().keys()
        with pytest.raises(NotFittedError):
            other.predict(texts)


def test_it_stands_in_pipelines_and_is_cross_validated(texts: list[str], labels: np.ndarray) -> None:
    lower = FunctionTransformer(lambda X: [text.lower() for text in X])
    pipeline = make_pipeline(lower, EnsembleClassifier(**QUICK))
    shouted = [text.upper() for text in texts]
    assert pipeline.fit(shouted, labels).score(texts, labels) > 0.9
    scores = cross_val_score(pipeline, shouted, labels, cv=2, scoring="roc_auc", error_score="raise")
    assert scores.shape == (2,) and (scores > 0.7).all()
    groups = [row // 5 for row in range(60)]
    grouped = cross_val_score(EnsembleClassifier(**QUICK), texts, labels, groups=groups, cv=GroupKFold(2))
    assert (grouped > 0.6).all()


def test_groups_stay_together_in_its_folds(texts: list[str], labels: np.ndarray, tmp_path: Path) -> None:
    groups = [f"user {row // 4}" for row in range(60)]
    made = EnsembleClassifier(**QUICK, folder=tmp_path).fit(texts, labels, groups=groups)
    plan = pd.read_parquet(made.run_folder_ / "folds.parquet").set_index("id")
    fold = plan["fold"].to_numpy()
    assert all(len(set(fold[start : start + 4])) == 1 for start in range(0, 60, 4))


def test_the_metric_decides_the_labels(texts: list[str], labels: np.ndarray) -> None:
    made = EnsembleClassifier(**QUICK, metric="accuracy").fit(texts, labels)
    assert set(made.scores_["metric"]) == {"accuracy"}
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        EnsembleClassifier(**QUICK, metric="acuracy").fit(texts, labels)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([["a", "b", "c"]] * 9, [0, 1, 1] * 3, r"X has shape \(9, 3\); posts are"),
        (np.arange(9.0), [0, 1, 1] * 3, "X holds 0.0, a float; a post is a text"),
        (
            pd.DataFrame({"tweet": ["a"] * 9}),
            [0, 1, 1] * 3,
            r"X has columns \['tweet'\]; posts have columns named text",
        ),
        (["a"] * 9, [0, 1], "inconsistent numbers of samples"),
        (["a"] * 9, [1] * 9, r"one class only, \[1\]"),
        (["a"] * 9, [0, 1, np.nan] * 3, "Input y contains NaN"),
        (["a"] * 9, ["x", "y", np.nan] * 3, "Input y contains NaN or None: 3 posts, the first at 2"),
        (["a", "b"], [0, 1], "n_samples=2 posts are too few for folds=3"),
        (["a"] * 9, [0, 1, 1] * 3, "3 folds need at least 3 distinct"),
    ],
)
def test_what_cannot_be_used_is_one_line(X: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        EnsembleClassifier(**QUICK).fit(X, y)
    assert "\n" not in str(caught.value)


def test_a_learner_that_there_is_not_is_named(texts: list[str], labels: np.ndarray) -> None:
    with pytest.raises((ValueError, EnsembleError), match="Did you mean 'tfidf'"):
        EnsembleClassifier(["tfdif"], folds=3).fit(texts, labels)
