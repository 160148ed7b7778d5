"""A plan that was handed out is taken as it is, or refused by name."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.world import number_table, toy_table

from ensemble.content.copy_notes import copy_notes, large_group_notes
from ensemble.content.given_folds import given_plan
from ensemble.content.grouped_folds import bind_folds
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.datasets.fold_tables import read_given_folds, write_folds
from ensemble.errors import ConfigError, DataError, FoldError
from ensemble.folds import DEV_FOLD, TEST_FOLD, FoldPlan, FoldSettings, make_plan
from ensemble.store import Store


def plan_file(path: Path, data: Dataset, **columns: Any) -> Path:
    """Rows of the training part in folds 0 to 3 in turn."""
    frame = pd.DataFrame({"id": data.ids, "fold": [row % 4 for row in range(len(data))]}).assign(**columns)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


def bound(folder: Path, data: Dataset, file: Path, **settings: Any) -> FoldPlan:
    scanned, scans = scan(data)
    given = read_given_folds(file)
    return bind_folds(Store(folder / "run"), scanned, scans, FoldSettings(file=str(file), **settings), given)


@pytest.mark.parametrize("name", ["plan.csv", "plan.parquet"])
def test_a_given_plan_is_taken_as_it_is_and_read_again(tmp_path: Path, name: str) -> None:
    data = toy_table(40)
    file = plan_file(tmp_path / name, data)
    for _ in range(2):
        plan = bound(tmp_path, data, file)
        assert plan.fold.tolist() == [row % 4 for row in range(40)]
        assert plan.settings.k == 4


@pytest.mark.parametrize("names", [["1", "2", "3", "10"], ["a", "b", "c", "d"], ["1.0", "2.0", "3.0", "4.0"]])
def test_folds_may_have_any_names_which_are_said(tmp_path: Path, names: list[str]) -> None:
    data = toy_table(40)
    file = plan_file(tmp_path / "plan.csv", data, fold=[names[row % 4] for row in range(40)])
    assert bound(tmp_path, data, file).fold.tolist() == [row % 4 for row in range(40)]
    assert f"'{names[3].removesuffix('.0')}' is fold 3" in read_given_folds(file).notes[0]


def test_folds_named_as_here_need_no_word(tmp_path: Path) -> None:
    assert read_given_folds(plan_file(tmp_path / "plan.csv", toy_table(40))).notes == []


def test_test_rows_need_no_fold_and_training_rows_may_be_put_aside(tmp_path: Path) -> None:
    data = toy_table(40, test_rows=4)
    fold = [str(row % 4) for row in range(39)] + ["-1", "", "-1", "test", ""]
    file = plan_file(tmp_path / "plan.csv", data, fold=fold)
    assert (bound(tmp_path, data, file).fold[39:] == TEST_FOLD).all()
    pd.read_csv(file, dtype=str).head(40).to_csv(file, index=False)
    assert (bound(tmp_path, data, file).fold[39:] == TEST_FOLD).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.iloc[1:], r"1 rows are not in it \('post0'\)"),
        (lambda frame: frame.assign(id=["x", *frame["id"][1:]]), r"1 rows are in it and not in the table \('x'\)"),
        (lambda frame: frame.assign(fold=["", *frame["fold"][1:]]), r"1 rows have no fold \('post0'\)"),
        (lambda frame: frame.assign(fold=[*["0"] * 40, "-1"]), r"has 1 folds \('0'\); a plan needs at least 3"),
        (lambda frame: frame.assign(fold=[*frame["fold"][:-1], "0"]), r"1 rows are test rows and have a fold"),
        (lambda frame: pd.concat([frame, frame[:1]]), r"1 ids appear more than once \('post0'\)"),
    ],
)
def test_a_plan_of_other_rows_is_refused_and_they_are_named(tmp_path: Path, change: Any, message: str) -> None:
    data = toy_table(40, test_rows=1)
    fold = [str(row % 4) for row in range(40)] + ["-1"]
    file = plan_file(tmp_path / "plan.csv", data, fold=fold)
    change(pd.read_csv(file, dtype=str)).to_csv(file, index=False)
    with pytest.raises(FoldError, match=message):
        bound(tmp_path, data, file)


def test_a_file_without_folds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="fold"):
        read_given_folds(plan_file(tmp_path / "plan.csv", toy_table(9)), "split")


def test_a_plan_that_parts_copies_is_refused_unless_copies_are_ignored(tmp_path: Path) -> None:
    data = toy_table(40)
    data = data.with_columns(text=["twice", "twice", *data.texts[2:]])
    file = plan_file(tmp_path / "plan.csv", data)
    with pytest.raises(FoldError, match=r"'post0' \(fold 0\) and 'post1' \(fold 1\).*folds.copies = \"ignore\""):
        bound(tmp_path, data, file)
    assert bound(tmp_path, data, file, copies="ignore").fold[:2].tolist() == [0, 1]


def test_groups_of_the_file_are_kept_and_must_be_whole(tmp_path: Path) -> None:
    data = toy_table(40)
    data = data.with_columns(text=["twice", "twice", *data.texts[2:]])
    plan = bound(tmp_path, data, plan_file(tmp_path / "plan.csv", data, group=[row % 8 + 5 for row in range(40)]))
    assert plan.frame["group"].tolist() == [row % 8 + 5 for row in range(40)]
    with pytest.raises(FoldError, match=r"'post0' .*'post5'.*mend its column group"):
        bound(tmp_path / "b", data, plan_file(tmp_path / "plan.csv", data, group=[row % 5 for row in range(40)]))


def test_another_plan_is_refused_once_something_was_made_on_the_first(tmp_path: Path) -> None:
    data = toy_table(40)
    file = plan_file(tmp_path / "plan.csv", data)
    bound(tmp_path, data, file)
    plan_file(file, data, fold=[(row + 1) % 4 for row in range(40)])
    assert bound(tmp_path, data, file).fold[0] == 1
    result = tmp_path / "run" / "base" / "a" / "sentiment" / "seed-0" / "fold-0" / "done.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    bound(tmp_path, data, file)
    plan_file(file, data)
    with pytest.raises(FoldError, match=r"plan.csv is not the plan this run was made on: 40 rows are in other folds"):
        bound(tmp_path, data, file)


def test_one_place_for_a_given_plan() -> None:
    with pytest.raises(FoldError, match="both hold a plan; name one"):
        FoldSettings(file="a.csv", column="fold")
    with pytest.raises(FoldError, match="a given plan says itself"):
        FoldSettings(file="a.csv", test_fraction=0.2)


def test_groups_of_the_table_and_copies_are_kept_together(tmp_path: Path) -> None:
    data = toy_table(40)
    users = [f"user{row // 2}" for row in range(40)]
    data = data.with_columns(text=[*data.texts[:39], data.texts[0]], group=users)
    scanned, scans = scan(data)
    plan = bind_folds(Store(tmp_path / "run"), scanned, scans, FoldSettings(k=3))
    assert len(set(plan.frame["group"])) == 19
    assert len(set(plan.fold[[0, 1, 38, 39]])) == 1


def test_copies_are_ignored_where_that_is_asked_for(tmp_path: Path) -> None:
    data = toy_table(40)
    scanned, scans = scan(data.with_columns(text=[*data.texts[:39], data.texts[0]]))
    plan = bind_folds(Store(tmp_path / "run"), scanned, scans, FoldSettings(k=3, copies="ignore"))
    assert len(set(plan.frame["group"])) == 40


def test_placeholders_and_large_groups_are_named() -> None:
    data = toy_table(100)
    data = data.with_columns(text=["nan"] * 45 + ["good morning"] * 9 + data.texts[54:])
    group = np.array([*range(45), *[200] * 9, *range(54, 100)])
    placeholder, large = copy_notes(data, group, 5)
    assert placeholder.startswith("The text 'nan' is on 45 of 100 posts: a placeholder or a prompt")
    assert large.startswith("9 posts, 45% of a fold, are one group (text 'good morning' on 9, first ids 'post45'")
    assert 'folds.copies = "ignore"' in large


def test_groups_of_a_tenth_of_a_fold_need_no_word() -> None:
    data = toy_table(200)
    for size, notes in ((4, 0), (5, 1)):
        assert len(large_group_notes(data, np.array([0] * size + list(range(size, 200))), 5)) == notes


def test_a_group_of_the_table_is_no_copies_and_is_named_only_where_no_fold_holds_it() -> None:
    data = toy_table(100).with_columns(group=["ann"] * 25 + ["bob"] * 9 + [f"user{row}" for row in range(66)])
    (line,) = large_group_notes(data, np.array([0] * 25 + [1] * 9 + list(range(34, 100))), 5)
    assert "25 posts, 125% of a fold, are one group (group 'ann' of the table" in line
    assert "folds.copies" not in line


IDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).map(str.strip).filter(bool)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(IDS, min_size=9, max_size=12, unique=True), suffix=st.sampled_from([".csv", ".parquet"]))
def test_a_plan_that_was_written_is_read_as_it_was(tmp_path: Path, rows: list[str], suffix: str) -> None:
    data = toy_table(9, test_rows=len(rows) - 9).with_columns(id=rows)
    plan = make_plan(data, np.arange(len(rows)), FoldSettings(k=3))
    path = tmp_path / f"plan{suffix}"
    written = write_folds(plan, path)
    assert (sum(written["rows"]), written["test_rows"]) == (9, len(rows) - 9)
    again = given_plan(data, read_given_folds(path), np.arange(len(rows)), FoldSettings(file=str(path)))
    assert again.fingerprint() == plan.fingerprint() and again.settings.k == 3


@pytest.mark.parametrize("names", [(), ("dev", "")])
def test_a_development_part_is_written_and_read_as_it_was(tmp_path: Path, names: tuple[str, ...]) -> None:
    data = number_table(np.linspace(-1, 1, 20), dev_rows=2, test_rows=2)
    plan, path = make_plan(data, np.arange(20), FoldSettings(k=3)), tmp_path / "plan.csv"
    assert write_folds(plan, path)["dev_rows"] == 2
    frame = pd.read_csv(path, dtype=str)
    frame.loc[np.flatnonzero(frame["fold"] == "-3")[: len(names)], "fold"] = list(names)
    frame.to_csv(path, index=False)
    assert read_given_folds(path).of(data).tolist() == plan.fold.tolist()


def test_training_rows_may_be_made_a_development_part(tmp_path: Path) -> None:
    data = toy_table(40)
    file = plan_file(tmp_path / "plan.csv", data, fold=[str(row % 4) for row in range(38)] + ["dev", "-1"])
    assert bound(tmp_path, data, file).fold[38:].tolist() == [DEV_FOLD, TEST_FOLD]


def test_a_plan_whose_ids_are_in_another_unicode_form_is_of_the_same_rows(tmp_path: Path) -> None:
    data = toy_table(12).with_columns(id=[f"caf\u00e9 {n}" for n in range(12)])
    plan = make_plan(data, np.arange(12), FoldSettings(k=3))
    frame = plan.frame.assign(id=[unicodedata.normalize("NFD", row) for row in plan.frame["id"]])
    frame.to_csv(tmp_path / "plan.csv", index=False)
    assert read_given_folds(tmp_path / "plan.csv").of(data).tolist() == plan.fold.tolist()


def test_a_plan_is_written_as_csv_or_parquet(tmp_path: Path) -> None:
    plan = make_plan(toy_table(9), np.arange(9), FoldSettings(k=3))
    with pytest.raises(ConfigError, match=r"written as \.csv or \.parquet, not as 'plan.xlsx'"):
        write_folds(plan, tmp_path / "plan.xlsx")
