"""Scores by name, and how sure they are: every metric takes a batch of row weights, so a bootstrap is one product."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats, Task
from ensemble.errors import ConfigError, unknown
from ensemble.predictions import Probabilities
from ensemble.probability_metrics import (
    against_the_rest,
    average_precision_of,
    brier,
    calibration_error,
    log_loss,
    ratio,
    recall_at,
    roc_auc,
)
from ensemble.targets import TARGETS

Weights = Floats

DRAWS = 1000
CHUNK = 100
LEVEL = 0.95


@dataclass(frozen=True)
class Metric:
    """``score(labels, values, weights)`` gives one score per row of ``weights`` (draws, rows).

    Metrics of labels also have ``of_counts``: from (..., true, predicted) counts to (...) scores. ``kind`` is of the
    tasks that it fits.
    """

    name: str
    score: Callable[[Codes, Probabilities, Weights], Floats]
    greater_is_better: bool = True
    of_counts: Callable[[Floats], Floats] | None = None
    kind: str = "classification"

    @property
    def sign(self) -> int:
        return 1 if self.greater_is_better else -1

    def known(self, labels: Codes) -> npt.NDArray[np.bool_]:
        """(rows,) which labels are there."""
        return TARGETS[self.kind].known(labels)


def confusion_matrices(labels: Codes, predicted: Codes, classes: int, weights: Weights) -> Floats:
    """(draws, true, predicted) weighted counts."""
    cells = np.eye(classes * classes, dtype=np.float64)[labels * classes + predicted]
    return np.asarray((weights @ cells).reshape(-1, classes, classes), dtype=np.float64)


def confusion_matrix(labels: Codes, predicted: npt.NDArray[np.intp], classes: int) -> Floats:
    """(true, predicted) counts of rows that weigh the same."""
    cells = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.float64)


@dataclass(frozen=True)
class PerClass:
    """Arrays (..., classes). A class that neither occurs nor is predicted has NaN."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: Floats


def per_class(matrix: Floats) -> PerClass:
    """Precision, recall, F1 and support from (..., true, predicted) counts."""
    hit = np.diagonal(matrix, axis1=-2, axis2=-1)
    support, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(support > 0, hit / support, 0.0)
        precision = np.where(predicted > 0, hit / predicted, 0.0)
        f1 = 2 * hit / (support + predicted)  # 0/0 is NaN: the class plays no part
    return PerClass(precision, recall, f1, support)


def macro_f1(counts: Floats) -> Floats:
    """Mean F1 over the classes that occur or are predicted, as scikit-learn's f1_score(average="macro")."""
    f1 = per_class(counts).f1
    return ratio(np.nansum(f1, axis=-1), (~np.isnan(f1)).sum(axis=-1))


def weighted_f1(counts: Floats) -> Floats:
    """F1 averaged by support."""
    scores = per_class(counts)
    return ratio(np.nansum(scores.f1 * scores.support, axis=-1), scores.support.sum(axis=-1))


def accuracy(counts: Floats) -> Floats:
    """Share of rows whose label is the true one."""
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def f1_of_class(counts: Floats, position: int) -> Floats:
    """F1 of one class from (..., true, predicted) counts, as scikit-learn's f1_score(pos_label=..., zero_division=0):
    0 where the class neither occurs nor is predicted, NaN where nothing weighs."""
    hit = counts[..., position, position]
    either = counts[..., position, :].sum(axis=-1) + counts[..., :, position].sum(axis=-1)
    f1 = np.divide(2 * hit, either, out=np.zeros(np.shape(either)), where=either > 0)
    return np.asarray(np.where(counts.sum(axis=(-2, -1)) > 0, f1, np.nan))


def _of_labels(name: str, of_counts: Callable[[Floats], Floats]) -> Metric:
    """A metric of the most probable class."""

    def score(labels: Codes, values: Probabilities, weights: Weights) -> Floats:
        predicted = np.asarray(values.argmax(axis=1), dtype=np.int64)
        return of_counts(confusion_matrices(labels, predicted, values.shape[1], weights))

    return Metric(name, score, of_counts=of_counts)


METRICS = {
    "macro_f1": _of_labels("macro_f1", macro_f1),
    "accuracy": _of_labels("accuracy", accuracy),
    "weighted_f1": _of_labels("weighted_f1", weighted_f1),
    "roc_auc": Metric("roc_auc", roc_auc),
    "log_loss": Metric("log_loss", log_loss, greater_is_better=False),
    "brier": Metric("brier", brier, greater_is_better=False),
    "ece": Metric("ece", calibration_error, greater_is_better=False),
}


POSITIVE_METRICS = ("f1_positive", "average_precision", "recall_at_precision@P")
SPELLED = re.compile(r"(?P<name>[^@/]*)(@(?P<precision>[^@/]*))?(/(?P<positive>[01]))?")


def metric_of(task: Task) -> Metric:
    """The metric a task is judged by, of its positive class where it is of one; raises ConfigError for a metric nobody
    knows, and where F1 of the positive class is asked of more than two."""
    metric = metric_named(spelled(task))
    if metric.name == "f1_positive" and task.positive_class is None:
        raise ConfigError(f"f1_positive is of tasks with two classes; {task.name!r} has {len(task.classes)}.")
    return replace(metric, name=task.metric)


def spelled(task: Task) -> str:
    """The metric of a task as ``metric_named`` takes it where the task is not at hand: ``f1_positive/0`` is of the
    first class. The second is the usual one and not said."""
    of_positive = task.metric.partition("@")[0] in {name.partition("@")[0] for name in POSITIVE_METRICS}
    return f"{task.metric}/0" if of_positive and task.positive_class == 0 else task.metric


def metrics_of(task: Task) -> dict[str, Metric]:
    """Those that fit a task, by name, and the one it is judged by."""
    return {name: metric for name, metric in METRICS.items() if metric.kind == task.kind} | {
        task.metric: metric_of(task)
    }


def metric_named(name: str) -> Metric:
    """``f1_positive``, ``average_precision`` and ``recall_at_precision@0.9`` are of the second of two classes, with
    ``/0`` behind them of the first. Raises ConfigError with a suggestion for a metric nobody knows."""
    if name in METRICS:
        return METRICS[name]
    found = SPELLED.fullmatch(name)
    if found is None or (found["precision"] is not None) != (found["name"] == "recall_at_precision"):
        raise ConfigError(unknown("metric", name, (*METRICS, *POSITIVE_METRICS)))
    positive = int(found["positive"] or 1)
    if found["name"] == "f1_positive":
        return _of_labels(name.partition("/")[0], partial(f1_of_class, position=positive))
    if found["name"] == "average_precision":
        return Metric("average_precision", partial(against_the_rest, average_precision_of, positive))
    if found["name"] == "recall_at_precision":
        of_one = partial(recall_at, _precision(name, found["precision"]))
        return Metric(name.partition("/")[0], partial(against_the_rest, of_one, positive))
    raise ConfigError(unknown("metric", name, (*METRICS, *POSITIVE_METRICS)))


def _precision(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value <= 1:
        raise ConfigError(
            f"Metric {name!r}: the precision must be a number above 0 and up to 1, as in 'recall_at_precision@0.9'."
        )
    return value


def score(metric: Metric, labels: Codes, values: Probabilities) -> float:
    """The metric over all rows whose label is known; NaN where there are none."""
    known = metric.known(labels)
    if not known.any():
        return float("nan")
    if metric.of_counts:
        return float(metric.of_counts(confusion_matrix(labels[known], values[known].argmax(axis=1), values.shape[1])))
    return float(metric.score(labels[known], values[known], np.ones((1, int(known.sum()))))[0])


def bootstrap(metric: Metric, labels: Codes, values: Probabilities, groups: Codes, seed: int = 0) -> Floats:
    """(DRAWS,) scores of resampled groups of rows; rows without a label take part in the drawing, not in the score.

    Equal groups and seeds draw equally, so scores of two models, or of two tasks on the same rows, are paired.
    """
    known = metric.known(labels)
    drawn = resamples(groups, known, DRAWS, seed)
    return np.concatenate([metric.score(labels[known], values[known], weights) for weights in drawn])


def resamples(groups: Codes, known: npt.NDArray[np.bool_], draws: int, seed: int = 0) -> Iterator[Weights]:
    """(CHUNK, known rows) at a time, ``draws`` in all: how often each known row is drawn with its group."""
    _, local = np.unique(groups, return_inverse=True)
    for chunk in range(draws // CHUNK):
        yield _drawn(int(local.max()) + 1, seed, chunk)[:, local[known]].astype(np.float64)


@lru_cache(maxsize=DRAWS // CHUNK)
def _drawn(count: int, seed: int, chunk: int) -> npt.NDArray[np.uint16]:
    """(CHUNK, count) how often each group is drawn; the next metric on the same rows asks for the same."""
    random = np.random.default_rng([seed, chunk])
    drawn = np.empty((CHUNK, count), dtype=np.uint16)
    for draw in drawn:  # one at a time: a million groups would take gigabytes at once
        draw[:] = np.bincount(random.integers(count, size=count), minlength=count)
    return drawn


def interval(draws: Floats) -> tuple[float, float]:
    """The central 95 % of bootstrap scores."""
    if np.isnan(draws).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
