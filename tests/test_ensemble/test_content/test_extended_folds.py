"""A table that has grown: old rows stay in their folds, copies of them follow, new ones are spread."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.finished import HASHES, finish
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.content.extended_folds import extended_plan
from ensemble.content.grouped_folds import bind_folds
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.errors import FoldError
from ensemble.folds import TEST_FOLD, UNUSED, FoldSettings, make_plan

K4 = FoldSettings(k=4)


def longer(data: Dataset, rows: int) -> Dataset:
    return data.take(np.arange(rows))


@given(st.integers(30, 80), st.integers(1, 40), st.integers(0, 3), st.sampled_from([0.0, 0.25]))
def test_old_rows_stay_and_groups_stay_whole(old: int, new: int, seed: int, test_fraction: float) -> None:
    random = np.random.default_rng(seed)
    data = toy_table(old + new, seed=seed, test_rows=5, tasks=(SENTIMENT, SARCASM))
    data = data.take(random.permutation(len(data)))
    group = random.integers(0, old, size=len(data))
    before = np.sort(random.permutation(len(data))[:old])
    settings = FoldSettings(k=3, test_fraction=test_fraction)
    try:
        plan = make_plan(data.take(before), group[before], settings)
    except FoldError:  # too few groups for folds: there is no plan that could grow
        return
    grown = extended_plan(plan, data, group)  # checks that no group straddles folds
    fold = pd.Series(grown.fold, index=data.ids)
    assert (fold[plan.frame["id"]].to_numpy() == plan.fold).all()
    assert list(grown.frame["id"]) == list(data.ids)
    train = (data.frame["part"] == "train").to_numpy()
    for code in np.unique(group[train]):
        rows = train & (group == code)
        assert len(set(grown.fold[rows]) - {UNUSED}) <= max(
            1, len(set(fold[data.ids[rows & np.isin(data.ids, plan.frame["id"])]]))
        )


def test_new_rows_are_spread_by_their_labels() -> None:
    data = toy_table(400)
    plan = make_plan(longer(data, 200), np.arange(200), K4)
    grown = extended_plan(plan, data, np.arange(400))
    labels = data.codes(SENTIMENT)[200:]
    for fold in range(4):
        counts = np.bincount(labels[grown.fold[200:] == fold], minlength=3)
        assert np.abs(counts - np.bincount(labels) / 4).max() <= 2
    assert grown.extended == "200 new rows: 200 in the 4 folds; the 200 old rows stay where they were"


def test_a_copy_goes_where_its_original_is_and_one_of_several_folds_nowhere() -> None:
    data = toy_table(44)
    plan = make_plan(longer(data, 40), np.arange(40), K4)
    first, second = (int(np.flatnonzero(plan.fold == fold)[0]) for fold in (0, 2))
    group = np.arange(44)
    group[[first, 40]] = 100
    group[[first, 41]] = 100
    group[[42, second]] = 200
    both = extended_plan(plan, data, group)
    assert both.fold[40] == both.fold[41] == 0 and both.fold[42] == 2
    groups = both.frame["group"]
    assert groups[40] == groups[first] and groups[42] == groups[second]
    group[[first, second, 40, 41, 42]] = 300
    apart = extended_plan(plan, data, group)
    assert (apart.fold[[40, 41, 42]] == UNUSED).all() and "3 are copies of old rows in several folds" in apart.extended
    assert apart.fold[43] >= 0


def test_rows_of_the_test_part_stay_outside() -> None:
    data = toy_table(40, test_rows=10)
    plan = make_plan(data.take(np.r_[:40, 40:44]), np.arange(44), K4)
    grown = extended_plan(plan, data, np.arange(50))
    assert (grown.fold[40:] == TEST_FOLD).all() and (grown.fold[:40] == plan.fold[:40]).all()


def test_a_run_that_has_grown_is_refused_until_it_is_asked_to_and_then_names_what_is_stale(tmp_path: Path) -> None:
    data, scans = scan(toy_table(36))
    few, of_few = scan(longer(toy_table(36), 30))
    run = finish(tmp_path / "run", few, HASHES, k=3)
    settings = FoldSettings(k=3)
    with pytest.raises(FoldError, match=r"6 rows new .* `ensemble train-base --extend-folds` keeps the folds of"):
        bind_folds(run.store, data, scans, settings)
    grown = bind_folds(run.store, data, scans, settings, extend=True)
    assert grown.extended.endswith("stale from now on: a, b")
    assert (grown.fold[:30] == run.plan.fold).all()
    again = bind_folds(run.store, data, scans, settings, extend=True)
    assert again.extended == "" and (again.fold == grown.fold).all()  # it is the plan from here on
    with pytest.raises(FoldError, match=r"6 rows no longer there"):
        bind_folds(run.store, few, of_few, settings, extend=True)


def test_rows_that_have_changed_are_refused_all_the_same(tmp_path: Path) -> None:
    run = finish(tmp_path / "run", longer(toy_table(36), 30), HASHES, k=3)
    data = toy_table(36)
    changed, scans = scan(data.with_columns(text=["other", *data.frame["text"][1:]]))
    with pytest.raises(FoldError, match=r"1 rows changed \('post0'\)"):
        bind_folds(run.store, changed, scans, FoldSettings(k=3), extend=True)
