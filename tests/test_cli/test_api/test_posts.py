"""Posts of a frame: any cells that mean something, and one line with column and row for what does not."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.frames import SETTINGS
from support.world import picture

import ensemble
from ensemble.errors import ConfigError, DataError

make = ensemble.Posts.from_frame


def small(**columns: Any) -> pd.DataFrame:
    """Four posts, more or other columns of them."""
    return pd.DataFrame({"text": list("abcd"), "label": ["x", "y", "x", "y"], **columns}, index=[10, 11, 12, 13])


def saved(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    picture(8, 8).save(folder / name)
    return folder / name


def test_everything_missing_is_missing(tmp_path: Path) -> None:
    saved(tmp_path, "a.png")
    posts = make(
        small(
            text=["a", None, float("nan"), pd.NA], image=["a.png", None, np.nan, pd.NaT], label=["x", "y", None, "x"]
        ),
        root=tmp_path,
    )
    assert posts.train["text"].tolist() == ["a", None, None, None]
    assert posts.train["image"].tolist() == ["a.png", None, None, None]
    assert posts.train["label"].tolist() == ["x", "y", None, "x"] and posts.train["id"].tolist() == list("1234")
    assert repr(posts) == "<Posts: 4, text, image; labels label>"


def test_paths_may_be_relative_absolute_or_path_objects_below_root(tmp_path: Path) -> None:
    inner, absolute = saved(tmp_path / "in", "b.png"), saved(tmp_path, "a.png")
    posts = make(small(image=["in/b.png", absolute, str(inner), Path("a.png")]), root=tmp_path)
    assert posts.train["image"].tolist() == ["in/b.png", "a.png", "in/b.png", "a.png"]


def test_encoded_files_are_taken_and_decoded_ones_are_refused(tmp_path: Path) -> None:
    raw = saved(tmp_path, "a.png").read_bytes()
    assert make(small(image=[raw, None, raw, raw])).train["image"].notna().sum() == 3
    for cell, kind in ((picture(2, 2), "Image"), (np.zeros((2, 2)), "ndarray"), (object(), "object")):
        with pytest.raises(DataError, match=f"the frame: row 12: 'image' holds a {kind}; it must be a path below root"):
            make(small(image=[None, None, cell, None]))


@pytest.mark.parametrize(
    ("columns", "options", "line"),
    [
        ({"key": list("aabc")}, {"id": "key"}, r"1 ids appear more than once: 'a' \(row 10, row 11\)"),
        ({"key": ["a", None, "b", "c"]}, {"id": "key"}, "row 11 has no key; every row needs an id"),
        ({}, {"text": "tweet"}, "the frame: Unknown column 'tweet'"),
        ({}, {"text": ""}, "the frame has no column of posts"),
        ({}, {"groups": "user"}, "Unknown column 'user'"),
        ({}, {"slices": ["place"]}, "the frame: Unknown column 'place'"),
        ({}, {"tasks": "lable"}, "Unknown column 'lable'. Did you mean 'label'"),
        ({}, {"tasks": {"label": ["x", "z"]}}, "row '2' has label 'y'; it must be one of .* .row 11"),
        ({}, {"tasks": {"label": "regression"}}, 'must be a list of classes, "number", or None'),
        ({}, {"tasks": {"label": "number"}}, "has label 'x'; it must be a number"),
        ({}, {"tasks": {"label": ["x", "y"]}, "ordinal": ["lable"]}, "Unknown data.ordinal task 'lable'"),
        ({}, {"tasks": {}}, "must name a label column"),
        ({"text": [["a", "b"], "c", "d", "e"]}, {}, "row 10: 'text' holds a list"),
        ({}, {"tasks": None}, "tasks must name columns of labels, such as 'label'; got None"),
        ({}, {"root": "nowhere"}, "root: the folder nowhere does not exist"),
        ({}, {"root": 5}, "root must be a path, got 5"),
    ],
)
def test_what_is_wrong_is_one_line_with_column_and_row(
    columns: dict[str, Any], options: dict[str, Any], line: str
) -> None:
    with pytest.raises((DataError, ConfigError), match=line) as error:
        make(small(**columns), **options)
    assert "\n" not in str(error.value)


def test_what_is_no_frame_or_has_a_column_twice_is_refused() -> None:
    with pytest.raises(DataError, match="must be a pandas DataFrame, got a dict"):
        make({"text": ["a"]})  # type: ignore[arg-type]
    with pytest.raises(DataError, match="columns 'label' are there more than once"):
        make(pd.concat([small(), small()[["label"]]], axis=1))
    with pytest.raises(DataError, match="the frame has no rows"):
        make(small().head(0), {"label": ["x", "y"]})


def test_test_rows_are_numbered_on_and_share_no_id() -> None:
    posts = make(small(), test=small().drop(columns="label"))
    assert posts.test is not None and posts.test["id"].tolist() == list("5678") and "label" not in posts.test
    with pytest.raises(DataError, match="share 1 ids, such as 'c'"):
        make(small(key=list("abcd")), id="key", test=small(key=list("xycz")))


def test_several_tasks_numbers_groups_and_labels_of_test_rows_go_all_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    mood = random.uniform(-1, 1, 60)
    frame = pd.DataFrame(
        {
            "tweet": [f"post {row} {'good' if value > 0 else 'bad'}" for row, value in enumerate(mood)],
            "good": mood > 0,
            "degree": pd.array([1 + (value > 0) + (value > 0.5) for value in mood], dtype="Int64"),
            "mood": mood,
            "user": [f"u{row // 2}" for row in range(60)],
        }
    )
    posts = ensemble.Posts.from_frame(
        frame.head(48),
        {"good": [False, True], "degree": None, "mood": {"kind": "regression", "bounds": [-1, 1]}},
        text="tweet",
        groups="user",
        ordinal=["degree"],
        test=frame.tail(12),
    )
    assert "degree: classes 1, 2, 3" in caplog.text
    learners = {"prior": "prior", "tfidf": {"learner": "tfidf", "params": {"min_documents": 1}}}
    few = {"estimators": ["best_single", "greedy"]}  # of classes and of numbers alike
    project = ensemble.Project.from_posts(posts, learners, "run", **SETTINGS | {"stack": few})
    folds = project.folds().assign(user=frame["user"])
    assert (folds.groupby("user")["fold"].nunique() == 1).all()
    assert {"macro_f1", "mae"} <= set(project.train()["metric"])
    stacked = project.stack()
    scored = stacked.query("part == 'test' and kind == 'stack'")
    assert scored["rows"].tolist() == [12] * 3 and set(scored["task"]) == {"good", "degree", "mood"}
    answers = project.predict(frame.tail(12).drop(columns=["good", "degree", "mood"]))
    assert answers["mood"].between(-1.5, 1.5).all() and set(answers["good"]) <= {"False", "True"}
    assert answers.index.equals(frame.tail(12).index)
    tested = project.predictions("mood", test=True)
    assert answers["mood"].to_numpy() == pytest.approx(tested["mood"].to_numpy())


def test_a_column_that_says_whose_posts_are_is_named(caplog: pytest.LogCaptureFixture) -> None:
    make(small(user=list("aabb")))
    assert "groups='user' keeps them together" in caplog.text


def test_columns_by_which_scores_are_told_apart_are_kept_beside_the_posts() -> None:
    posts = make(small(place=["x", "y", None, "x"]), slices=["place", "language"], test=small(id=list("efgh")))
    assert posts.train["place"].tolist() == ["x", "y", None, "x"] and "language" not in posts.train
    assert posts.layout.section()["slices"] == ["place", "language"]
    assert posts.test is not None and "place" not in posts.test
    assert "slices" not in make(small(place=list("xyxy"))).layout.section()
