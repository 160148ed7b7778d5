"""Metrics of numbers equal scikit-learn's and scipy's, weighted ones the metric on repeated rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from ensemble.data import Floats, Task
from ensemble.errors import ConfigError
from ensemble.metrics import (
    NUMBER_METRICS,
    bootstrap,
    interval,
    metric_named,
    metric_of,
    metrics_of,
    score,
    sign_named,
    spelled,
)

FAST = settings(max_examples=60, deadline=None)
MOSI = Task("sentiment", kind="regression", bounds=(-3, 3))
SIMS = Task("sentiment", kind="regression", bounds=(-1, 1), cuts=((0.0,), (-0.1, 0.1), (-0.7, -0.1, 0.1, 0.7)))
STARS = Task("stars", kind="regression", bounds=(1, 5))
ALL = metrics_of(MOSI)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Labels and predictions on a coarse grid, so that ties and halves occur; at times constant, or with an outlier."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = draw(st.integers(1, 30))
    labels = random.integers(-6, 7, rows) / draw(st.sampled_from([2, 3]))
    values = random.integers(-9, 10, (rows, 1)) / 2
    if draw(st.booleans()):
        labels[:] = labels[0]
    if draw(st.booleans()):
        labels[0] = 1e6
    if draw(st.booleans()):
        values[:] = values[0]
    return labels, values


def expected(name: str, labels: Floats, values: Floats, weights: Floats) -> float:
    """What scikit-learn or scipy say, which knows no weights, of repeated rows."""
    values = values[:, 0]
    if name in ("mae", "rmse", "r2"):
        function = {"mae": sk.mean_absolute_error, "rmse": sk.root_mean_squared_error, "r2": sk.r2_score}[name]
        return float(function(labels, values, sample_weight=weights))
    labels, values = labels.repeat(weights), values.repeat(weights)
    if name == "concordance":
        shift = (labels.mean() - values.mean()) ** 2
        return float(2 * np.cov(labels, values, bias=True)[0, 1] / (labels.var() + values.var() + shift))
    return float({"pearson": stats.pearsonr, "spearman": stats.spearmanr}[name](labels, values).statistic)


@pytest.mark.parametrize("name", sorted(NUMBER_METRICS))
@FAST
@given(case=cases(), seed=st.integers(0, 10**6))
def test_metrics_of_numbers_equal_those_of_scikit_learn_and_scipy(
    name: str, case: tuple[Floats, Floats], seed: int
) -> None:
    labels, values = case
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(labels)))
    for weight, got in zip(weights, ALL[name].score(labels, values, weights.astype(np.float64)), strict=True):
        kept, said = labels[weight > 0], values[weight > 0]
        flat = len(set(kept)) < 2, len(set(said[:, 0])) < 2
        undefined = {"r2": flat[0], "concordance": all(flat) and (kept == said[:, 0]).all()}
        if not len(kept) or undefined.get(name, name in ("pearson", "spearman") and any(flat)):
            assert np.isnan(got)
        else:
            assert got == pytest.approx(expected(name, labels, values, weight), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", sorted(ALL))
@FAST
@given(case=cases(), seed=st.integers(0, 10**6))
def test_a_weighted_metric_of_numbers_is_the_metric_on_the_repeated_rows(
    name: str, case: tuple[Floats, Floats], seed: int
) -> None:
    labels, values = case
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(labels)))
    batch = ALL[name].score(labels, values, weights.astype(np.float64))
    for weight, got in zip(weights, batch, strict=True):
        repeated = score(ALL[name], labels.repeat(weight), values.repeat(weight, axis=0))
        assert got == pytest.approx(repeated, rel=1e-9, abs=1e-9, nan_ok=True)


@FAST
@given(cases())
def test_accuracies_and_f1_are_those_of_the_published_scripts(case: tuple[Floats, Floats]) -> None:
    labels, values = case
    found, said = {name: score(metric, labels, values) for name, metric in ALL.items()}, values[:, 0]
    for most, name in ((3, "acc_7"), (2, "acc_5"), (1, "acc_3")):
        same = np.round(labels.clip(-most, most)) == np.round(said.clip(-most, most))
        assert found[name] == pytest.approx(same.mean())
    assert found["acc_2"] == pytest.approx(sk.accuracy_score(labels >= 0, said >= 0))
    assert found["f1_2"] == pytest.approx(sk.f1_score(labels >= 0, said >= 0, average="weighted"))
    there = labels != 0
    if there.any():
        own, theirs = labels[there] > 0, said[there] > 0
        assert found["acc_2_nonzero"] == pytest.approx(sk.accuracy_score(own, theirs))
        assert found["f1_2_nonzero"] == pytest.approx(sk.f1_score(own, theirs, average="weighted"))


def test_a_cut_itself_belongs_to_the_class_below() -> None:
    labels = np.array([-1, -0.7, -0.1, 0, 0.1, 0.7, 1])
    metrics = metrics_of(SIMS)
    assert set(metrics) - set(NUMBER_METRICS) == {"acc_2", "f1_2", "acc_3", "acc_5"}
    for name, codes in (("acc_2", "0000111"), ("acc_3", "0001122"), ("acc_5", "0012234")):
        for at, code in enumerate(codes):
            equal = [score(metrics[name], np.array([label]), labels[[at], None]) for label in labels]
            assert equal == [float(other == code) for other in codes], (name, at)


def test_which_classes_there_are_depends_on_bounds_and_cuts() -> None:
    assert set(metrics_of(STARS)) == {*NUMBER_METRICS, "acc_5"}
    assert set(metrics_of(Task("price", kind="regression"))) == set(NUMBER_METRICS)
    assert score(metrics_of(STARS)["acc_5"], np.array([1.0, 5, 3]), np.array([[-7.0], [5.4], [3.6]])) == 2 / 3


@pytest.mark.parametrize("task", [MOSI, SIMS, STARS])
def test_a_spelled_metric_is_the_metric_of_the_task(task: Task, random: np.random.Generator) -> None:
    low, high = task.bounds or (0, 1)
    labels, values = random.uniform(low, high, 60).round(1), random.uniform(low - 1, high + 1, (60, 1))
    for name, metric in metrics_of(task).items():
        judged = Task("t", kind="regression", metric=name, bounds=task.bounds, cuts=task.cuts)
        assert score(metric_named(spelled(judged)), labels, values) == score(metric, labels, values)
        assert (metric_of(judged).name, metric_of(judged).sign) == (name, -1 if name in ("mae", "rmse") else 1)


def test_minus_one_is_a_number_and_nan_is_none() -> None:
    labels, values = np.array([-1.0, -1, np.nan, -1]), np.array([[-1.0], [0], [9], [-1]])
    assert score(NUMBER_METRICS["mae"], labels, values) == pytest.approx(1 / 3)
    draws = bootstrap(NUMBER_METRICS["mae"], labels, values, np.arange(4))
    assert interval(draws)[0] == 0 and interval(draws)[1] <= 1
    assert np.isnan(score(NUMBER_METRICS["mae"], np.full(3, np.nan), np.zeros((3, 1))))


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("macro_f1", "Task 't': Unknown metric 'macro_f1'"),
        ("maee", "Did you mean 'mae'"),
        ("acc_7", "cannot be judged by acc_7: neither its bounds nor its cuts divide numbers so"),
    ],
)
def test_a_metric_that_does_not_fit_a_regression_is_refused(metric: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        metric_of(Task("t", kind="regression", metric=metric))


def test_a_metric_of_numbers_does_not_fit_classes() -> None:
    with pytest.raises(ConfigError, match="Unknown metric 'mae'"):
        metric_of(Task("t", ("0", "1"), "mae"))
    assert metric_named("mae").greater_is_better is False


def test_whether_greater_is_better_shows_in_the_name_of_every_metric_a_task_can_have() -> None:
    four = Task("mood", (), "acc_4", kind="regression", cuts=((-1.0, 0.0, 1.0),))
    assert sign_named(four.metric) == metric_of(four).sign == 1
    assert sign_named("f1_2_nonzero") == sign_named("pearson") == sign_named("macro_f1") == 1
    assert sign_named("mae") == sign_named("log_loss") == -1
