"""Averages of numbers: as scikit-learn has them where it does, and weights that no others on the simplex beat."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import LinearRegression
from support.regressions import knowing, truth
from support.world import Floats

from ensemble.metrics import metric_named, score
from meta.averages import BestSingle, Greedy, Mean, Median, Simplex
from meta.greedy import select

SEEDS = st.integers(0, 10_000)
METRICS = ("mae", "rmse", "r2", "pearson", "concordance")


class Column(RegressorMixin, BaseEstimator):
    """A regressor that hands a column on."""

    def __init__(self, column: int = 0) -> None:
        self.column = column

    def fit(self, features: Floats, labels: Floats) -> "Column":
        return self

    def predict(self, features: Floats) -> Floats:
        return features[:, self.column]

    def __sklearn_is_fitted__(self) -> bool:
        return True


def problem(seed: int, rows: int = 60, learners: int = 3) -> tuple[Floats, Floats]:
    """Features and labels: learners of varied skill and scale."""
    random = np.random.default_rng(seed)
    labels = truth(random, rows)
    skills = random.uniform(-0.3, 0.9, learners)
    columns = [random.uniform(0.5, 1.5) * knowing(random, labels, skill) + random.normal(0, 0.3) for skill in skills]
    return np.stack(columns, axis=1), labels


@given(SEEDS)
def test_the_mean_is_that_of_scikit_learn(seed: int) -> None:
    features, labels = problem(seed)
    theirs = VotingRegressor([(f"c{n}", Column(n)) for n in range(3)]).fit(features, labels).predict(features)
    np.testing.assert_allclose(Mean(3).fit(features, labels).predict(features), theirs)


def test_one_learner_that_is_far_off_does_not_move_the_median() -> None:
    features = np.array([[1.0, 2.0, 1e6], [-1.0, -1.0, -1e6]])
    assert Median(3).fit(features, np.zeros(2)).predict(features).tolist() == [2.0, -1.0]


@given(SEEDS, st.sampled_from((*METRICS, "spearman")))
def test_the_best_single_learner_is_the_one_with_the_best_score_on_the_fitted_rows(seed: int, name: str) -> None:
    features, labels = problem(seed)
    metric = metric_named(name)
    scores = [metric.sign * score(metric, labels, features[:, [each]]) for each in range(3)]
    chosen = BestSingle(3, name).fit(features, labels).predict(features)
    assert (chosen == features[:, int(np.argmax(scores))]).all()


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(METRICS))
def test_no_other_weights_on_the_simplex_have_a_better_score(seed: int, name: str) -> None:
    features, labels = problem(seed)
    weights = Simplex(3, name).fit(features, labels).weights_
    assert abs(weights.sum() - 1) < 1e-9 and (weights >= 0).all()
    metric = metric_named(name)

    def merit(at: Floats) -> float:
        return metric.sign * score(metric, labels, (features @ at)[:, None])

    others = [*np.random.default_rng(seed).dirichlet(np.ones(3), 60), *np.eye(3), np.full(3, 1 / 3)]
    assert merit(weights) >= max(map(merit, others)) - 2e-3


@given(SEEDS)
def test_weights_of_least_squares_are_those_of_scikit_learn_where_they_must_sum_to_one(seed: int) -> None:
    features, labels = problem(seed)
    heavy = 1e4  # a row that nothing but weights which sum to one can satisfy
    regression = LinearRegression(positive=True, fit_intercept=False)
    regression.fit(np.vstack([features, np.full(3, heavy)]), np.r_[labels, heavy])
    np.testing.assert_allclose(Simplex(3, "rmse").fit(features, labels).weights_, regression.coef_, atol=2e-3)


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(METRICS), st.floats(-1e4, 1e4), st.floats(1e-3, 1e3))
def test_weights_are_the_same_in_any_unit_and_from_any_zero(seed: int, name: str, zero: float, unit: float) -> None:
    features, labels = problem(seed)
    weights = Simplex(3, name).fit(features, labels).weights_
    moved = Simplex(3, name).fit(zero + unit * features, zero + unit * labels).weights_
    np.testing.assert_allclose(moved, weights, atol=0.02)


@pytest.mark.parametrize("name", METRICS)
def test_learners_that_are_all_alike_or_constant_have_weights_that_sum_to_one(name: str) -> None:
    labels = truth(np.random.default_rng(0), 50)
    for features in (np.tile(labels[:, None], 3), np.full((50, 3), -1.0), np.zeros((50, 3))):
        for true in (labels, np.full(50, -1.0)):
            weights = Simplex(3, name).fit(features, true).weights_
            assert abs(weights.sum() - 1) < 1e-9 and (weights >= 0).all()


def by_hand(name: str, labels: Floats, values: Floats, steps: int) -> list[int]:
    """Greedy selection as its docstring says it, one mean after the other."""
    metric = metric_named(name)

    def merit(path: list[int]) -> float:
        return metric.sign * score(metric, labels, values[path].mean(axis=0).T)

    order = sorted(range(len(values)), key=lambda each: -merit([each]))
    best = path = max((order[: n + 1] for n in range(len(order))), key=merit)
    while len(path) < steps:
        path = max(([*path, each] for each in range(len(values))), key=merit)
        best = max(best, path, key=merit)
    return best


@settings(max_examples=20)
@given(SEEDS, st.sampled_from(("mae", "pearson")))
def test_greedy_selection_goes_by_means_of_numbers(seed: int, name: str) -> None:
    features, labels = problem(seed, rows=30)
    values = features.T[:, None, :]
    assert select(metric_named(name), labels, values, 8) == by_hand(name, labels, values, 8)


def test_greedy_weights_leave_out_what_only_harms() -> None:
    random = np.random.default_rng(1)
    labels = truth(random, 300)
    features = np.stack([labels + random.normal(0, 1, 300), labels + random.normal(0, 1, 300), 9 - labels], axis=1)
    weights = Greedy(3, "mae").fit(features, labels).weights_
    assert weights[2] == 0 and np.allclose(weights[:2], 0.5, atol=0.1)


def test_columns_after_the_learners_are_not_looked_at() -> None:
    features, labels = problem(3)
    wider = np.hstack([features, np.full((60, 2), 1e9)])
    for made in (Mean(3), Median(3), BestSingle(3), Simplex(3), Greedy(3)):
        assert (made.fit(wider, labels).predict(wider) == made.fit(features, labels).predict(features)).all()


@pytest.mark.parametrize("name", METRICS)
def test_a_duplicate_changes_no_prediction_of_the_simplex(name: str) -> None:
    """It may take weight from its twin; what they predict together stays."""
    features, labels = problem(5)
    twice = np.hstack([features, features[:, [0]]])
    ours = Simplex(3, name).fit(features, labels).predict(features)
    np.testing.assert_allclose(Simplex(4, name).fit(twice, labels).predict(twice), ours, atol=0.05)
