"""Where rows are many a sample keeps what matters, and what is costly is left out unless it is named."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.world import meta_table

from meta import META_ESTIMATORS, many_rows
from meta.candidates import StackSpec, logistic_regression, xgboost
from meta.fitting import Option, fit
from meta.many_rows import left_out, many_rows_notes, sample
from meta.stack import make_stack
from meta.table import StackSettings


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 1000))
def test_a_sample_is_of_rows_once_each_in_order_and_of_all_where_they_are_few(rows: int, most: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(3, size=rows)
    taken = sample(labels, "classification", seed, most)
    assert (np.diff(taken) > 0).all() and taken.min() >= 0 and taken.max() < rows
    if rows <= most:
        assert len(taken) == rows


def test_a_sample_keeps_shares_and_no_class_is_left_with_a_handful() -> None:
    labels = np.repeat([0, 1, 2, 3], [60_000, 39_000, 950, 50])
    counts = np.bincount(labels[sample(labels, "classification", 0, 10_000)])
    np.testing.assert_allclose(counts[:2], [6_000, 3_900], atol=many_rows.FEW)
    assert counts[2] >= many_rows.FEW and counts[3] == 50


def test_a_sample_of_numbers_keeps_their_distribution() -> None:
    labels = np.random.default_rng(0).normal(size=50_000) ** 3
    few = labels[sample(labels, "regression", 0, 5_000)]
    np.testing.assert_allclose(np.quantile(few, [0.05, 0.5, 0.95]), np.quantile(labels, [0.05, 0.5, 0.95]), atol=0.01)


@pytest.mark.parametrize("calibrate", [False, True])
@pytest.mark.parametrize("name", META_ESTIMATORS)
def test_a_fit_on_some_rows_is_that_on_a_table_of_these_alone(name: str, calibrate: bool) -> None:
    data = meta_table()
    labels = np.where(np.arange(240) % 7 == 0, -1, data.labels)
    seen, spec = data.fold != 1, StackSpec(3, 3, "macro_f1", 0)
    ours = fit(Option(name), data.oof, labels, spec, calibrate, seen).predict(data.oof)
    theirs = fit(Option(name), data.oof[seen], labels[seen], spec, calibrate).predict(data.oof)
    assert (ours == theirs).all()


def test_newtons_method_is_for_many_rows_and_few_numbers_and_finds_the_same() -> None:
    data, few = meta_table(2000, signal=1.0), StackSpec(3, 3, "macro_f1", 0, rows=50_000)
    many, wide = replace(few, rows=50_001), replace(few, rows=50_001, learners=100)
    solvers = [logistic_regression(spec)[-1].solver for spec in (few, many, wide)]
    assert solvers == ["lbfgs", "newton-cholesky", "lbfgs"]
    ours, theirs = (
        fit(Option("logistic_regression"), data.oof, data.labels, spec).predict(data.oof) for spec in (few, many)
    )
    np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_boosted_trees_of_a_large_table_look_at_fewer_places_and_say_nearly_the_same() -> None:
    data, few = meta_table(2000, signal=1.0), StackSpec(3, 3, "macro_f1", 0, rows=50_000)
    many = replace(few, rows=50_001)
    assert [xgboost(spec).get_params()["max_bin"] for spec in (few, many)] == [None, 64]
    ours, theirs = (fit(Option("xgboost"), data.oof, data.labels, spec).predict(data.oof) for spec in (few, many))
    assert 0 < np.abs(ours - theirs).mean() < 0.02


def test_a_forest_is_left_out_of_a_large_table_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    table = meta_table()
    named = StackSettings(("soft_vote", "random_forest"))
    assert StackSettings().tried(table) == tuple(META_ESTIMATORS)
    monkeypatch.setattr(many_rows, "CELLS", table.oof.size - 1)
    assert set(META_ESTIMATORS) - set(StackSettings().tried(table)) == {"random_forest"}
    assert named.tried(table) == ("soft_vote", "random_forest")
    assert set(make_stack(table, named)[0].candidates) == {"soft_vote", "random_forest"}


def test_real_tables_of_a_few_thousand_rows_have_every_candidate() -> None:
    assert [left_out(*shape) for shape in ((4_511, 7 * 3), (7_000, 8 * 5), (23_000, 20))] == [()] * 3


def test_what_is_left_out_or_sampled_is_said_and_else_nothing() -> None:
    assert many_rows_notes(100_000, 3, ()) == []
    forest, fitted = many_rows_notes(1_000_000, 60, ("random_forest",))
    assert forest.startswith("The random forest was left out, as the costliest candidate on 1,000,000 rows x 60")
    assert "[stack] estimators" in forest and "fitted on 100,000" in fitted
