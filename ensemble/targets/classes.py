"""Targets that are one of several classes: labels are positions, predictions are probabilities."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.errors import DataError
from ensemble.targets.task import Codes, Floats, Labels, Mask, Task

TOLERANCE = 1e-4


class Classification:
    """One of several classes: labels are positions in ``task.classes``, -1 where unknown; predictions are probabilities
    of each class."""

    metric = "macro_f1"
    baseline = "majority class"
    predictions = "Probabilities"
    method = "predict_proba"

    def check(self, task: Task) -> None:
        if task.bounds or task.cuts:
            raise DataError(f"Task {task.name!r} has bounds or cuts, which are of kind 'regression'; it has classes.")
        if len(task.classes) < 2 or len(set(task.classes)) < len(task.classes):
            raise DataError(f"Task {task.name!r} needs at least two distinct classes, got {list(task.classes)}.")
        if {"id", "fold", "decided label"} & set(task.classes):
            raise DataError(
                f"Task {task.name!r} has a class named 'id', 'fold' or 'decided label', columns of probability files."
            )

    def columns(self, task: Task) -> tuple[str, ...]:
        return task.classes

    def invalid(self, task: Task, column: "pd.Series[Any]") -> tuple[Mask, str]:
        return (column.notna() & ~column.isin(task.classes)).to_numpy(), f"one of {list(task.classes)}"

    def encode(self, task: Task, column: "pd.Series[Any]") -> Codes:
        return np.asarray(pd.Categorical(column, categories=list(task.classes)).codes, dtype=np.int64)

    def decode(self, task: Task, labels: Labels) -> npt.NDArray[np.object_]:
        return np.asarray(task.classes, dtype=object)[labels.astype(np.int64)]

    def known(self, labels: Labels) -> Mask:
        return labels >= 0

    def decide(self, values: Floats) -> Codes:
        return np.asarray(values.argmax(axis=1), dtype=np.int64)

    def judged(self, values: Floats, labels: Labels) -> Floats:
        return values

    def constant(self, task: Task, labels: Labels) -> Floats:
        counts = np.bincount(labels.astype(np.int64), minlength=len(task.classes)).astype(np.float64)
        return counts / counts.sum() if counts.any() else np.full(len(counts), 1 / len(counts))

    def check_training(self, task: Task, labels: Labels) -> None:
        found = np.unique(labels[self.known(labels)])
        if len(found) < 2:
            has = f"only the class {task.classes[int(found[0])]!r}" if len(found) else "no label"
            raise DataError(
                f"Task {task.name!r} has {has} in its {len(labels):,} training rows; it needs rows of at least two "
                "classes."
            )

    def strata(self, task: Task, labels: Labels) -> tuple[Codes, int]:
        return labels.astype(np.int64), len(task.classes)

    def count_labels(self, task: Task, column: "pd.Series[Any]") -> dict[str, int]:
        return {name: int((column == name).sum()) for name in task.classes} | {"missing": int(column.isna().sum())}

    def problems(self, values: Floats) -> Iterator[tuple[str, Mask]]:
        yield "are not finite", np.asarray(~np.isfinite(values).all(axis=1))
        yield "are negative", np.asarray((values < 0).any(axis=1))
        yield "do not sum to one", np.abs(values.sum(axis=1) - 1) > TOLERANCE
