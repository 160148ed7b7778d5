"""Scores by name, and how sure they are: every metric takes a batch of row weights, so a bootstrap is one product."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats, Task
from ensemble.errors import ConfigError, unknown
from ensemble.predictions import Probabilities
from ensemble.targets import TARGETS

Weights = Floats

DRAWS = 1000
CHUNK = 100
LEVEL = 0.95
BINS = 15


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
    return _ratio(np.nansum(f1, axis=-1), (~np.isnan(f1)).sum(axis=-1))


def weighted_f1(counts: Floats) -> Floats:
    """F1 averaged by support."""
    scores = per_class(counts)
    return _ratio(np.nansum(scores.f1 * scores.support, axis=-1), scores.support.sum(axis=-1))


def accuracy(counts: Floats) -> Floats:
    """Share of rows whose label is the true one."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def _of_labels(name: str, of_counts: Callable[[Floats], Floats]) -> Metric:
    """A metric of the most probable class."""

    def score(labels: Codes, values: Probabilities, weights: Weights) -> Floats:
        predicted = np.asarray(values.argmax(axis=1), dtype=np.int64)
        return of_counts(confusion_matrices(labels, predicted, values.shape[1], weights))

    return Metric(name, score, of_counts=of_counts)


def log_loss(labels: Codes, values: Probabilities, weights: Weights) -> Floats:
    """Mean negative log-probability of the true class, in nats; probabilities are held above 1e-7."""
    true = np.take_along_axis(values, labels[:, None], axis=1)[:, 0]
    return _ratio(weights @ -np.log(true.clip(1e-7)), weights.sum(axis=1))


def brier(labels: Codes, values: Probabilities, weights: Weights) -> Floats:
    """Mean squared distance between the probabilities and the true class, summed over classes (Brier 1950): 0 to 2."""
    distance = ((values - np.eye(values.shape[1])[labels]) ** 2).sum(axis=1)
    return _ratio(weights @ distance, weights.sum(axis=1))


def calibration_error(labels: Codes, values: Probabilities, weights: Weights) -> Floats:
    """Expected calibration error: the mean gap between the largest probability and accuracy, over BINS bins of equal
    width (Guo et al. 2017)."""
    sure = values.max(axis=1)
    into = np.eye(BINS)[np.minimum((sure * BINS).astype(np.int64), BINS - 1)]
    gaps = weights @ (into * (sure - (values.argmax(axis=1) == labels))[:, None])
    return _ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def roc_auc(labels: Codes, values: Probabilities, weights: Weights) -> Floats:
    """Area under the ROC curve: of the second class where there are two, else one against the rest, macro-averaged.

    NaN where no class has both positive and negative rows.
    """
    columns = [1] if values.shape[1] == 2 else range(values.shape[1])
    areas = np.array([_area(values[:, column], labels == column, weights) for column in columns])
    known = ~np.isnan(areas)
    return np.where(known.any(axis=0), np.where(known, areas, 0).sum(axis=0) / known.sum(axis=0).clip(1), np.nan)


def _area(score: Floats, positive: npt.NDArray[np.bool_], weights: Weights) -> Floats:
    """Weighted Mann-Whitney statistic; equal scores count half."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])
    ordered = weights[:, order]
    up = np.add.reduceat(ordered * positive[order], starts, axis=1)
    down = np.add.reduceat(ordered * ~positive[order], starts, axis=1)
    below = np.cumsum(down, axis=1) - down / 2
    total = up.sum(axis=1) * down.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(total > 0, (up * below).sum(axis=1) / total, np.nan))


def _ratio(total: Floats, weight: Floats) -> Floats:
    """NaN where nothing weighs: a bootstrap draw may hold no row whose label is known."""
    return np.asarray(
        np.divide(total, weight, out=np.full(np.shape(weight), np.nan), where=weight > 0), dtype=np.float64
    )


METRICS = {
    "macro_f1": _of_labels("macro_f1", macro_f1),
    "accuracy": _of_labels("accuracy", accuracy),
    "weighted_f1": _of_labels("weighted_f1", weighted_f1),
    "roc_auc": Metric("roc_auc", roc_auc),
    "log_loss": Metric("log_loss", log_loss, greater_is_better=False),
    "brier": Metric("brier", brier, greater_is_better=False),
    "ece": Metric("ece", calibration_error, greater_is_better=False),
}


def metrics_of(task: Task) -> dict[str, Metric]:
    """Those that fit a task, by name."""
    return {name: metric for name, metric in METRICS.items() if metric.kind == task.kind}


def metric_named(name: str) -> Metric:
    """Raises ConfigError with a suggestion for a metric nobody knows."""
    if name not in METRICS:
        raise ConfigError(unknown("metric", name, METRICS))
    return METRICS[name]


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
