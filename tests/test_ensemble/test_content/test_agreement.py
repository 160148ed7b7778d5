"""Several annotators: what they say together, how far they agree, and that no learner sees any of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error

from ensemble.content.agreement import agreement, interval, krippendorff, nominal
from ensemble.content.audit import audit, audit_lines
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.datasets import csv
from ensemble.datasets.label_columns import LabelColumn
from ensemble.errors import DataError
from ensemble.folds import row_digests

N = float("nan")
# Krippendorff's own example as Wikipedia has it: three coders, 15 units; nominal .691, interval .811.
CODERS = np.array(
    [
        [N, N, N, N, N, 3, 4, 1, 2, 1, 1, 3, 3, N, 3],
        [1, N, 2, 1, 3, 3, 4, 3, N, N, N, N, N, N, N],
        [N, N, 2, 1, 3, 4, 4, N, 2, 1, 1, 3, 3, N, 4],
    ]
).T


def test_alpha_is_that_of_the_published_example() -> None:
    assert krippendorff(CODERS, nominal) == pytest.approx(0.691, abs=5e-4)
    assert krippendorff(CODERS, interval) == pytest.approx(0.811, abs=5e-4)
    assert np.isnan(krippendorff(np.full((3, 2), N), interval))
    assert np.isnan(krippendorff(np.full((3, 3), 0.1), interval))


def test_many_different_numbers_are_compared_at_once() -> None:
    ratings = np.random.default_rng(0).normal(size=(20_000, 1)) + np.random.default_rng(1).normal(size=(20_000, 3))
    assert krippendorff(ratings, interval) == pytest.approx(0.5, abs=0.02)


def read(folder: Path, columns: dict[str, list[str]], task: LabelColumn) -> Dataset:
    rows = len(next(iter(columns.values())))
    names = [f"p{row}" for row in range(rows)]
    pd.DataFrame({"id": names, "text": names, **columns}).to_csv(folder / "posts.csv", index=False)
    return csv.read(folder, "posts.csv", {"mood": task}, text="text")


NUMBERS = {"a": ["1", "", "3", ""], "b": ["2", "2", "-1", ""], "c": ["3", "4", "-2", ""]}
WORDS = {"a": ["x", "x", "y", "x"], "b": ["x", "y", "y", ""], "c": ["y", "", "y", ""]}


def test_numbers_become_their_mean(tmp_path: Path) -> None:
    data = read(tmp_path, NUMBERS, LabelColumn(kind="regression", bounds=(-3, 5), annotators=["a", "b", "c"]))
    task = data.tasks[0]
    np.testing.assert_allclose(data.labels(task), [2, 3, 0, N])
    found = agreement(data, task)
    assert found is not None and (found["annotators"], found["rows"], found["metric"]) == (3, 3, "mae")
    alone = [
        mean_absolute_error([1, 3], [2.5, -1.5]),
        mean_absolute_error([2, 2, -1], [2, 4, 0.5]),
        mean_absolute_error([3, 4, -2], [1.5, 2, 1]),
    ]
    assert found["ceiling"] == pytest.approx(np.mean(alone))


def test_classes_become_that_of_more_than_half_and_ties_are_said(tmp_path: Path) -> None:
    data = read(tmp_path, WORDS, LabelColumn(classes=["x", "y"], annotators=["a", "b", "c"]))
    assert data.frame["mood"].tolist() == ["x", None, "y", "x"]
    assert "posts.csv: 1 of 4 rows have no mood: no class has more than half of the labels" in data.notes
    lines = dict(audit_lines(audit(*scan(data))))
    assert lines["agreement on mood"].endswith("(3 annotators, 3 rows with several labels)")
    assert "macro_f1" in lines["one annotator against the others, mood"]


def test_no_learner_sees_what_annotators_said_but_the_folds_know_it(tmp_path: Path) -> None:
    task = LabelColumn(kind="regression", annotators=["a", "b", "c"])
    data = read(tmp_path, NUMBERS, task)
    hidden = data.without_labels().ratings(data.tasks[0])
    assert hidden is not None and np.isnan(hidden).all()
    swapped = read(tmp_path, {**NUMBERS, "a": NUMBERS["c"], "c": NUMBERS["a"]}, task)
    assert row_digests(swapped)[0] != row_digests(data)[0]  # the mean is the same, what was said is not


def test_an_annotators_odd_label_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 'p1' has b 'meh'; it must be a number"):
        read(tmp_path, {**NUMBERS, "b": ["1", "meh", "2", ""]}, LabelColumn(kind="regression", annotators=["a", "b"]))
