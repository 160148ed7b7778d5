"""Predictions for one task, probabilities or numbers, checked once, joined by id and never by position."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ensemble.data import Floats, Labels, Task
from ensemble.errors import PredictionsError, some
from ensemble.system.files import read_table, write_table

Probabilities = Floats
SPREAD = "spread."  # before a column's name: the column of its standard deviation over views
DECIDED = "decided label"  # the column of the labels a decision rule gave


@dataclass(frozen=True)
class Predictions:
    """``values`` is (rows, columns) in the order of ``task.columns``: the probabilities of all classes, or one number;
    ``ids`` is (rows,) of str, unique.

    ``spread``, of the same shape, is their standard deviation over views of a row, where a learner gives it.
    ``decided`` (rows,) are the labels that a decision rule gave, positions in ``task.classes`` or numbers; without it
    the most probable class, or the number itself, is the label.
    """

    task: Task
    ids: npt.NDArray[np.object_]
    values: Probabilities
    spread: Probabilities | None = None
    decided: Labels | None = None

    def __post_init__(self) -> None:
        where = f"{self.task.target.predictions} for {self.task.name!r}"
        expected, columns = (len(self.ids), len(self.task.columns)), "classes" if self.task.classes else "columns"
        if self.values.shape != expected:
            raise PredictionsError(f"{where} must have shape {expected} (rows, {columns}), got {self.values.shape}.")
        if self.spread is not None and (self.spread.shape != expected or not (self.spread >= 0).all()):
            raise PredictionsError(f"{where}: the spread must be non-negative numbers of shape {expected}.")
        if pd.Index(self.ids).has_duplicates:
            raise PredictionsError(f"{where}: ids appear more than once: {some(_repeated(self.ids))}.")
        for problem, bad in self.task.target.problems(self.values):
            if bad.any():
                row = int(bad.argmax())
                found = ", ".join(f"{value:.4g}" for value in self.values[row])
                raise PredictionsError(f"{where} {problem} in {bad.sum():,} rows; row {self.ids[row]!r} has {found}.")

    def take(self, ids: npt.ArrayLike) -> "Predictions":
        """The rows with these ids, in this order; raises PredictionsError naming ids that are not there."""
        wanted = np.asarray(ids, dtype=object)
        if np.array_equal(wanted, self.ids):
            return self
        positions = pd.Index(self.ids).get_indexer(pd.Index(wanted))
        if (positions < 0).any():
            raise PredictionsError(
                f"{self.task.target.predictions} for {self.task.name!r} lack {(positions < 0).sum():,} rows: "
                f"{some(wanted[positions < 0])}."
            )
        spread = None if self.spread is None else self.spread[positions]
        decided = None if self.decided is None else self.decided[positions]
        return Predictions(self.task, wanted, self.values[positions], spread, decided)

    def labels(self) -> Labels:
        """(rows,) the label of each, as a position in ``task.classes`` or as a number: as decided, or else the most
        probable class, the number itself."""
        return self.task.target.decide(self.values) if self.decided is None else self.decided

    def write(self, path: Path, made_of: Mapping[str, str]) -> None:
        """Parquet with ``id`` and a float64 column for each of the task's, then spreads and decided labels where there
        are any; task, class order and ``made_of`` in its metadata."""
        columns = {"id": pa.array(self.ids, type=pa.string())}
        for position, name in enumerate(self.task.columns):
            columns[name] = pa.array(self.values[:, position])
        for position, name in enumerate(self.task.columns if self.spread is not None else ()):
            columns[SPREAD + name] = pa.array(self.spread[:, position])  # type: ignore[index]
        if self.decided is not None:
            columns[DECIDED] = pa.array(self.task.target.decode(self.task, self.decided))
        metadata = {"task": self.task.name, "classes": "\x1f".join(self.task.classes), **made_of}
        write_table(path, pa.table(columns).replace_schema_metadata(metadata))

    @classmethod
    def read(cls, path: Path, task: Task) -> "Predictions":
        """Raises PredictionsError where the file is for another task or class order, StoreError where damaged."""
        table = read_table(path)
        expected = ["id", *task.columns]
        spreads = [SPREAD + name for name in task.columns]
        if [name for name in table.column_names if name != DECIDED] not in (expected, [*expected, *spreads]):
            raise PredictionsError(f"{path} has columns {table.column_names}; it must have {expected}, in this order.")
        return cls.of_frame(task, table.to_pandas())

    @classmethod
    def of_frame(cls, task: Task, frame: pd.DataFrame) -> "Predictions":
        """From a frame with ``id`` and a column for each of the task's, in any order."""
        try:
            values = frame[list(task.columns)].to_numpy(dtype=np.float64)
            kept = [SPREAD + name for name in task.columns if SPREAD + name in frame]
            spread = frame[kept].to_numpy(dtype=np.float64) if len(kept) == len(task.columns) else None
        except (TypeError, ValueError) as error:
            raise PredictionsError(f"{task.target.predictions} for {task.name!r} must be numbers: {error}.") from error
        decided = _decided(task, frame[DECIDED]) if DECIDED in frame else None
        return cls(task, frame["id"].astype(str).to_numpy(dtype=object), values, spread, decided)


def _decided(task: Task, column: "pd.Series[Any]") -> Labels:
    bad, valid = task.target.invalid(replace(task, bounds=None), column)
    bad = bad | column.isna().to_numpy()
    if bad.any():
        raise PredictionsError(
            f"{DECIDED!r} of {task.name!r} holds {column.iloc[int(bad.argmax())]!r}; it must be {valid}."
        )
    return task.target.encode(task, column)


def mean(parts: Sequence[Predictions]) -> Predictions:
    """The plain mean of several predictions for the same rows, and of their spreads where all have one."""
    ids = parts[0].ids
    return _together([part.take(ids) for part in parts], ids, lambda arrays: np.mean(arrays, axis=0))


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """Predictions for disjoint rows, one after the other."""
    return _together(parts, np.concatenate([part.ids for part in parts]), np.concatenate)


def _together(
    parts: Sequence[Predictions], ids: npt.NDArray[np.object_], join: Callable[[list[Probabilities]], Probabilities]
) -> Predictions:
    spreads = [part.spread for part in parts if part.spread is not None]
    spread = join(spreads) if len(spreads) == len(parts) else None
    return Predictions(parts[0].task, ids, join([part.values for part in parts]), spread)


def _repeated(ids: npt.NDArray[np.object_]) -> list[str]:
    index = pd.Index(ids)
    return [str(name) for name in index[index.duplicated()].unique()]
