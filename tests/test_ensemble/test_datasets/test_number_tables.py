"""Numbers in tables: read, refused by row, put apart, handed in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import SHARED

from ensemble.data import Dataset, Task
from ensemble.datasets import cmu, csv
from ensemble.datasets.label_columns import LabelColumn
from ensemble.datasets.submission import SubmissionRows, make_submission
from ensemble.datasets.submission_formats import FORMATS, task_scores, template_format
from ensemble.errors import ConfigError, DataError, EnsembleError
from ensemble.predictions import Predictions

STARS = LabelColumn(kind="regression", bounds=(-3, 5))


def write(path: Path, stars: list[str], **columns: list[str]) -> None:
    rows = {"id": [f"p{n}" for n in range(len(stars))], "text": [f"so {n}" for n in range(len(stars))]}
    pd.DataFrame({**rows, "stars": stars, **columns}).to_csv(path, index=False)


def read(root: Path, **options: object) -> Dataset:
    return csv.read(root, "posts.csv", **{"tasks": {"stars": STARS}, "text": "text", **options})  # type: ignore[arg-type]


def test_numbers_are_read_as_they_are_and_minus_one_is_one(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ["-1", "2.50", "", "1e0", "+3", "none"])
    data = read(tmp_path, labels={"stars": {"none": ""}})
    np.testing.assert_array_equal(data.labels(data.tasks[0]), [-1, 2.5, np.nan, 1, 3, np.nan])
    assert data.tasks[0].target.known(data.labels(data.tasks[0])).sum() == 4
    assert np.isnan(data.without_labels().labels(data.tasks[0])).all()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("good", r"row 'p1' has stars 'good'; it must be a number from -3 to 5; data\.labels may map it.* \(line 3\)"),
        ("3,5", "'3,5'; write numbers with a decimal point"),
        ("inf", "'inf'; it must be a number"),
        ("nan", "'nan'; it must be a number"),
        ("1_0", "'1_0'; it must be a number"),
        ("6", "'6'; it must be a number from -3 to 5"),
        ("1e999", "'1e999'; it must be a number"),
    ],
)
def test_what_is_no_number_is_refused_with_its_row(tmp_path: Path, cell: str, message: str) -> None:
    write(tmp_path / "posts.csv", ["1", cell, "2"])
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_words_may_stand_for_numbers(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ["bad", "2", "good"])
    data = read(tmp_path, labels={"stars": {"bad": "-2", "good": "3.5"}})
    assert data.labels(data.tasks[0]).tolist() == [-2, 2, 3.5]
    with pytest.raises(ConfigError, match="'bad' stands for 'low', not a number"):
        read(tmp_path, labels={"stars": {"bad": "low"}})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (LabelColumn(kind="regression", classes=["a", "b"]), "is a regression and cannot have classes"),
        (LabelColumn(kind="regression", bounds=(3, 1)), "bounds must be two numbers, the smaller first"),
        (LabelColumn(kind="regression", cuts=[[1.0, 0.0]]), "cuts must be ascending"),
        (LabelColumn(classes=["a", "b"], bounds=(0, 1)), "bounds or cuts, which are of kind 'regression'"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, column: LabelColumn, message: str) -> None:
    write(tmp_path / "posts.csv", ["", "2"])
    with pytest.raises(DataError, match=message):
        read(tmp_path, tasks={"stars": column})


def test_what_is_said_of_a_task_is_judged_before_its_labels(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ["1", "2"])
    with pytest.raises(ConfigError, match=r"data\.tasks\.stars has no classes; it must list them"):
        read(tmp_path, tasks={"stars": LabelColumn(annotators=["a", "b"])})
    with pytest.raises(ValueError, match="annotators name 'a' twice"):
        LabelColumn(kind="regression", annotators=["a", "a"])


def test_rows_of_the_development_part_are_told_by_a_column_or_a_file(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", list("1234"), mode=["train", "dev", "train", "test"])
    data = read(tmp_path, test_column="mode", dev_values=["dev"])
    assert data.frame["part"].tolist() == ["train", "dev", "train", "test"]
    pd.DataFrame({"id": ["q", "r"], "text": ["x", "y"], "stars": ["1", "3"]}).to_csv(tmp_path / "more.csv", index=False)
    apart = csv.read(tmp_path, "posts.csv", {"stars": STARS}, dev="more.csv", text="text")
    assert apart.frame["part"].tolist() == ["train"] * 4 + ["dev"] * 2
    with pytest.raises(DataError, match="No row has mode 'valid'"):
        read(tmp_path, test_column="mode", dev_values=["valid"])


def predicted(data: Dataset, values: list[float]) -> SubmissionRows:
    task = data.tasks[0]
    predictions = Predictions(task, data.ids, np.array(values)[:, None])
    return SubmissionRows(data, {task.name: predictions.labels()}, {task.name: predictions})


def test_numbers_are_handed_in_beside_their_ids_and_scored_as_read_back(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ["1", "2", "-1"])
    data = read(tmp_path)
    text = make_submission(FORMATS["csv"], predicted(data, [0.5, 2.25, -7.125]))
    assert text == "id,stars\np0,0.5\np1,2.25\np2,-7.125\n"  # nothing is clipped
    assert task_scores(data, FORMATS["csv"].read(text, data)) == {"mae of stars": pytest.approx(6.875 / 3)}
    assert FORMATS["csv"].lint(text.replace("2.25", "nan"), data) == ["row 2 has 'nan', not a number"]
    own = template_format("{id};{stars}", "id;value")
    assert make_submission(own, predicted(data, [0.5, 2, -1])) == "id;value\np0;0.5\np1;2\np2;-1\n"


MMSA = {
    "video_id": ["v_a", "v_a", "w", "x"],
    "clip_id": ["0001", "0002", "0001", "0001"],
    "text": ["a", "b", "c", "d"],
    "label": ["-3.0", "0.2", "3", ""],
    "label_T": [""] * 4,
    "annotation": ["Negative", "Positive", "Positive", ""],
    "mode": ["train", "train", "valid", "test"],
}


def test_both_layouts_of_clips_are_read_with_their_videos_as_groups(tmp_path: Path) -> None:
    pd.DataFrame(MMSA).to_csv(tmp_path / "label.csv", index=False)
    data = cmu.read(tmp_path)
    assert data.ids.tolist() == ["v_a_0001", "v_a_0002", "w_0001", "x_0001"]
    assert data.frame["group"].tolist() == ["v_a", "v_a", "w", "x"]
    assert data.frame["part"].tolist() == ["train", "train", "dev", "test"]
    small = pd.DataFrame({"id": data.ids, **{name: MMSA[name] for name in ("text", "label", "mode")}})
    small.to_csv(tmp_path / "small.csv", index=False)
    other = cmu.read(tmp_path, "small.csv", development="training")
    assert other.frame["part"].tolist() == ["train", "train", "train", "test"]
    assert other.frame["group"].tolist() == data.frame["group"].tolist()
    assert data.tasks == (Task("sentiment", kind="regression", bounds=(-3, 3)),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": ["train", "train", "later", "test"]}, "line 4 has mode 'later'"),
        ({"label": ["-3.5", "0.2", "3", ""]}, "row 'v_a_0001' has label '-3.5'; it must be a number from -3 to 3"),
        ({"clip_id": ["0001", "0001", "0001", "0001"]}, "ids appear more than once: 'v_a_0001'"),
        ({"clip_id": ["", "1", "2", "3"]}, "line 2 has no video_id and clip_id"),
    ],
)
def test_odd_clips_are_refused_with_their_row(tmp_path: Path, change: dict[str, list[str]], message: str) -> None:
    pd.DataFrame({**MMSA, **change}).to_csv(tmp_path / "label.csv", index=False)
    with pytest.raises(EnsembleError, match=message):
        cmu.read(tmp_path)


@pytest.mark.real_data
def test_mosi_is_read_as_it_was_published() -> None:
    data = cmu.read(SHARED / "data" / "mosi")
    assert data.frame["part"].value_counts().to_dict() == {"train": 1281, "test": 685, "dev": 229}
    assert any(note.startswith("videos: 52 of train, 10 of dev, 31 of test") for note in data.notes)
    labels = data.labels(data.tasks[0])
    assert (labels == 0).sum() == 66 and np.isnan(labels).sum() == 685


def test_ch_sims_has_bounds_and_classes_of_its_own(tmp_path: Path) -> None:
    table = {**MMSA, "label": ["-1", "0.2", "1", ""], "label_T": ["-0.4", "0", "1", "0.2"]}
    pd.DataFrame(table).to_csv(tmp_path / "label.csv", index=False)
    data = cmu.read(tmp_path, scale="sims", labels=("label", "label_T"))
    assert [task.name for task in data.tasks] == ["sentiment", "sentiment_text"]
    assert data.tasks[0].bounds == (-1, 1) and data.tasks[0].cuts[1] == (-0.1, 0.1)
    assert any("sims" in note for note in cmu.read(tmp_path).notes)
