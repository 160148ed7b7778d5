"""What a metric is, and how sure a score: every metric takes a batch of row weights, so a bootstrap is one product."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.system.remembered import remembered
from ensemble.targets import TARGETS, Codes, Floats, Labels, Mask

Weights = Floats

DRAWS = 1000
CHUNK = 100
FEW_CODES = 64  # up to which a matrix product sums faster than counting, and sums are kept
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
    draws: Floats = bootstraps(metric, labels, [values], groups, seed)[0]
    return draws


def bootstraps(metric: Metric, labels: Labels, values: Sequence[Floats], groups: Codes, seed: int = 0) -> Floats:
    """(models, DRAWS) the ``bootstrap`` of each model's (rows, columns) ``values`` on the same rows, which are drawn
    once for all."""
    known = metric.known(labels)
    labels, values, alike = labels[known], [each[known] for each in values], None
    if metric.of_counts and values:
        # Rows of one label on which every model says the same are one row that weighs as much: thousands become a few
        # dozen, and sums of whole numbers are exact in any order.
        alike = _alike(np.asarray(labels, dtype=np.int64), [each.argmax(axis=1) for each in values], values[0].shape[1])
        one = np.zeros(int(alike.max(initial=-1)) + 1, dtype=np.intp)
        one[alike] = np.arange(len(alike))
        labels, values = labels[one], [each[one] for each in values]
    weights: Iterable[Weights]
    if alike is not None and len(labels) <= FEW_CODES:
        weights = [_remembered_draws(groups, known, seed, alike)]
    else:
        weights = resamples(groups, known, DRAWS, seed, alike)
    scores = [[metric.score(labels, each, part) for each in values] for part in weights]
    return np.concatenate(scores, axis=1) if values else np.empty((0, DRAWS))


def _all_draws(groups: Codes, known: Mask, seed: int, alike: Codes) -> Weights:
    """(DRAWS, codes) the ``resamples`` of few codes."""
    return np.concatenate(list(resamples(groups, known, DRAWS, seed, alike)))


_remembered_draws = remembered(_all_draws, most=50)  # the next metric of the same rows asks for the same


def _alike(labels: Codes, predicted: Sequence[npt.NDArray[np.intp]], classes: int) -> Codes:
    """(rows,) codes without gaps, equal where rows have the same label and the same prediction of every model."""
    codes = labels
    for each in predicted:
        codes = codes * classes + each
        places = np.cumsum(np.bincount(codes) > 0) - 1
        codes = places[codes]
    return codes


def resamples(groups: Codes, known: Mask, draws: int, seed: int = 0, alike: Codes | None = None) -> Iterator[Weights]:
    """(CHUNK, known rows) at a time, ``draws`` in all: how often each known row is drawn with its group. Of rows that
    are ``alike``, by code, the sum: (CHUNK, codes)."""
    _, local = np.unique(groups, return_inverse=True)
    count, rows = int(local.max()) + 1, local[known]
    codes = 0 if alike is None else int(alike.max(initial=-1)) + 1
    # Whole numbers below 2**24 are exact in single precision, so the product gives the very sums that counting does.
    indicator = None
    if alike is not None and codes <= FEW_CODES and len(rows) < 2**24:
        indicator = np.zeros((len(rows), codes), dtype=np.float32)
        indicator[np.arange(len(rows)), alike] = 1
    every = np.array_equal(rows, np.arange(count))
    for chunk in range(draws // CHUNK):
        drawn = _drawn(count, seed, chunk)
        drawn = drawn if every else drawn.take(rows, axis=1)
        if alike is None:
            yield drawn.astype(np.float64)
        elif indicator is not None:
            yield (drawn.astype(np.float32) @ indicator).astype(np.float64)
        else:
            yield np.stack([np.bincount(alike, weights=each, minlength=codes) for each in drawn])


@lru_cache(maxsize=DRAWS // CHUNK)
def _drawn(count: int, seed: int, chunk: int) -> npt.NDArray[np.uint8]:
    """(CHUNK, count) how often each group is drawn; the next metric on the same rows asks for the same."""
    random = np.random.default_rng([seed, chunk])
    drawn = np.empty((CHUNK, count), dtype=np.uint8)  # 256 times is what no group of many is drawn, and few are fewer
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
