"""Posts and their tasks as one frozen table. Knows what a valid table is; reads no file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.errors import DataError, some, unknown
from ensemble.system.files import file_hash

Codes = npt.NDArray[np.int64]

TRAIN, TEST = "train", "test"
RESERVED = ("id", "text", "image", "part", "group", "image_hash", "text_encoding")


@dataclass(frozen=True)
class Task:
    """One label column: its name, its classes in column order, the metric it is judged by, whether the order of its
    classes means something."""

    name: str
    classes: tuple[str, ...]
    metric: str = "macro_f1"
    ordinal: bool = False

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise DataError(f"Task {self.name!r} needs at least two distinct classes, got {list(self.classes)}.")
        if {"id", "fold", "decided label"} & set(self.classes):
            raise DataError(
                f"Task {self.name!r} has a class named 'id', 'fold' or 'decided label', columns of probability files."
            )
        if self.name in ("", ".", ".."):
            raise DataError(f"A task cannot be named {self.name!r}; name it after what it asks.")
        if self.name in RESERVED:
            raise DataError(f"Task {self.name!r} has the name of a column of the table; rename the task.")


@dataclass(frozen=True)
class Dataset:
    """Posts as a frame with columns ``id``, ``text``, ``image``, ``part`` and one label column per task.

    ``text`` and ``image`` (a path relative to ``root``) are None where missing, labels are None where unknown.
    ``part`` is ``train`` or ``test``; test rows enter no fold, whether they have labels or not. Optional columns:
    ``group`` (rows that must stay together), ``image_hash`` (SHA-256 of the file), ``text_encoding``.
    ``notes`` are lines about how the table was read, for the audit. ``subtasks`` are named groups of tasks whose
    headline is the mean of their scores; ``presence`` pairs a binary task with the degree that is above 0 exactly
    where it is 1.
    """

    frame: pd.DataFrame
    root: Path
    tasks: tuple[Task, ...]
    notes: tuple[str, ...] = ()
    subtasks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    presence: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        missing = [c for c in ("id", "text", "image", "part", *self.task_names) if c not in self.frame]
        if missing:
            raise DataError(f"The table has no column {some(missing)}; it has {list(self.frame.columns)}.")
        duplicated = self.frame["id"][self.frame["id"].duplicated()]
        if len(duplicated):
            raise DataError(f"{len(duplicated)} ids appear more than once: {some(duplicated.unique())}.")
        for task in self.tasks:
            self._check_labels(task)

    def _check_labels(self, task: Task) -> None:
        column = self.frame[task.name]
        bad = self.frame[column.notna() & ~column.isin(task.classes)]
        if len(bad):
            row = bad.iloc[0]
            raise DataError(
                f"Row {row['id']!r} has {task.name} {row[task.name]!r}; it must be one of {list(task.classes)}."
            )

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def task_names(self) -> tuple[str, ...]:
        return tuple(task.name for task in self.tasks)

    @property
    def ids(self) -> npt.NDArray[np.object_]:
        """The ids, (rows,), as str."""
        return self.frame["id"].to_numpy(dtype=object)

    @property
    def texts(self) -> list[str | None]:
        return optional(self.frame["text"])

    @property
    def images(self) -> list[str | None]:
        return optional(self.frame["image"])

    @property
    def groups(self) -> Codes:
        """(rows,) integers, equal for rows that must stay on one side of any split."""
        column = self.frame["group"] if "group" in self.frame else self.frame["id"]
        return np.asarray(pd.factorize(column)[0], dtype=np.int64)

    def task(self, name: str) -> Task:
        """The task of that name; raises DataError with the known names otherwise."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise DataError(unknown("task", name, self.task_names))

    def labels(self, task: Task) -> Codes:
        """(rows,) positions in ``task.classes``, -1 where the label is missing."""
        return np.asarray(pd.Categorical(self.frame[task.name], categories=list(task.classes)).codes, dtype=np.int64)

    def take(self, rows: npt.ArrayLike) -> "Dataset":
        """The rows at these positions, in this order (a boolean mask works too)."""
        chosen = np.asarray(rows)
        positions = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        return replace(self, frame=self.frame.iloc[positions].reset_index(drop=True))

    def without_labels(self) -> "Dataset":
        """The same rows with every label missing, so that a learner cannot look."""
        return replace(self, frame=self.frame.assign(**{name: None for name in self.task_names}))

    def with_columns(self, **columns: Any) -> "Dataset":
        """The same rows with these columns, (rows,) each, added or replaced."""
        return replace(self, frame=self.frame.assign(**columns))

    def text_hashes(self) -> list[str | None]:
        """SHA-256 of each text, None where there is none."""
        return [None if text is None else hashlib.sha256(text.encode()).hexdigest() for text in self.texts]

    def image_hashes(self) -> list[str | None]:
        """SHA-256 of each image file, from the ``image_hash`` column where a scan has filled it."""
        if "image_hash" in self.frame:
            return optional(self.frame["image_hash"])
        return [None if path is None else file_hash(self.root / path) for path in self.images]


def optional(column: "pd.Series[str]") -> list[str | None]:
    """A column as a list with None for every kind of missing value."""
    return [None if missing else value for value, missing in zip(column, column.isna(), strict=True)]
