"""The score card of one set of predictions: every metric with its interval, per class, per fold, and on which rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ensemble.data import Codes, Dataset, Task
from ensemble.metrics import METRICS, Metric, bootstrap, count, interval, metric_named, per_class, score
from ensemble.predictions import Predictions, Probabilities

ALWAYS = ("macro_f1", "accuracy")  # have an interval whatever the task is judged by


def score_card(task: Task, predictions: Predictions, data: Dataset, fold: Codes | None = None) -> dict[str, Any]:
    """Scores of ``predictions`` on the rows of ``data`` whose label is known.

    ``data`` has the predicted rows in any order; ``fold`` (rows of data,) adds mean and deviation over folds, of every
    metric.
    Intervals are the central 95 % of a bootstrap over groups of duplicates.
    """
    labels, groups = data.labels(task), data.groups
    known = labels >= 0
    if not known.any():
        return {"rows": 0}
    aligned = predictions.take(data.ids)
    rows = int(known.sum())
    counts = count(labels[known], aligned.labels()[known], len(task.classes))
    classes = per_class(counts)
    card: dict[str, Any] = {
        "rows": rows,
        "metric": task.metric,
        "metrics": {},
        "classes": {
            name: {
                "precision": float(classes.precision[position]),
                "recall": float(classes.recall[position]),
                "f1": float(np.nan_to_num(classes.f1[position])),
                "support": int(classes.support[position]),
            }
            for position, name in enumerate(task.classes)
        },
        "confusion": counts.astype(int).tolist(),
    }
    for name, metric in METRICS.items():
        values = metric_input(aligned, metric)
        card["metrics"][name] = finite(value=score(metric, labels, values))
        if name in (task.metric, *ALWAYS):
            low, high = interval(bootstrap(metric, labels, values, groups))
            card["metrics"][name] |= finite(low=low, high=high)
    if fold is not None:
        card["folds"] = _per_fold(task, aligned, labels, fold)
    return card


def metric_input(predictions: Predictions, metric: Metric) -> Probabilities:
    """(rows, classes) what a metric judges: one-hot labels where it judges labels, else the probabilities."""
    return np.eye(len(predictions.task.classes))[predictions.labels()] if metric.of_counts else predictions.values


def difference(
    metric: Metric, labels: Codes, groups: Codes, ours: Predictions, theirs: Predictions
) -> dict[str, float | None]:
    """Ours minus theirs on the same rows, with the interval of paired bootstrap differences; positive is better."""
    pair = [metric_input(each, metric) for each in (ours, theirs)]
    values = metric.sign * (score(metric, labels, pair[0]) - score(metric, labels, pair[1]))
    draws = [bootstrap(metric, labels, each, groups) for each in pair]
    low, high = interval(metric.sign * (draws[0] - draws[1]))
    return finite(value=values, low=low, high=high)


def _per_fold(task: Task, predictions: Predictions, labels: Codes, fold: Codes) -> dict[str, Any]:
    """Of the task's metric; ``metrics`` has mean and deviation of each."""
    found = {}
    for name, metric in METRICS.items():
        values = metric_input(predictions, metric)
        found[name] = spread_of([score(metric, labels[fold == k], values[fold == k]) for k in np.unique(fold)])
    means = {name: {"mean": scores["mean"], "std": scores["std"]} for name, scores in found.items()}
    return {**found[metric_named(task.metric).name], "metrics": means}


def per_seed(task: Task, predictions: Sequence[Predictions], data: Dataset) -> dict[str, Any]:
    """For a card of the mean over seeds: ``seeds``, what each seed alone scores; nothing where there is one."""
    metric, labels = metric_named(task.metric), data.labels(task)
    if len(predictions) < 2 or not (labels >= 0).any():
        return {}
    alone = [metric_input(each.take(data.ids), metric) for each in predictions]
    return {"seeds": spread_of([score(metric, labels, values) for values in alone])}


def spread_of(values: Sequence[float]) -> dict[str, Any]:
    """The values, None where one does not exist, the mean of those that do and their sample standard deviation."""
    known = [value for value in values if np.isfinite(value)]
    mean = float(np.mean(known)) if known else np.nan
    std = float(np.std(known, ddof=1)) if len(known) > 1 else np.nan
    return {"values": [v if np.isfinite(v) else None for v in values], **finite(mean=mean, std=std)}


def finite(**values: float) -> dict[str, float | None]:
    """JSON knows no NaN: a score that does not exist is null."""
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
