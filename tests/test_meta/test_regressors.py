"""Candidates for a stack of numbers: as scikit-learn stacks, in any unit, kept without pickle, whole on odd labels."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import StackingRegressor
from support.regressions import knowing, truth
from support.world import Floats
from test_meta.test_averages import Column

from meta import NUMBER_ESTIMATORS
from meta.candidates import StackSpec
from meta.fitting import Fitted, Option, fit
from meta.nested_cv import options_of
from meta.regressors import decision_tree, random_forest, ridge, xgboost

SPEC = StackSpec(learners=3, classes=1, metric="mae", seed=0, kind="regression")
AVERAGES = ("best_single", "mean", "median", "simplex", "greedy")
TRAINED = {"ridge": ridge, "decision_tree": decision_tree, "random_forest": random_forest, "xgboost": xgboost}


def problem(seed: int = 0, rows: int = 200) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    labels = truth(random, rows)
    return np.stack([knowing(random, labels, r) for r in (0.8, 0.5, 0.0)], axis=1), labels


@pytest.mark.parametrize("name", NUMBER_ESTIMATORS)
def test_a_saved_estimator_loads_back_to_equal_numbers(name: str, tmp_path: Path) -> None:
    features, labels = problem()
    fitted = fit(Option(name), features, labels, SPEC)
    fitted.save(tmp_path)
    values = fitted.predict(features)
    assert values.shape == (200, 1) and (Fitted.load(tmp_path, fitted.option.name).predict(features) == values).all()


@pytest.mark.parametrize("name", TRAINED)
@settings(max_examples=5)
@given(st.integers(0, 1000))
def test_trained_candidates_are_those_of_a_stacking_regressor(name: str, seed: int) -> None:
    features, labels = problem(seed)
    columns = [(f"c{n}", Column(n).fit(features, labels)) for n in range(3)]
    theirs = StackingRegressor(columns, TRAINED[name](SPEC), cv="prefit").fit(features, labels).predict(features)
    np.testing.assert_allclose(fit(Option(name), features, labels, SPEC).predict(features)[:, 0], theirs)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(1e-3, 1e6))
def test_ridge_says_the_same_in_any_unit(seed: int, unit: float) -> None:
    features, labels = problem(seed)
    for option in options_of(["ridge"])["ridge"]:
        values = fit(option, features, labels, SPEC).predict(features)
        scaled = fit(option, unit * features, unit * labels, SPEC).predict(unit * features)
        np.testing.assert_allclose(scaled / unit, values, rtol=1e-6, atol=1e-9)


def test_ridge_makes_nothing_of_a_column_that_hardly_varies() -> None:
    """The median of the fit rows differs from fold to fold, against the rows it predicts: magnified, it would tell."""
    features, labels = problem()
    tiny = 1e-3 * (labels.mean() - labels) + 0.2
    wider = np.column_stack([features[:, :2], tiny])
    without = fit(Option("ridge"), np.column_stack([features[:, :2], np.full(200, 0.2)]), labels, SPEC)
    ours = fit(Option("ridge"), wider, labels, SPEC)
    np.testing.assert_allclose(ours.predict(wider), without.predict(wider), atol=0.02)


@pytest.mark.parametrize("name", NUMBER_ESTIMATORS)
def test_where_the_truth_is_minus_one_everywhere_it_is_known_and_predicted(name: str) -> None:
    features = np.full((60, 3), -1.0)
    fitted = fit(Option(name), features, np.full(60, -1.0), SPEC)
    np.testing.assert_allclose(fitted.predict(features), -1.0, atol=1e-5)


@pytest.mark.parametrize("name", NUMBER_ESTIMATORS)
@pytest.mark.parametrize("metric", ["mae", "pearson", "r2", "concordance", "spearman"])
def test_constant_labels_and_constant_learners_give_finite_numbers(name: str, metric: str) -> None:
    spec = StackSpec(3, 1, metric, 0, "regression")
    features, labels = problem(rows=60)
    for columns, true in ((features, np.full(60, 2.0)), (np.zeros((60, 3)), labels), (np.ones((60, 3)), np.ones(60))):
        assert np.isfinite(fit(Option(name), columns, true, spec).predict(columns)).all()


@pytest.mark.parametrize("name", [*AVERAGES, "ridge", "decision_tree", "random_forest", "xgboost"])
def test_one_label_of_a_million_leaves_finite_numbers_and_averages_between_the_learners(name: str) -> None:
    features, labels = problem()
    outlier = np.where(np.arange(200) == 7, 1e6, labels)
    values = fit(Option(name), features, outlier, SPEC).predict(features)[:, 0]
    assert np.isfinite(values).all()
    if name in AVERAGES:
        assert (values >= features.min(axis=1) - 1e-9).all() and (values <= features.max(axis=1) + 1e-9).all()


@pytest.mark.parametrize("name", NUMBER_ESTIMATORS)
def test_rows_without_a_label_are_predicted_but_not_fitted_on(name: str) -> None:
    features, labels = problem()
    some = np.where(np.arange(200) % 5 == 0, np.nan, labels)
    known = np.isfinite(some)
    ours = fit(Option(name), features, some, SPEC).predict(features)
    assert (ours == fit(Option(name), features[known], some[known], SPEC).predict(features)).all()


@pytest.mark.parametrize("name", NUMBER_ESTIMATORS)
def test_calibrating_changes_no_number_as_there_is_no_temperature(name: str) -> None:
    features, labels = problem()
    ours = fit(Option(name), features, labels, SPEC, calibrate=True)
    assert ours.inverse_temperature == ()
    assert (ours.predict(features) == fit(Option(name), features, labels, SPEC).predict(features)).all()
