"""What is asked of a post: tasks, and what sets the kinds of target apart. Knows what a label is; reads no file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.errors import DataError, unknown
from ensemble.modalities import MODALITIES, hash_column

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

RESERVED = ("id", *MODALITIES, "part", "group", *map(hash_column, MODALITIES), "text_encoding")
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Task:
    """One label column: its name, its classes in column order, the metric it is judged by, whether the order of its
    classes means something, and the kind of its target. ``positive`` names the positive one of two classes; empty: by
    their names."""

    name: str
    classes: tuple[str, ...]
    metric: str = "macro_f1"
    ordinal: bool = False
    kind: Literal["classification"] = "classification"
    positive: str = ""

    def __post_init__(self) -> None:
        if self.kind not in TARGETS:
            raise DataError(f"Task {self.name!r}: {unknown('kind', self.kind, TARGETS)}")
        self.target.check(self)
        if self.name in ("", ".", ".."):
            raise DataError(f"A task cannot be named {self.name!r}; name it after what it asks.")
        if self.name in RESERVED:
            raise DataError(f"Task {self.name!r} has the name of a column of the table; rename the task.")
        if self.positive and (len(self.classes) != 2 or self.positive not in self.classes):
            raise DataError(
                f"Task {self.name!r} cannot have the positive class {self.positive!r}: it must be one of two, and the "
                f"classes are {list(self.classes)}."
            )

    @property
    def target(self) -> "Target":
        return TARGETS[self.kind]

    @property
    def positive_class(self) -> int | None:
        """The position of the positive one of two classes, None where there are more: the one that is named, else the
        one whose opposite is a negation (``0``, ``no``, ``not_hateful``), else the second."""
        if len(self.classes) != 2:
            return None
        if self.positive:
            return self.classes.index(self.positive)
        first, second = self.classes
        return 0 if _negates(second, first) and not _negates(first, second) else 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of its predictions."""
        return self.target.columns(self)


NEGATIONS = {"0", "0.0", "-1", "-1.0", "false", "f", "no", "n", "not", "non", "none", "neg", "negative", "normal"}
NEGATIONS |= {"absent", "benign", "neither", "nothing"}
PREFIX = re.compile(r"(not|non|no)[\s_-]+.+")
JOINED = ("not", "non", "no", "un", "in", "anti")  # before the other class's name, with or without a space


def _negates(name: str, other: str) -> bool:
    """Whether a class's name says that ``other`` is not there."""
    name, other = name.strip().casefold(), other.strip().casefold()
    if name in NEGATIONS or PREFIX.fullmatch(name):
        return True
    return name.endswith(other) and name.removesuffix(other).rstrip(" _-") in JOINED


class Target(Protocol):
    """What the data of one kind of task needs; without state. Labels are (rows,), predictions (rows, columns)."""

    def check(self, task: Task) -> None:
        """Raises DataError for a task that cannot be asked."""
        ...

    def columns(self, task: Task) -> tuple[str, ...]:
        """The names of the columns of predictions."""
        ...

    def invalid(self, task: Task, column: "pd.Series[str]") -> tuple[Mask, str]:
        """(rows,) labels that are neither missing nor valid, and in words what a valid one is."""
        ...

    def encode(self, task: Task, column: "pd.Series[str]") -> Codes:
        """(rows,) labels as numbers, of which ``known`` tells those that are there."""
        ...

    def known(self, labels: Codes) -> Mask: ...

    def check_training(self, task: Task, labels: Codes) -> None:
        """Raises DataError where the labels of the training rows leave nothing to learn."""
        ...

    def strata(self, task: Task, labels: Codes) -> tuple[Codes, int]:
        """(rows,) the stratum of each row, -1 for none, and how many there are: every fold gets its share of each."""
        ...

    def count_labels(self, task: Task, column: "pd.Series[str]") -> dict[str, int]:
        """For the audit: rows by label, and those without."""
        ...

    def problems(self, values: Floats) -> Iterator[tuple[str, Mask]]:
        """What may be wrong with predictions, in words, and the rows where it is so."""
        ...


class Classification:
    """One of several classes: labels are positions in ``task.classes``, -1 where unknown; predictions are probabilities
    of each class."""

    def check(self, task: Task) -> None:
        if len(task.classes) < 2 or len(set(task.classes)) < len(task.classes):
            raise DataError(f"Task {task.name!r} needs at least two distinct classes, got {list(task.classes)}.")
        if {"id", "fold", "decided label"} & set(task.classes):
            raise DataError(
                f"Task {task.name!r} has a class named 'id', 'fold' or 'decided label', columns of probability files."
            )

    def columns(self, task: Task) -> tuple[str, ...]:
        return task.classes

    def invalid(self, task: Task, column: "pd.Series[str]") -> tuple[Mask, str]:
        return (column.notna() & ~column.isin(task.classes)).to_numpy(), f"one of {list(task.classes)}"

    def encode(self, task: Task, column: "pd.Series[str]") -> Codes:
        return np.asarray(pd.Categorical(column, categories=list(task.classes)).codes, dtype=np.int64)

    def known(self, labels: Codes) -> Mask:
        return labels >= 0

    def check_training(self, task: Task, labels: Codes) -> None:
        found = np.unique(labels[self.known(labels)])
        if len(found) < 2:
            has = f"only the class {task.classes[found[0]]!r}" if len(found) else "no label"
            raise DataError(
                f"Task {task.name!r} has {has} in its {len(labels):,} training rows; it needs rows of at least two "
                "classes."
            )

    def strata(self, task: Task, labels: Codes) -> tuple[Codes, int]:
        return labels, len(task.classes)

    def count_labels(self, task: Task, column: "pd.Series[str]") -> dict[str, int]:
        return {name: int((column == name).sum()) for name in task.classes} | {"missing": int(column.isna().sum())}

    def problems(self, values: Floats) -> Iterator[tuple[str, Mask]]:
        yield "are not finite", np.asarray(~np.isfinite(values).all(axis=1))
        yield "are negative", np.asarray((values < 0).any(axis=1))
        yield "do not sum to one", np.abs(values.sum(axis=1) - 1) > TOLERANCE


TARGETS: Mapping[str, Target] = {"classification": Classification()}
