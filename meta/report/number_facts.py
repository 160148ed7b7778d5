"""What a report knows of a task of numbers beyond scores: how predictions lie to the truth, row by row, and by fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.data import Floats
from ensemble.metrics import confusion_matrix
from ensemble.metrics.divisions import Division, divisions
from ensemble.predictions import Predictions
from ensemble.scoring import ClassScores, class_scores
from meta.report.group_facts import GroupFacts
from meta.table import MetaTable

CELLS = 32  # on each side of the map of predicted against true numbers
OUTERMOST = 0.005  # of the numbers at either end do not stretch the map
BINS = 10  # of predictions, equally many in each, whose means are compared
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class NumberMap:
    """How many rows lie in each cell (true, predicted), of equal width between ``low`` and ``high``; ``outside`` rows
    lie beyond and are counted in the cells at the edge."""

    low: float
    high: float
    rows: Sequence[Sequence[int]]
    outside: int


@dataclass(frozen=True)
class Residuals:
    """Of some rows how far the predictions lie above the truth: the mean, the mean absolute value, QUANTILES."""

    name: str
    rows: int
    mean: float
    absolute: float
    quantiles: Sequence[float]


@dataclass(frozen=True)
class MeanCalibration:
    """Bins of rows by what was predicted: the means of that and of the truth, and how many; ``error`` is the mean
    distance of the two, weighed by rows, the counterpart of the expected calibration error."""

    predicted: Sequence[float]
    true: Sequence[float]
    rows: Sequence[int]
    error: float


@dataclass(frozen=True)
class DividedClasses:
    """The classes that numbers fall into (``name`` as its accuracy is called): how each does, and (true, predicted)
    counts; ``rows`` may be fewer than all, where 0 belongs to none of them."""

    name: str
    rows: int
    accuracy: float
    classes: Mapping[str, ClassScores]
    confusion: Sequence[Sequence[int]]


@dataclass(frozen=True)
class NumberFacts:
    """``against_truth``, residuals and classes are of the stack, ``calibration`` of several models by name; ``groups``
    are there where posts belong together, such as the clips of a video."""

    against_truth: NumberMap
    by_fold: Sequence[Residuals]
    by_range: Sequence[Residuals]
    calibration: Mapping[str, MeanCalibration]
    divided: Sequence[DividedClasses]
    groups: GroupFacts | None = None


def number_facts(
    table: MetaTable, models: Mapping[str, Predictions], groups: GroupFacts | None = None
) -> NumberFacts | None:
    """Of the rows with a label; None where there is none. The first of the models is the stack."""
    known = table.known
    if not known.any():
        return None
    labels, fold, task = table.labels[known].astype(np.float64), table.fold[known], table.task
    values = {name: predictions.values[known, 0] for name, predictions in models.items()}
    stack = next(iter(values.values()))
    residuals = stack - labels
    strata, count = task.target.strata(task, labels)
    ranges = [(strata == stratum) for stratum in range(count) if (strata == stratum).any()]
    return NumberFacts(
        against_truth=number_map(labels, stack, task.bounds),
        by_fold=[_residuals(f"fold {each}", residuals[fold == each]) for each in np.unique(fold)],
        by_range=[_residuals(_range(labels[rows]), residuals[rows]) for rows in ranges],
        calibration={name: mean_calibration(labels, each) for name, each in values.items()},
        divided=[divided_classes(name, division, labels, stack) for name, division in divisions(task).items()],
        groups=groups,
    )


def number_map(labels: Floats, values: Floats, bounds: tuple[float, float] | None) -> NumberMap:
    """Within the bounds where there are any, else within all but the OUTERMOST numbers."""
    both = np.concatenate([labels, values])
    low, high = bounds or np.quantile(both, (OUTERMOST, 1 - OUTERMOST))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, CELLS + 1)
    counts, _, _ = np.histogram2d(labels.clip(low, high), values.clip(low, high), bins=(edges, edges))
    outside = int(((labels < low) | (labels > high) | (values < low) | (values > high)).sum())
    return NumberMap(float(low), float(high), counts.astype(int).tolist(), outside)


def mean_calibration(labels: Floats, values: Floats) -> MeanCalibration:
    """Equal predictions share a bin; a constant prediction has one."""
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
    bins = np.searchsorted(edges, values, side="left")
    rows = np.bincount(bins)
    filled = np.flatnonzero(rows)
    predicted, true = (np.bincount(bins, of)[filled] / rows[filled] for of in (values, labels))
    error = float(np.abs(predicted - true) @ rows[filled] / rows.sum())
    return MeanCalibration(predicted.tolist(), true.tolist(), rows[filled].tolist(), error)


def divided_classes(name: str, division: Division, labels: Floats, values: Floats) -> DividedClasses:
    """As the metrics of the division count them."""
    counted = labels != 0 if division.nonzero else np.ones(len(labels), dtype=bool)
    true, predicted = division.codes(labels[counted]), division.codes(values[counted])
    counts = confusion_matrix(true, predicted, len(division.names))
    return DividedClasses(
        name=f"acc_{name}",
        rows=int(counts.sum()),
        accuracy=float(np.trace(counts) / max(counts.sum(), 1)),
        classes=class_scores(counts, division.names),
        confusion=counts.astype(int).tolist(),
    )


def _residuals(name: str, residuals: Floats) -> Residuals:
    quantiles = np.quantile(residuals, QUANTILES).tolist()
    return Residuals(name, len(residuals), float(residuals.mean()), float(np.abs(residuals).mean()), quantiles)


def _range(labels: Floats) -> str:
    """The least and the greatest of some labels, in words."""
    low, high = f"{labels.min():.3g}", f"{labels.max():.3g}"
    return low if low == high else f"{low} to {high}"
