"""The metrics of regression: of the numbers themselves, and of the classes that they are divided into."""

import numpy as np

from ensemble.errors import ConfigError
from ensemble.metrics.divisions import Division, division_named, divisions
from ensemble.metrics.labels import accuracy, confusion_matrices, weighted_f1
from ensemble.metrics.metric import Metric, Weights, ratio
from ensemble.targets import Floats, Mask, Task


def mean_absolute_error(labels: Floats, values: Floats, weights: Weights) -> Floats:
    """As scikit-learn's mean_absolute_error. Nothing is clipped."""
    return ratio(weights @ np.abs(values[:, 0] - labels), weights.sum(axis=1))


def root_mean_squared_error(labels: Floats, values: Floats, weights: Weights) -> Floats:
    """As scikit-learn's root_mean_squared_error."""
    return np.sqrt(ratio(weights @ (values[:, 0] - labels) ** 2, weights.sum(axis=1)))


def r2(labels: Floats, values: Floats, weights: Weights) -> Floats:
    """Share of the labels' variance explained, as scikit-learn's r2_score; NaN where the labels are all equal."""
    spread = (weights * _centred(labels, weights) ** 2).sum(axis=1)
    left = weights @ (values[:, 0] - labels) ** 2
    return np.asarray(1 - ratio(left, np.where(_varies(labels, weights), spread, 0.0)))


def pearson(labels: Floats, values: Floats, weights: Weights) -> Floats:
    """Pearson's r, as scipy's pearsonr; NaN where the labels or the values are all equal."""
    return _correlation(labels[None], values[None, :, 0], weights)


def spearman(labels: Floats, values: Floats, weights: Weights) -> Floats:
    """Pearson's r of the ranks, equal numbers sharing their mean rank, as scipy's spearmanr."""
    return _correlation(_ranks(labels, weights), _ranks(values[:, 0], weights), weights)


def concordance(labels: Floats, values: Floats, weights: Weights) -> Floats:
    """Lin's concordance correlation coefficient (1989): 1 where the values are the labels, not merely on a line with
    them; NaN where labels and values are one and the same number."""
    own, theirs = _centred(labels, weights), _centred(values[:, 0], weights)
    total = weights.sum(axis=1)
    shift = ratio(weights @ (labels - values[:, 0]), total)
    spread = (weights * (own**2 + theirs**2)).sum(axis=1) + total * shift**2
    return ratio(2 * (weights * own * theirs).sum(axis=1), np.nan_to_num(spread))


def _centred(values: Floats, weights: Weights) -> Floats:
    """(draws, rows) distances from the weighted mean: (rows,) values, or (draws, rows) ones. Two passes, so that one
    number of a million takes no digits from the others."""
    mean = ratio((weights * values).sum(axis=1), weights.sum(axis=1))
    return np.asarray(values - mean[:, None])


def _varies(values: Floats, weights: Weights) -> Mask:
    """(draws,) whether the rows that weigh hold different numbers; a rounded variance would not tell."""
    there = weights > 0
    low = np.where(there, values, np.inf).min(axis=1, initial=np.inf)
    return np.asarray(low < np.where(there, values, -np.inf).max(axis=1, initial=-np.inf))


def _correlation(labels: Floats, values: Floats, weights: Weights) -> Floats:
    own, theirs = _centred(labels, weights), _centred(values, weights)
    spread = np.sqrt((weights * own**2).sum(axis=1) * (weights * theirs**2).sum(axis=1))
    there = _varies(labels, weights) & _varies(values, weights)
    return ratio((weights * own * theirs).sum(axis=1), np.where(there, spread, 0.0)).clip(-1, 1)


def _ranks(values: Floats, weights: Weights) -> Floats:
    """(draws, rows) the mean rank of each row's number where rows are repeated as often as they weigh."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) > 0])
    equal = np.add.reduceat(weights[:, order], starts, axis=1)
    rank = np.cumsum(equal, axis=1) - equal / 2
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(values)]))
    return rank[:, place]


def _of_division(score: str, name: str, division: Division) -> Metric:
    """Accuracy or weighted F1 of the classes that true and predicted numbers fall into."""
    of_counts = {"acc": accuracy, "f1": weighted_f1}[score]

    def scored(labels: Floats, values: Floats, weights: Weights) -> Floats:
        counted = labels != 0 if division.nonzero else np.ones(len(labels), dtype=bool)
        true, predicted = division.codes(labels[counted]), division.codes(values[counted, 0])
        return of_counts(confusion_matrices(true, predicted, len(division.names), weights[:, counted]))

    return Metric(name, scored, kind="regression")


NUMBER_METRICS = {
    "mae": Metric("mae", mean_absolute_error, greater_is_better=False, kind="regression"),
    "rmse": Metric("rmse", root_mean_squared_error, greater_is_better=False, kind="regression"),
    "pearson": Metric("pearson", pearson, kind="regression"),
    "spearman": Metric("spearman", spearman, kind="regression"),
    "r2": Metric("r2", r2, kind="regression"),
    "concordance": Metric("concordance", concordance, kind="regression"),
}
DIVIDED = ("acc_2", "acc_2_nonzero", "f1_2", "f1_2_nonzero", "acc_3", "acc_5", "acc_7")


class NumberMetrics:
    """``acc_N`` is the accuracy, ``f1_N`` the F1 averaged by support of a division into N classes; which there are
    depends on the task's bounds and cuts."""

    names = (*NUMBER_METRICS, *DIVIDED)
    with_interval = names

    def fitting(self, task: Task) -> dict[str, Metric]:
        named = {}
        for key, division in divisions(task).items():
            for score in ("acc", "f1") if key.startswith("2") else ("acc",):
                named[f"{score}_{key}"] = _of_division(score, f"{score}_{key}", division)
        return NUMBER_METRICS | named

    def of(self, task: Task) -> Metric | None:
        fitting = self.fitting(task)
        if task.metric not in fitting and self.named(task.metric) is not None:
            raise ConfigError(
                f"Task {task.name!r} cannot be judged by {task.metric}: neither its bounds nor its cuts divide "
                f"numbers so. Available: {', '.join(fitting)}."
            )
        return fitting.get(task.metric)

    def spelled(self, task: Task) -> str:
        score, _, key = task.metric.partition("_")
        division = divisions(task).get(key)
        return task.metric if division is None else f"{score}_{division.spelled}"

    def named(self, name: str) -> Metric | None:
        if name in NUMBER_METRICS:
            return NUMBER_METRICS[name]
        score, _, key = name.partition("_")
        division = division_named(key) if score in ("acc", "f1") else None
        return None if division is None else _of_division(score, name.partition("@")[0], division)
