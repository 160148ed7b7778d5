"""Metrics equal scikit-learn's, and the weighted form equals the metric on repeated rows."""

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from ensemble.data import Codes, Task
from ensemble.errors import ConfigError
from ensemble.metrics import (
    DRAWS,
    METRICS,
    bootstrap,
    bootstraps,
    confusion_matrices,
    interval,
    metric_named,
    metric_of,
    per_class,
    resamples,
    score,
    spelled,
)
from ensemble.predictions import Probabilities

FAST = settings(max_examples=60, deadline=None)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Codes, Probabilities]:
    """Labels and coarse probabilities (so that ties occur); few rows, so that classes are absent now and then."""
    rows, classes, seed = draw(st.integers(1, 30)), draw(st.integers(2, 5)), draw(st.integers(0, 10**6))
    random = np.random.default_rng(seed)
    labels = random.integers(0, draw(st.integers(1, classes)), rows)
    values = random.integers(0, 5, (rows, classes)) + 1e-3
    return labels, values / values.sum(axis=1, keepdims=True)


def sk_value(name: str, labels: Codes, values: Probabilities) -> float:
    predicted = values.argmax(axis=1)
    every = list(range(values.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns about absent classes
        if name == "accuracy":
            return float(sk.accuracy_score(labels, predicted))
        if name == "log_loss":
            return float(sk.log_loss(labels, values, labels=every))
        return float(sk.f1_score(labels, predicted, average=name.removesuffix("_f1"), zero_division=0))


@pytest.mark.parametrize("name", ["macro_f1", "weighted_f1", "accuracy", "log_loss"])
@FAST
@given(case=cases())
def test_metrics_equal_those_of_scikit_learn(name: str, case: tuple[Codes, Probabilities]) -> None:
    assert score(METRICS[name], *case) == pytest.approx(sk_value(name, *case), abs=1e-12)


@FAST
@given(cases())
def test_binary_auc_equals_that_of_scikit_learn(case: tuple[Codes, Probabilities]) -> None:
    labels, values = case[0] % 2, case[1][:, :2] / case[1][:, :2].sum(axis=1, keepdims=True)
    assume(len(set(labels)) == 2)
    assert score(METRICS["roc_auc"], labels, values) == pytest.approx(sk.roc_auc_score(labels, values[:, 1]))


@FAST
@given(cases())
def test_multiclass_auc_is_the_mean_over_the_classes_that_have_one(case: tuple[Codes, Probabilities]) -> None:
    labels, values = case
    assume(values.shape[1] > 2 and len(set(labels)) > 1)
    each = [sk.roc_auc_score(labels == label, values[:, label]) for label in np.unique(labels)]
    assert score(METRICS["roc_auc"], labels, values) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("name", sorted(METRICS))
@FAST
@given(case=cases(), seed=st.integers(0, 10**6))
def test_a_weighted_metric_is_the_metric_on_the_repeated_rows(
    name: str, case: tuple[Codes, Probabilities], seed: int
) -> None:
    labels, values = case
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(labels)))
    batch = METRICS[name].score(labels, values, weights.astype(np.float64))
    for weight, got in zip(weights, batch, strict=True):
        expected = score(METRICS[name], labels.repeat(weight), values.repeat(weight, axis=0))
        assert got == pytest.approx(expected, abs=1e-12, nan_ok=True)


@st.composite
def weighted_binary_cases(draw: st.DrawFn) -> tuple[Codes, Probabilities, npt.NDArray[np.float64]]:
    """Both classes weigh; scores are coarse, so that ties occur; weights are whole numbers and fractions, some 0."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    labels, share = random.integers(0, 2, 30), random.integers(0, 8, 30) / 8
    weights = random.integers(0, 4, (2, 30)) * draw(st.sampled_from([1.0, 0.3]))
    assume(((weights @ np.eye(2)[labels]) > 0).all())
    return labels, np.stack([1 - share, share], axis=1), weights


@pytest.mark.parametrize("positive", [0, 1])
@FAST
@given(case=weighted_binary_cases())
def test_f1_of_the_positive_class_equals_that_of_scikit_learn(
    positive: int, case: tuple[Codes, Probabilities, npt.NDArray[np.float64]]
) -> None:
    labels, values, weights = case
    found = metric_named(f"f1_positive/{positive}").score(labels, values, weights)
    for weight, got in zip(weights, found, strict=True):
        expected = sk.f1_score(
            labels, values.argmax(axis=1), pos_label=positive, sample_weight=weight, zero_division=0.0
        )
        assert got == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("positive", [0, 1])
@FAST
@given(case=weighted_binary_cases())
def test_average_precision_equals_that_of_scikit_learn(
    positive: int, case: tuple[Codes, Probabilities, npt.NDArray[np.float64]]
) -> None:
    labels, values, weights = case
    found = metric_named(f"average_precision/{positive}").score(labels, values, weights)
    for weight, got in zip(weights, found, strict=True):
        expected = sk.average_precision_score(labels, values[:, positive], pos_label=positive, sample_weight=weight)
        assert got == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("precision", [0.5, 0.75, 0.9, 1])
@FAST
@given(case=weighted_binary_cases())
def test_recall_at_a_precision_is_the_highest_of_scikit_learns_curve(
    precision: float, case: tuple[Codes, Probabilities, npt.NDArray[np.float64]]
) -> None:
    labels, values, weights = case[0], case[1], np.ceil(case[2])  # whole: no rounding decides
    found = metric_named(f"recall_at_precision@{precision}").score(labels, values, weights)
    for weight, got in zip(weights, found, strict=True):
        reached, recall, _ = sk.precision_recall_curve(labels, values[:, 1], sample_weight=weight)
        assert got == pytest.approx(recall[reached >= precision].max(), abs=1e-12)


@FAST
@given(cases())
def test_average_precision_of_several_classes_is_the_mean_over_those_that_occur(
    case: tuple[Codes, Probabilities],
) -> None:
    labels, values = case
    assume(values.shape[1] > 2)
    each = [sk.average_precision_score(labels == label, values[:, label]) for label in np.unique(labels)]
    assert score(metric_named("average_precision"), labels, values) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("name", ["f1_positive", "average_precision", "recall_at_precision@0.9"])
def test_a_metric_of_the_positive_class_is_of_the_one_its_task_has(name: str, random: np.random.Generator) -> None:
    labels, share = random.integers(0, 2, 60), random.random(60)
    values = np.stack([1 - share, share], axis=1)
    usual, turned = Task("hateful", ("0", "1"), name), Task("hateful", ("1", "0"), name)
    assert (spelled(usual), spelled(turned)) == (name, f"{name}/0")
    assert metric_of(turned).name == name  # as its user calls it
    assert score(metric_of(usual), labels, values) == score(metric_of(turned), 1 - labels, values[:, ::-1])
    assert score(metric_of(usual), labels, values) != score(metric_of(usual), 1 - labels, values[:, ::-1])
    overruled = Task("hateful", ("0", "1"), name, positive="0")
    assert score(metric_of(overruled), labels, values) == score(metric_named(f"{name}/0"), labels, values)


@pytest.mark.parametrize("name", ["f1_positive", "average_precision", "recall_at_precision@0.9"])
def test_a_metric_of_the_positive_class_has_an_interval(name: str, random: np.random.Generator) -> None:
    labels, values = random.integers(0, 2, 80), random.dirichlet(np.ones(2), 80)
    metric = metric_of(Task("hateful", ("0", "1"), name))
    low, high = interval(bootstrap(metric, labels, values, np.arange(80)))
    assert low <= score(metric, labels, values) <= high
    assert np.isnan(score(metric, np.full(80, -1), values))


def test_metrics_of_the_task_are_refused_where_they_cannot_be() -> None:
    with pytest.raises(ConfigError, match="f1_positive is of tasks with two classes; 'mood' has 3"):
        metric_of(Task("mood", ("a", "b", "c"), "f1_positive"))
    with pytest.raises(ConfigError, match="a number above 0 and up to 1"):
        metric_named("recall_at_precision@90")
    for name in ("recall_at_precision", "average_precision@0.9", "macro_f1/0", "f1_positiv", ""):
        with pytest.raises(ConfigError, match="Unknown metric"):
            metric_named(name)


@FAST
@given(cases())
def test_confusion_and_classes_equal_those_of_scikit_learn(case: tuple[Codes, Probabilities]) -> None:
    labels, values = case
    predicted, every = values.argmax(axis=1), list(range(values.shape[1]))
    matrix = confusion_matrices(labels, predicted, len(every), np.ones((1, len(labels))))[0]
    np.testing.assert_array_equal(matrix, sk.confusion_matrix(labels, predicted, labels=every))
    classes = per_class(matrix)
    expected = sk.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    np.testing.assert_allclose(classes.precision, expected[0])
    np.testing.assert_allclose(classes.recall, expected[1])
    np.testing.assert_allclose(np.nan_to_num(classes.f1), expected[2])
    np.testing.assert_array_equal(classes.support, expected[3])


@pytest.mark.parametrize("name", sorted(METRICS))
def test_rows_without_label_take_no_part(name: str, random: np.random.Generator) -> None:
    labels, values = random.integers(0, 3, 40), random.dirichlet(np.ones(3), 40)
    known = random.random(40) < 0.6
    masked = np.where(known, labels, -1)
    assert score(METRICS[name], masked, values) == score(METRICS[name], labels[known], values[known])


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_score_of_no_rows_is_no_number(name: str) -> None:
    assert np.isnan(score(METRICS[name], np.full(4, -1), np.full((4, 3), 1 / 3)))


def test_auc_of_one_class_is_no_number() -> None:
    assert np.isnan(score(METRICS["roc_auc"], np.zeros(5, dtype=int), np.full((5, 2), 0.5)))


def test_a_certain_mistake_costs_a_finite_log_loss() -> None:
    assert score(METRICS["log_loss"], np.array([0]), np.array([[0.0, 1.0]])) == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_perfect_prediction_scores_better_than_a_wrong_one(name: str) -> None:
    metric, labels = METRICS[name], np.array([0, 1, 0, 1])
    right = np.eye(2)[labels] * 0.8 + 0.1
    assert metric.sign * score(metric, labels, right) > metric.sign * score(metric, labels, right[:, ::-1])


def test_an_unknown_metric_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"Unknown metric 'macro-f1'. Did you mean 'macro_f1'\?"):
        metric_named("macro-f1")


def test_the_bootstrap_is_centred_on_the_score_and_repeatable(random: np.random.Generator) -> None:
    labels, values = random.integers(0, 3, 300), random.dirichlet(np.ones(3), 300)
    draws = bootstrap(METRICS["accuracy"], labels, values, np.arange(300))
    assert draws.shape == (DRAWS,)
    accuracy = score(METRICS["accuracy"], labels, values)
    assert draws.mean() == pytest.approx(accuracy, abs=0.01)
    assert draws.std() == pytest.approx(np.sqrt(accuracy * (1 - accuracy) / 300), rel=0.1)
    np.testing.assert_array_equal(draws, bootstrap(METRICS["accuracy"], labels, values, np.arange(300)))


@pytest.mark.parametrize("name", [*METRICS, "f1_positive", "average_precision"])
@FAST
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 4))
def test_the_draws_of_several_models_are_those_of_every_row_weighed_alone(
    name: str, seed: int, rows: int, models: int
) -> None:
    """Bit for bit, whatever is summed together: rows without a label and copies among them."""
    random, metric = np.random.default_rng(seed), metric_named(name)
    labels, groups = random.integers(-1, 2, rows), random.integers(0, 8, rows)
    values = [random.dirichlet(np.ones(2), rows) for _ in range(models)]
    labels[0] = 1  # metrics of ranks are of one row at least
    found, known = bootstraps(metric, labels, values, groups, seed), labels >= 0
    assert found.shape == (models, DRAWS)
    for draws, each in zip(found, values, strict=True):
        weights = resamples(groups, known, DRAWS, seed)
        plain = np.concatenate([metric.score(labels[known], each[known], some) for some in weights])
        np.testing.assert_array_equal(draws, plain)
        np.testing.assert_array_equal(draws, bootstrap(metric, labels, each, groups, seed))


def test_copies_are_drawn_together_and_so_widen_the_interval(random: np.random.Generator) -> None:
    labels, values = random.integers(0, 2, 50).repeat(8), random.dirichlet(np.ones(2), 50).repeat(8, axis=0)
    low, high = interval(bootstrap(METRICS["accuracy"], labels, values, np.arange(400)))
    grouped_low, grouped_high = interval(bootstrap(METRICS["accuracy"], labels, values, np.arange(50).repeat(8)))
    assert grouped_high - grouped_low > 2 * (high - low)


def test_two_tasks_on_the_same_rows_are_drawn_alike(random: np.random.Generator) -> None:
    labels, values = random.integers(0, 2, 80), random.dirichlet(np.ones(2), 80)
    masked = np.where(np.arange(80) < 79, labels, -1)
    whole = bootstrap(METRICS["accuracy"], labels, values, np.arange(80))
    without_one = bootstrap(METRICS["accuracy"], masked, values, np.arange(80))
    assert np.corrcoef(whole, without_one)[0, 1] > 0.98


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_draw_without_any_labelled_row_has_no_score_and_no_weight(name: str, random: np.random.Generator) -> None:
    labels = np.full(40, -1)
    labels[:3] = [0, 1, 0]
    draws = bootstrap(METRICS[name], labels, random.dirichlet(np.ones(2), 40), np.arange(40))
    assert np.isnan(draws).any() and not np.isnan(draws).all()
    low, high = interval(draws)
    assert low <= high


def test_the_interval_of_no_scores_is_no_interval() -> None:
    assert np.isnan(interval(np.full(DRAWS, np.nan))).all()
