"""What a metric is, and how sure a score: every metric takes a batch of row weights, so a bootstrap is one product."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.targets import TARGETS, Codes, Floats, Labels, Mask

Weights = Floats

DRAWS = 1000
CHUNK = 100
LEVEL = 0.95


@dataclass(frozen=True)
class Metric:
    """``score(labels, values, weights)`` gives one score per row of ``weights`` (draws, rows); ``values`` is (rows,
    columns), labels are known. ``kind`` is of the tasks that it fits.

    Metrics of labels that are classes also have ``of_counts``: from (..., true, predicted) counts to (...) scores.
    """

    name: str
    score: Callable[[npt.NDArray[Any], Floats, Weights], Floats]
    greater_is_better: bool = True
    of_counts: Callable[[Floats], Floats] | None = None
    kind: str = "classification"

    @property
    def sign(self) -> int:
        return 1 if self.greater_is_better else -1

    def known(self, labels: Labels) -> Mask:
        """(rows,) which labels are there."""
        return TARGETS[self.kind].known(labels)


def confusion_matrix(labels: Codes, predicted: npt.NDArray[np.intp], classes: int) -> Floats:
    """(true, predicted) counts of rows that weigh the same."""
    cells = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.float64)


def score(metric: Metric, labels: Labels, values: Floats) -> float:
    """The metric over all rows whose label is known; NaN where there are none."""
    known = metric.known(labels)
    if not known.any():
        return float("nan")
    if metric.of_counts:
        predicted, classes = values[known].argmax(axis=1), values.shape[1]
        return float(metric.of_counts(confusion_matrix(labels[known].astype(np.int64), predicted, classes)))
    return float(metric.score(labels[known], values[known], np.ones((1, int(known.sum()))))[0])


def bootstrap(metric: Metric, labels: Labels, values: Floats, groups: Codes, seed: int = 0) -> Floats:
    """(DRAWS,) scores of resampled groups of rows; rows without a label take part in the drawing, not in the score.

    Equal groups and seeds draw equally, so scores of two models, or of two tasks on the same rows, are paired.
    """
    known = metric.known(labels)
    drawn = resamples(groups, known, DRAWS, seed)
    return np.concatenate([metric.score(labels[known], values[known], weights) for weights in drawn])


def resamples(groups: Codes, known: Mask, draws: int, seed: int = 0) -> Iterator[Weights]:
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


def ratio(total: Floats, weight: Floats) -> Floats:
    """NaN where nothing weighs: a bootstrap draw may hold no row whose label is known."""
    return np.asarray(
        np.divide(total, weight, out=np.full(np.shape(weight), np.nan), where=weight > 0), dtype=np.float64
    )
