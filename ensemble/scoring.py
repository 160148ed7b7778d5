"""The score card of one set of predictions: every metric with its interval, per class, per fold, and on which rows."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np

from ensemble.data import Codes, Dataset, Floats, Labels, Task
from ensemble.metrics import (
    Metric,
    bootstrap,
    bootstraps,
    confusion_matrix,
    interval,
    metric_of,
    metrics_of,
    per_class,
    score,
    with_interval,
)
from ensemble.predictions import Predictions, Probabilities


class Score(TypedDict):
    """A figure, perhaps with the ends of its interval; None where it does not exist, as JSON knows no NaN."""

    value: float | None
    low: NotRequired[float | None]
    high: NotRequired[float | None]


class Mean(TypedDict):
    """Over folds or seeds, of the scores that exist; ``std`` is the sample standard deviation."""

    mean: float | None
    std: float | None


class Spread(Mean):
    """The scores themselves, too."""

    values: list[float | None]


class RepeatedScores(Spread):
    """Of the task's metric, over folds or seeds; ``metrics`` has mean and deviation of each."""

    metrics: dict[str, Mean]


class ClassScores(TypedDict):
    precision: float
    recall: float
    f1: float
    support: int


class ScoreCard(TypedDict):
    """Plain JSON. Where no label is known there is but the number of rows, 0. ``classes`` and ``confusion`` (true,
    predicted) are of classification; ``folds`` and ``seeds`` are there where there are several."""

    rows: int
    metric: NotRequired[str]
    metrics: NotRequired[dict[str, Score]]
    classes: NotRequired[dict[str, ClassScores]]
    confusion: NotRequired[list[list[int]]]
    folds: NotRequired[RepeatedScores]
    seeds: NotRequired[RepeatedScores]


def score_card(
    task: Task, predictions: Predictions, data: Dataset, fold: Codes | None = None, seeds: Sequence[Predictions] = ()
) -> ScoreCard:
    """Scores of ``predictions`` on the rows of ``data`` whose label is known.

    ``data`` has the predicted rows in any order; ``fold`` (rows of data,) adds mean and deviation over folds, of every
    metric; ``seeds``, of predictions that are the mean of several seeds', those of what each scores alone.
    Intervals are the central 95 % of a bootstrap over groups of duplicates.
    """
    labels, groups = data.labels(task), data.groups
    known = task.target.known(labels)
    if not known.any():
        return {"rows": 0}
    aligned = predictions.take(data.ids)
    card: ScoreCard = {"rows": int(known.sum()), "metric": task.metric, "metrics": {}}
    if task.classes:
        predicted = np.asarray(aligned.labels(), dtype=np.int64)
        _add_classes(card, task, data.codes(task)[known], predicted[known])
    values = _metric_inputs(aligned)
    for name, metric in metrics_of(task).items():
        card["metrics"][name] = {"value": _or_none(score(metric, labels, values[name]))}
        if name in with_interval(task):
            low, high = interval(bootstrap(metric, labels, values[name], groups))
            card["metrics"][name] |= {"low": _or_none(low), "high": _or_none(high)}
    if fold is not None:
        parts = [fold == k for k in np.unique(fold)]
        card["folds"] = _repeated(
            task, [(labels[part], {name: each[part] for name, each in values.items()}) for part in parts]
        )
    if len(seeds) > 1:
        card["seeds"] = _repeated(task, [(labels, _metric_inputs(each.take(data.ids))) for each in seeds])
    return card


class BaselineCard(ScoreCard):
    """Of what knows the labels alone, and its name."""

    baseline: str


def baseline(task: Task, data: Dataset, known: Labels | None = None) -> Predictions:
    """What to beat: for every row of ``data`` what its labels say without a look at the posts, or those ``known`` (n,).

    As scikit-learn's DummyClassifier(strategy="prior") and DummyRegressor(strategy="median"), but the same for every
    fold: fitted without the fold a class would be wrong more often the more even the classes are."""
    labels = data.labels(task) if known is None else known
    constant = task.target.constant(task, labels[task.target.known(labels)])
    return Predictions(task, data.ids, np.tile(constant, (len(data), 1)))


def baseline_card(task: Task, data: Dataset, fold: Codes | None = None, known: Labels | None = None) -> BaselineCard:
    """As ``score_card``, of the ``baseline``."""
    return {**score_card(task, baseline(task, data, known), data, fold), "baseline": task.target.baseline}


def baseline_name(tasks: Sequence[Task]) -> str:
    """Of the baselines of several tasks."""
    return " / ".join(dict.fromkeys(task.target.baseline for task in tasks))


def _add_classes(card: ScoreCard, task: Task, labels: Codes, predicted: Codes) -> None:
    counts = confusion_matrix(labels, predicted, len(task.classes))
    card["classes"] = class_scores(counts, task.classes)
    card["confusion"] = counts.astype(int).tolist()


def class_scores(counts: Floats, names: Sequence[str]) -> dict[str, ClassScores]:
    """How each class does, from (true, predicted) counts."""
    scores = per_class(counts)
    return {
        name: {
            "precision": float(scores.precision[position]),
            "recall": float(scores.recall[position]),
            "f1": float(np.nan_to_num(scores.f1[position])),
            "support": int(scores.support[position]),
        }
        for position, name in enumerate(names)
    }


def metric_input(predictions: Predictions, metric: Metric) -> Probabilities:
    """(rows, columns) what a metric judges: one-hot labels where it judges labels that are classes, else the
    probabilities, or the numbers as decided."""
    if metric.of_counts:
        return np.eye(len(predictions.task.classes))[predictions.labels()]
    return predictions.task.target.judged(predictions.values, predictions.labels())


def difference(metric: Metric, labels: Labels, groups: Codes, ours: Predictions, theirs: Predictions) -> Score:
    """Ours minus theirs on the same rows, with the interval of paired bootstrap differences; positive is better."""
    pair = [metric_input(each, metric) for each in (ours, theirs)]
    value = metric.sign * (score(metric, labels, pair[0]) - score(metric, labels, pair[1]))
    own, other = bootstraps(metric, labels, pair, groups)
    return score_with_interval(value, metric.sign * (own - other))


def score_with_interval(value: float, draws: Floats) -> Score:
    """A score and the interval of its bootstrap ``draws``."""
    low, high = interval(draws)
    return {"value": _or_none(value), "low": _or_none(low), "high": _or_none(high)}


def _metric_inputs(predictions: Predictions) -> dict[str, Probabilities]:
    """What each of a task's metrics judges; those of labels judge the same."""
    metrics, one_hot = metrics_of(predictions.task), None
    found = {}
    for name, metric in metrics.items():
        if metric.of_counts and one_hot is None:
            one_hot = metric_input(predictions, metric)
        found[name] = one_hot if metric.of_counts and one_hot is not None else metric_input(predictions, metric)
    return found


def _repeated(task: Task, parts: Sequence[tuple[Labels, Mapping[str, Probabilities]]]) -> RepeatedScores:
    """Of labels of the same rows, a fold's or a seed's, and by metric what it judges."""
    scores = {
        name: spread_of([score(metric, labels, values[name]) for labels, values in parts])
        for name, metric in metrics_of(task).items()
    }
    means: dict[str, Mean] = {name: {"mean": each["mean"], "std": each["std"]} for name, each in scores.items()}
    return {**scores[metric_of(task).name], "metrics": means}


def spread_of(values: Sequence[float]) -> Spread:
    """The values, None where one does not exist, the mean of those that do and their sample standard deviation."""
    known = [value for value in values if np.isfinite(value)]
    mean = float(np.mean(known)) if known else np.nan
    std = float(np.std(known, ddof=1)) if len(known) > 1 else np.nan
    return {"values": [_or_none(value) for value in values], "mean": _or_none(mean), "std": _or_none(std)}


def finite(**values: float) -> dict[str, float | None]:
    """JSON knows no NaN: a score that does not exist is null."""
    return {name: _or_none(value) for name, value in values.items()}


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
