"""Posts and their tasks as one frozen table. Knows what a valid table is; reads no file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.errors import DataError, some, unknown
from ensemble.modalities import BOTH, MODALITIES, get_modality, hash_column
from ensemble.targets import Codes as Codes
from ensemble.targets import Floats as Floats
from ensemble.targets import Labels as Labels
from ensemble.targets import Task as Task

TRAIN, DEV, TEST = "train", "dev", "test"
RATING = "rating\x1f"  # before the names of a task and of an annotator: a column of what that one said
SLICE = "slice\x1f"  # before the name of a column by which scores are told apart


@dataclass(frozen=True)
class Dataset:
    """Posts as a frame with columns ``id``, ``part``, one per modality (``text``, ``image``, ...) and one per task.

    ``text``, ``image``, ``audio`` and ``video`` (paths relative to ``root``, but for the text) are None where missing,
    labels are None where unknown; a table without a modality's column lacks it in every post. ``part`` is ``train``,
    ``dev`` or ``test``; rows of the latter two enter no fold, whether they have labels or not, and those of ``dev`` may
    tell which epoch or parameter is best. Optional columns: ``group`` (rows that must stay together), ``image_hash``
    (SHA-256 of the file; so of audio and video), ``text_encoding``, ``seconds`` (how long a clip is by its table).
    ``notes`` are lines about how the table was read, for the audit. ``subtasks`` are named groups of tasks whose
    headline is the mean of their scores; ``linked_tasks`` pairs a binary task with the degree that is above 0 exactly
    where it is 1. ``id_column`` is what the ids are called where they came from. ``slices`` names the columns by which
    scores are told apart; each is in the frame as ``slice_column(name)``, but for what texts tell.
    """

    frame: pd.DataFrame
    root: Path
    tasks: tuple[Task, ...]
    notes: tuple[str, ...] = ()
    subtasks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    linked_tasks: tuple[tuple[str, str], ...] = ()
    id_column: str = "id"
    slices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        missing = [c for c in ("id", "part", *self.task_names) if c not in self.frame]
        if missing:
            raise DataError(f"The table has no column {some(missing)}; it has {list(self.frame.columns)}.")
        if not any(name in self.frame for name in MODALITIES):
            names = ", ".join(map(repr, MODALITIES))
            raise DataError(f"The table has no column of a modality: {names}; it has {list(self.frame.columns)}.")
        duplicated = self.frame["id"][self.frame["id"].duplicated()]
        if len(duplicated):
            raise DataError(f"{len(duplicated)} ids appear more than once: {some(duplicated.unique())}.")
        for task in self.tasks:
            self._check_labels(task)

    def _check_labels(self, task: Task) -> None:
        bad, valid = task.target.invalid(task, self.frame[task.name])
        if bad.any():
            row = self.frame[bad].iloc[0]
            raise DataError(f"Row {row['id']!r} has {task.name} {row[task.name]!r}; it must be {valid}.")

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def task_names(self) -> tuple[str, ...]:
        return tuple(task.name for task in self.tasks)

    @property
    def ids(self) -> npt.NDArray[np.object_]:
        """The ids, (rows,), as str."""
        return self.frame["id"].to_numpy(dtype=object)

    def cells(self, modality: str) -> list[str | None]:
        """What each post has of a modality, None where nothing: the text itself, the path of an image."""
        return optional(self.frame[modality]) if modality in self.frame else [None] * len(self)

    def keys(self, modality: str) -> list[str | None]:
        """Of each post, equal where the content of a modality is equal, None where there is none; as a scan has found
        them, else computed from the contents."""
        if hash_column(modality) in self.frame:
            return optional(self.frame[hash_column(modality)])
        key = get_modality(modality).key
        return [None if cell is None else key(cell, self.root) for cell in self.cells(modality)]

    def contents(self, modality: str) -> list[str | None]:
        """The same, with the text itself for its key: told apart as well, and nothing is computed."""
        return self.cells(modality) if modality == "text" else self.keys(modality)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Text and image, and each further one that the table has a column of; in the order of MODALITIES."""
        return tuple(name for name in MODALITIES if name in BOTH or name in self.frame)

    @property
    def texts(self) -> list[str | None]:
        return self.cells("text")

    @property
    def images(self) -> list[str | None]:
        return self.cells("image")

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

    def labels(self, task: Task) -> Labels:
        """(rows,) positions in ``task.classes``, -1 where the label is missing; of a regression the numbers, NaN where
        missing. ``task.target.known`` tells which are there."""
        return task.target.encode(task, self.frame[task.name])

    def ratings(self, task: Task) -> Floats | None:
        """(rows, annotators) what each annotator said of each row, as labels are encoded, NaN where nothing; None where
        the labels are not put together from several."""
        columns = [name for name in self.frame if str(name).startswith(rating_column(task.name, ""))]
        if not columns:
            return None
        found = [task.target.encode(task, self.frame[name]) for name in columns]
        return np.stack([np.where(task.target.known(each), each, np.nan) for each in found], axis=1)

    def codes(self, task: Task) -> Codes:
        """The labels of a task of classes, for what knows no other kind; raises DataError for one that is not."""
        if not task.classes:
            raise DataError(f"Task {task.name!r} is of kind {task.kind!r} and has no classes.")
        return np.asarray(self.labels(task), dtype=np.int64)

    def take(self, rows: npt.ArrayLike) -> "Dataset":
        """The rows at these positions, in this order (a boolean mask works too)."""
        chosen = np.asarray(rows)
        positions = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        return replace(self, frame=self.frame.iloc[positions].reset_index(drop=True))

    def without_labels(self) -> "Dataset":
        """The same rows with every label missing, so that a learner cannot look."""
        ratings = [str(name) for name in self.frame if str(name).startswith(RATING)]
        return replace(self, frame=self.frame.assign(**dict.fromkeys([*self.task_names, *ratings])))

    def with_columns(self, **columns: Any) -> "Dataset":
        """The same rows with these columns, (rows,) each, added or replaced."""
        return replace(self, frame=self.frame.assign(**columns))

    def with_slices(self, names: Sequence[str]) -> "Dataset":
        """The same rows, whose scores are told apart by these columns."""
        return replace(self, slices=tuple(dict.fromkeys(names)))

    def text_hashes(self) -> list[str | None]:
        """SHA-256 of each text, None where there is none."""
        return self.keys("text")

    def image_hashes(self) -> list[str | None]:
        """SHA-256 of each image file, None where there is none."""
        return self.keys("image")


def rating_column(task: str, annotator: str) -> str:
    return f"{RATING}{task}\x1f{annotator}"


def slice_column(name: str) -> str:
    return f"{SLICE}{name}"


def optional(column: "pd.Series[str]") -> list[str | None]:
    """A column as a list with None for every kind of missing value."""
    values = column.to_numpy(dtype=object, copy=True)
    values[column.isna().to_numpy()] = None
    cells: list[str | None] = values.tolist()
    return cells


def python_values(column: "pd.Series[Any]") -> list[Any]:
    """A column as a list, made at once: whoever iterates over pandas' strings has each made by itself."""
    values: list[Any] = column.to_numpy(dtype=object).tolist()
    return values
