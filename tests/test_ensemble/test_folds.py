"""The fold plan: fair, whole, written once and never redrawn."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.world import NUMBER, SARCASM, SENTIMENT, number_table, toy_table

from ensemble.content.duplicates import find_duplicates
from ensemble.content.grouped_folds import bind_folds
from ensemble.content.scan import scan
from ensemble.data import Codes, Dataset
from ensemble.errors import DataError, FoldError, StoreError
from ensemble.folds import TEST_FOLD, FoldPlan, FoldSettings, make_plan, stratified_group_split
from ensemble.run import OpenedData
from ensemble.store import Store
from ensemble.system.files import read_json, write_json

K3 = FoldSettings(k=3)


def plan_of(data: Dataset, group: Codes | None = None, **settings: float) -> FoldPlan:
    groups = np.arange(len(data)) if group is None else group
    return make_plan(data, groups, FoldSettings(**settings))  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 6), st.integers(0, 30), st.sampled_from([0.0, 0.2]))
def test_every_training_row_is_in_one_fold_and_no_group_straddles(
    seed: int, k: int, test_rows: int, test_fraction: float
) -> None:
    random = np.random.default_rng(seed)
    data = toy_table(120, seed, test_rows, (SENTIMENT, SARCASM))
    group = random.integers(0, 60, len(data))
    plan = plan_of(data, group, k=k, seed=seed, test_fraction=test_fraction)
    held = np.concatenate([plan.held_out_rows(fold) for fold in range(k)])
    assert sorted([*held, *plan.test_rows]) == list(range(len(data)))
    assert (plan.fold[120:] == TEST_FOLD).all()
    for number in np.unique(group[:120]):
        assert len(set(plan.fold[:120][group[:120] == number])) == 1
    for fold in range(k):
        assert not set(plan.fit_rows(fold)) & set(plan.held_out_rows(fold))
        assert not set(plan.fit_rows(fold)) & set(plan.test_rows)
        assert len(plan.fit_rows(fold)) + len(plan.held_out_rows(fold)) == len(plan.cv_rows)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 6))
def test_every_class_of_every_task_is_spread_evenly(seed: int, k: int) -> None:
    data = toy_table(300, seed, 0, (SENTIMENT, SARCASM))
    plan = plan_of(data, k=k, seed=seed)
    for task in data.tasks:
        counts = np.array([np.bincount(data.labels(task)[plan.held_out_rows(fold)], minlength=2) for fold in range(k)])
        assert (counts.max(axis=0) - counts.min(axis=0) <= 0.2 * counts.mean(axis=0) + 3).all()
    sizes = [len(plan.held_out_rows(fold)) for fold in range(k)]
    assert max(sizes) - min(sizes) <= 0.1 * 300 / k + 3


def test_a_class_with_as_many_rows_as_folds_has_one_in_each() -> None:
    labels = np.array([1] * 5 + [0] * 95)
    part = stratified_group_split([labels], [2], np.arange(100), [0.2] * 5, seed=0)
    assert sorted(part[:5]) == [0, 1, 2, 3, 4]


def test_unknown_labels_are_distributed_too() -> None:
    part = stratified_group_split([np.full(50, -1)], [2], np.arange(50), [0.2] * 5, seed=0)
    assert np.bincount(part).tolist() == [10] * 5


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_the_labelled_test_part_has_its_fraction_of_rows_and_classes(fraction: float) -> None:
    data = toy_table(400)
    plan = plan_of(data, k=5, test_fraction=fraction)
    assert len(plan.test_rows) == pytest.approx(400 * fraction, abs=6)
    labels = data.labels(SENTIMENT)
    for label in range(3):
        share = (labels[plan.test_rows] == label).sum() / (labels == label).sum()
        assert share == pytest.approx(fraction, abs=0.05)


def test_no_copy_of_a_test_part_row_is_in_a_fold() -> None:
    group = np.repeat(np.arange(50), 4)
    plan = plan_of(toy_table(200), group, k=4, test_fraction=0.25)
    assert not set(group[plan.test_rows]) & set(group[plan.cv_rows])


def test_equal_seeds_draw_equal_plans_and_others_do_not() -> None:
    data = toy_table(60)
    assert plan_of(data, k=3).fingerprint() == plan_of(data, k=3).fingerprint()
    assert plan_of(data, k=3, seed=1).fingerprint() != plan_of(data, k=3).fingerprint()


def test_the_fingerprint_does_not_depend_on_the_order_of_rows() -> None:
    plan = plan_of(toy_table(30), k=3)
    turned = FoldPlan(plan.settings, plan.frame.iloc[::-1].reset_index(drop=True))
    assert turned.fingerprint() == plan.fingerprint()


@pytest.mark.parametrize("settings", [{"k": 1}, {"k": 0}, {"test_fraction": 1.0}, {"test_fraction": -0.1}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(FoldError, match=r"folds\.(k|test_fraction) must be at least"):
        FoldSettings(**settings)  # type: ignore[arg-type]


def test_fewer_groups_than_folds_are_refused() -> None:
    with pytest.raises(FoldError, match="5 folds need at least 5 distinct training posts; there are 4"):
        plan_of(toy_table(40), np.arange(40) % 4)


def test_a_plan_whose_groups_straddle_is_refused() -> None:
    plan = plan_of(toy_table(30), k=3)
    with pytest.raises(FoldError, match="straddle folds"):
        FoldPlan(plan.settings, plan.frame.assign(group=0))


def test_a_plan_with_an_empty_or_unknown_fold_is_refused() -> None:
    plan = plan_of(toy_table(30), k=3)
    for fold in (plan.fold.clip(max=1), plan.fold + 1):
        with pytest.raises(FoldError, match="must fill folds 0 to 2"):
            FoldPlan(plan.settings, plan.frame.assign(fold=fold))


def test_a_plan_reads_back_as_written(tmp_path: Path) -> None:
    plan = plan_of(toy_table(30, test_rows=5), k=3, seed=4, test_fraction=0.1)
    plan.write(tmp_path / "folds.parquet")
    again = FoldPlan.read(tmp_path / "folds.parquet")
    assert again.settings == plan.settings
    pd.testing.assert_frame_equal(again.frame, plan.frame, check_dtype=False)
    assert again.fingerprint() == plan.fingerprint()


def bound(tmp_path: Path, data: Dataset, settings: FoldSettings = K3) -> FoldPlan:
    data, scans = scan(data)
    return bind_folds(Store(tmp_path / "run"), data, scans, settings)


def test_a_run_draws_its_plan_once_and_then_only_reads_it(tmp_path: Path) -> None:
    data = toy_table(30)
    first = bound(tmp_path, data)
    written = (tmp_path / "run" / "folds.parquet").stat().st_mtime_ns
    second = bound(tmp_path, data)
    assert first.fingerprint() == second.fingerprint()
    assert (tmp_path / "run" / "folds.parquet").stat().st_mtime_ns == written


def test_a_run_keeps_copies_in_one_fold(tmp_path: Path) -> None:
    data = toy_table(30)
    data = data.with_columns(text=[*data.texts[:10], *data.texts[:10], *data.texts[20:]])
    assert len(set(find_duplicates(*scan(data)).group)) == 20
    fold = bound(tmp_path, data).fold
    assert (fold[:10] == fold[10:20]).all()


def test_a_run_keeps_the_tables_own_groups_in_one_fold_and_a_plan_that_divides_them_is_refused(tmp_path: Path) -> None:
    data = toy_table(60)
    users = [f"u{row % 12}" for row in range(60)]
    plan = bound(tmp_path / "one", data.with_columns(group=users))
    assert pd.Series(plan.fold).groupby(users).nunique().max() == 1
    assert bound(tmp_path / "one", data.with_columns(group=users)).fingerprint() == plan.fingerprint()
    bound(tmp_path / "two", data)
    with pytest.raises(FoldError, match=r"folds divide \d+ groups of data.group: 'u"):
        bound(tmp_path / "two", data.with_columns(group=users))


def test_an_edited_plan_is_refused(tmp_path: Path) -> None:
    bound(tmp_path, toy_table(30))
    path = tmp_path / "run" / "folds.parquet"
    frame = pd.read_parquet(path)
    frame["fold"] = frame["fold"].to_numpy()[::-1]
    frame.to_parquet(path)
    with pytest.raises(FoldError, match=r"folds\.parquet was edited after it was made"):
        bound(tmp_path, toy_table(30))


def test_an_edited_record_of_the_plan_is_refused(tmp_path: Path) -> None:
    bound(tmp_path, toy_table(30))
    path = tmp_path / "run" / "folds.json"
    write_json(path, read_json(path) | {"fingerprint": "0" * 32})
    with pytest.raises(FoldError, match="was edited after it was made"):
        bound(tmp_path, toy_table(30))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def with_a_result(tmp_path: Path, data: Dataset) -> FoldPlan:
    """A plan, and a finished job that was made on it."""
    plan = bound(tmp_path, data)
    identity = OpenedData(Store(tmp_path / "run"), scan(data)[0], plan).identity
    write_json(tmp_path / "run" / "base" / "a" / "sentiment" / "seed-0" / "fold-0" / "done.json", {"made_of": identity})
    return plan


@pytest.mark.parametrize("file", ["folds.json", "folds.parquet"])
@pytest.mark.parametrize("damage", [Path.unlink, cut])
def test_a_lost_plan_is_drawn_again_where_it_is_that_of_the_results(
    tmp_path: Path, file: str, damage: Callable[[Path], None]
) -> None:
    plan = with_a_result(tmp_path, toy_table(30))
    damage(tmp_path / "run" / file)
    again = bound(tmp_path, toy_table(30))
    assert file in again.lost and again.fingerprint() == plan.fingerprint()
    assert bound(tmp_path, toy_table(30)).lost == ""
    damage(tmp_path / "run" / file)
    for data, now in ((toy_table(30), FoldSettings(k=4)), (toy_table(33), K3)):
        with pytest.raises(StoreError, match=rf"{file}.* give another plan than the one .*fold-0 was made on"):
            bound(tmp_path, data, now)


def test_a_lost_plan_on_which_nothing_was_made_is_drawn_anew(tmp_path: Path) -> None:
    bound(tmp_path, toy_table(30))
    (tmp_path / "run" / "folds.parquet").unlink()
    assert bound(tmp_path, toy_table(33)).lost == ""


def test_a_plan_is_read_from_a_folder_that_may_only_be_read() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        plan = with_a_result(folder, toy_table(30))
        for path in (folder, folder / "run"):
            path.chmod(0o555)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)  # whom permissions bind
            assert bound(folder, toy_table(30)).fingerprint() == plan.fingerprint()
        finally:
            os.seteuid(user)
            for path in (folder, folder / "run"):
                path.chmod(0o755)


def test_a_changed_number_of_folds_is_refused_once_something_was_made_on_them(tmp_path: Path) -> None:
    bound(tmp_path, toy_table(30))
    assert bound(tmp_path, toy_table(30), FoldSettings(k=4)).settings.k == 4
    assert bound(tmp_path, toy_table(30), FoldSettings(k=3)).settings.k == 3
    result = tmp_path / "run" / "base" / "a" / "sentiment" / "seed-0" / "fold-0" / "done.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    with pytest.raises(FoldError, match="fold plan has k = 3, the configuration says 5"):
        bound(tmp_path, toy_table(30), FoldSettings(k=5))


@pytest.mark.parametrize("column", ["text", "part", "sentiment"])
def test_a_changed_row_is_refused_and_named(tmp_path: Path, column: str) -> None:
    data = toy_table(30)
    bound(tmp_path, data)
    new = {"text": "changed", "part": "test", "sentiment": None}[column]
    changed = [new if row == 7 else value for row, value in enumerate(data.frame[column])]
    with pytest.raises(FoldError, match=r"1 rows changed \('post7'\)"):
        bound(tmp_path, data.with_columns(**{column: changed}))


def test_a_changed_image_is_refused_and_named(tmp_path: Path) -> None:
    data = toy_table(30)
    hashes = [f"hash{row}" for row in range(30)]
    plan = plan_of(data.with_columns(image_hash=hashes), k=3)
    hashes[3] = "other"
    with pytest.raises(FoldError, match=r"1 rows changed \('post3'\)"):
        plan.check(data.with_columns(image_hash=hashes), K3)


def test_added_and_removed_rows_are_refused_and_named(tmp_path: Path) -> None:
    data = toy_table(30)
    bound(tmp_path, data.take(np.arange(1, 29)))
    with pytest.raises(FoldError, match=r"2 rows new \('post0', 'post29'\)"):
        bound(tmp_path, data)
    with pytest.raises(FoldError, match=r"3 rows no longer there \('post26', 'post27', 'post28'\)"):
        bound(tmp_path, data.take(np.arange(1, 26)))


def test_rows_in_another_order_keep_their_folds(tmp_path: Path) -> None:
    data = toy_table(30)
    first = bound(tmp_path, data)
    turned = data.take(np.arange(30)[::-1])
    second = bound(tmp_path, turned)
    assert dict(zip(turned.ids, second.fold, strict=True)) == dict(zip(data.ids, first.fold, strict=True))
    assert turned.ids[second.cv_rows].tolist() == second.frame["id"].iloc[second.cv_rows].tolist()


def test_equal_plans_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        plan_of(toy_table(30), k=3).write(tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.read_schema(tmp_path / "a.parquet").names == ["id", "fold", "group", "digest"]


def test_folds_get_their_share_of_low_and_high_numbers(random: np.random.Generator) -> None:
    data = number_table(random.uniform(-1, 1, 400))
    plan = make_plan(data, np.arange(400) // 2, FoldSettings())
    labels = data.labels(NUMBER)
    for fold in range(5):
        assert np.quantile(labels[plan.fold == fold], [0.1, 0.5, 0.9]) == pytest.approx([-0.8, 0, 0.8], abs=0.15)


def test_minus_one_alone_is_a_number_that_teaches_nothing() -> None:
    with pytest.raises(DataError, match="one and the same value, -1, in all of the 30 training rows"):
        make_plan(number_table([-1.0] * 30), np.arange(30), FoldSettings())
    with pytest.raises(DataError, match="has no value among the 30 training rows"):
        make_plan(number_table([float("nan")] * 30), np.arange(30), FoldSettings())
    plan = make_plan(number_table([-1.0] * 29 + [1.0]), np.arange(30), FoldSettings())
    assert len(plan.cv_rows) == 30


def test_the_development_part_is_in_no_fold_and_stays_so_in_nested_ones() -> None:
    data = number_table(np.linspace(-1, 1, 75), dev_rows=10, test_rows=5)
    plan = make_plan(data, np.arange(75), FoldSettings())
    assert plan.dev_rows.tolist() == list(range(60, 70)) and plan.test_rows.tolist() == list(range(70, 75))
    assert plan.outside_rows.tolist() == [*range(70, 75), *range(60, 70)]
    nested = plan.nested(data, 0, seed=1)
    assert nested.dev_rows.tolist() == plan.dev_rows.tolist() and len(nested.test_rows) == 0
