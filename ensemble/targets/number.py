"""Targets that are a number: labels are floats, NaN where unknown; predictions are one column of any finite number."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.errors import DataError
from ensemble.targets.task import Codes, Floats, Labels, Mask, Task

VALUE = "value"  # the column of predictions
BINS = 10  # of equally many labels each, that folds get their shares of
RANGES = 7  # of equal width, that the audit counts
LARGEST = 1e100  # beyond, squares and their sums are no numbers any more


class Regression:
    """Any label that is a finite number within the task's bounds. Predictions may lie outside: nothing clips them but
    the metrics that say so."""

    metric = "mae"
    baseline = "median label"
    predictions = "Predictions"
    method = "predict"

    def check(self, task: Task) -> None:
        if task.classes or task.ordinal:
            raise DataError(f"Task {task.name!r} is a regression and cannot have classes; it has {list(task.classes)}.")
        if task.bounds is not None and not (np.isfinite(task.bounds).all() and task.bounds[0] < task.bounds[1]):
            raise DataError(f"Task {task.name!r}: bounds must be two numbers, the smaller first, not {task.bounds}.")
        for cuts in task.cuts:
            if not cuts or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
                raise DataError(f"Task {task.name!r}: each of the cuts must be ascending numbers, not {list(cuts)}.")

    def columns(self, task: Task) -> tuple[str, ...]:
        return (VALUE,)

    def invalid(self, task: Task, column: "pd.Series[Any]") -> tuple[Mask, str]:
        low, high = task.bounds or (-LARGEST, LARGEST)
        valid = [_is_number(value) and low <= value <= high for value in column]
        between = f" from {low:g} to {high:g}" if task.bounds else ""
        return column.notna().to_numpy() & ~np.array(valid, dtype=bool), f"a number{between}"

    def encode(self, task: Task, column: "pd.Series[Any]") -> Floats:
        return column.astype(object).where(column.notna(), np.nan).to_numpy(dtype=np.float64)

    def decode(self, task: Task, labels: Labels) -> npt.NDArray[np.object_]:
        return labels.astype(object)

    def known(self, labels: Labels) -> Mask:
        return ~np.isnan(labels)

    def decide(self, values: Floats) -> Floats:
        return values[:, 0]

    def judged(self, values: Floats, labels: Labels) -> Floats:
        return np.asarray(labels[:, None], dtype=np.float64)

    def constant(self, task: Task, labels: Labels) -> Floats:
        return np.array([np.median(labels) if len(labels) else 0.0])

    def check_training(self, task: Task, labels: Labels) -> None:
        values = np.unique(labels[self.known(labels)])
        if not len(values):
            raise DataError(f"Task {task.name!r} has no value among the {len(labels)} training rows.")
        if len(values) == 1:
            raise DataError(
                f"Task {task.name!r} has one and the same value, {values[0]:g}, in all of the {len(labels)} training "
                "rows: there is nothing to learn."
            )

    def strata(self, task: Task, labels: Labels) -> tuple[Codes, int]:
        known = self.known(labels)
        edges = np.unique(np.quantile(labels[known], np.arange(1, BINS) / BINS)) if known.any() else np.zeros(0)
        bins = np.searchsorted(edges, labels, side="left")  # equal labels share a bin
        return np.where(known, bins, -1).astype(np.int64), len(edges) + 1

    def count_labels(self, task: Task, column: "pd.Series[Any]") -> dict[str, int]:
        labels = self.encode(task, column)
        known = labels[self.known(labels)]
        if not len(known):
            return {"missing": len(labels)}
        values, counts = np.unique(known, return_counts=True)
        names = [f"{value:g}" for value in values]
        if len(values) > RANGES:
            counts, edges = np.histogram(known, bins=RANGES)
            names = next(names for digits in (3, 6, 17) if len(set(names := _ranges(edges, digits))) == RANGES)
        return dict(zip(names, map(int, counts), strict=True)) | {"missing": int(np.isnan(labels).sum())}

    def problems(self, values: Floats) -> Iterator[tuple[str, Mask]]:
        yield "are not finite", np.asarray(~np.isfinite(values).all(axis=1))
        yield f"are beyond {LARGEST:g}", np.asarray((np.abs(values) > LARGEST).any(axis=1))


def _ranges(edges: Floats, digits: int) -> list[str]:
    return [f"{low:.{digits}g} to {high:.{digits}g}" for low, high in pairwise(edges)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
