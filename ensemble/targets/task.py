"""What is asked of a post: tasks, and what every kind of target owns. Knows what a label is; reads no file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.errors import DataError, unknown
from ensemble.modalities import MODALITIES, hash_column

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Labels = Codes | Floats

RESERVED = ("id", *MODALITIES, "part", "group", *map(hash_column, MODALITIES), "text_encoding")


@dataclass(frozen=True)
class Task:
    """One label column: its name, the kind of its target and the metric it is judged by (empty: the kind's usual one).

    Of classification: ``classes`` in column order, ``ordinal`` where their order means something, ``positive`` the
    positive one of two (empty: by their names). Of regression: ``bounds`` are the least and the greatest label there
    can be; ``cuts`` are ways to divide numbers into classes for the metrics of classes, each an ascending tuple of the
    greatest numbers of all classes but the last (``(0.0,)``: up to 0, and above).
    """

    name: str
    classes: tuple[str, ...] = ()
    metric: str = ""
    ordinal: bool = False
    kind: Literal["classification", "regression"] = "classification"
    positive: str = ""
    bounds: tuple[float, float] | None = None
    cuts: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in TARGETS:
            raise DataError(f"Task {self.name!r}: {unknown('kind', self.kind, TARGETS)}")
        self.target.check(self)
        object.__setattr__(self, "metric", self.metric or self.target.metric)
        if self.name in ("", ".", ".."):
            raise DataError(f"A task cannot be named {self.name!r}; name it after what it asks.")
        if self.name in RESERVED:
            raise DataError(f"Task {self.name!r} has the name of a column of the table; rename the task.")
        if self.positive and (len(self.classes) != 2 or self.positive not in self.classes):
            raise DataError(
                f"Task {self.name!r} cannot have the positive class {self.positive!r}: it must be one of two, and the "
                f"classes are {list(self.classes)}."
            )

    @classmethod
    def of_json(cls, record: Mapping[str, Any]) -> "Task":
        """From what ``asdict`` wrote as JSON; what a version before did not write has its default."""
        task = cls(**{**record, "classes": tuple(record["classes"])})
        bounds = None if task.bounds is None else (task.bounds[0], task.bounds[1])
        return replace(task, bounds=bounds, cuts=tuple(map(tuple, task.cuts)))

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
    """What the data of one kind of task needs; without state. Labels are (rows,), predictions (rows, columns).

    ``metric`` is the usual one, ``baseline`` the name of what knows the labels alone, ``predictions`` what predictions
    are called, ``method`` the learner's method that gives them. ``values`` of predictions and ``labels`` are told apart
    by what ``known`` says of the latter.
    """

    metric: str
    baseline: str
    predictions: str
    method: str

    def check(self, task: Task) -> None:
        """Raises DataError for a task that cannot be asked."""
        ...

    def columns(self, task: Task) -> tuple[str, ...]:
        """The names of the columns of predictions."""
        ...

    def invalid(self, task: Task, column: "pd.Series[Any]") -> tuple[Mask, str]:
        """(rows,) labels that are neither missing nor valid, and in words what a valid one is."""
        ...

    def encode(self, task: Task, column: "pd.Series[Any]") -> Labels:
        """(rows,) labels as numbers, of which ``known`` tells those that are there."""
        ...

    def decode(self, task: Task, labels: Labels) -> npt.NDArray[np.object_]:
        """(rows,) known labels as a table has them."""
        ...

    def known(self, labels: Labels) -> Mask: ...

    def decide(self, values: Floats) -> Labels:
        """(rows,) the label that predictions amount to where no rule decides."""
        ...

    def judged(self, values: Floats, labels: Labels) -> Floats:
        """(rows, columns) what metrics of predictions judge where ``labels`` (rows,) were decided."""
        ...

    def constant(self, task: Task, labels: Labels) -> Floats:
        """(columns,) the baseline's prediction for every row, from known labels."""
        ...

    def check_training(self, task: Task, labels: Labels) -> None:
        """Raises DataError where the labels of the training rows leave nothing to learn."""
        ...

    def strata(self, task: Task, labels: Labels) -> tuple[Codes, int]:
        """(rows,) the stratum of each row, -1 for none, and how many there are: every fold gets its share of each."""
        ...

    def count_labels(self, task: Task, column: "pd.Series[Any]") -> dict[str, int]:
        """For the audit: rows by label, and those without."""
        ...

    def problems(self, values: Floats) -> Iterator[tuple[str, Mask]]:
        """What may be wrong with predictions, in words, and the rows where it is so."""
        ...


TARGETS: dict[str, Target] = {}  # by kind; filled where the kinds are known, in the room's __init__
