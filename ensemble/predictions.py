"""Probabilities for one task, checked once, joined by id and never by position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ensemble.data import Task
from ensemble.errors import PredictionsError, some
from ensemble.files import read_table, write_table

Probabilities = npt.NDArray[np.float64]
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Predictions:
    """``values`` is (rows, classes) in the order of ``task.classes``; ``ids`` is (rows,) of str, unique."""

    task: Task
    ids: npt.NDArray[np.object_]
    values: Probabilities

    def __post_init__(self) -> None:
        where = f"Probabilities for {self.task.name!r}"
        expected = (len(self.ids), len(self.task.classes))
        if self.values.shape != expected:
            raise PredictionsError(f"{where} must have shape {expected} (rows, classes), got {self.values.shape}.")
        if pd.Index(self.ids).has_duplicates:
            raise PredictionsError(f"{where}: ids appear more than once: {some(_repeated(self.ids))}.")
        for problem, bad in (
            ("are not finite", ~np.isfinite(self.values).all(axis=1)),
            ("are negative", (self.values < 0).any(axis=1)),
            ("do not sum to one", np.abs(self.values.sum(axis=1) - 1) > TOLERANCE),
        ):
            if bad.any():
                row = int(bad.argmax())
                found = ", ".join(f"{value:.4g}" for value in self.values[row])
                raise PredictionsError(f"{where} {problem} in {bad.sum():,} rows; row {self.ids[row]!r} has {found}.")

    def take(self, ids: npt.ArrayLike) -> "Predictions":
        """The rows with these ids, in this order; raises PredictionsError naming ids that are not there."""
        wanted = np.asarray(ids, dtype=object)
        positions = pd.Index(self.ids).get_indexer(pd.Index(wanted))
        if (positions < 0).any():
            raise PredictionsError(
                f"Probabilities for {self.task.name!r} lack {(positions < 0).sum():,} rows: "
                f"{some(wanted[positions < 0])}."
            )
        return Predictions(self.task, wanted, self.values[positions])

    def labels(self) -> npt.NDArray[np.int64]:
        """The most probable class of each row, as a position in ``task.classes``."""
        return np.asarray(self.values.argmax(axis=1), dtype=np.int64)

    def write(self, path: Path, made_of: Mapping[str, str]) -> None:
        """Parquet with ``id`` and one float64 column per class; task, class order and ``made_of`` in its metadata."""
        columns = {"id": pa.array(self.ids, type=pa.string())}
        for position, name in enumerate(self.task.classes):
            columns[name] = pa.array(self.values[:, position])
        metadata = {"task": self.task.name, "classes": "\x1f".join(self.task.classes), **made_of}
        write_table(path, pa.table(columns).replace_schema_metadata(metadata))

    @classmethod
    def read(cls, path: Path, task: Task) -> "Predictions":
        """Raises PredictionsError where the file is for another task or class order, StoreError where damaged."""
        table = read_table(path)
        expected = ["id", *task.classes]
        if table.column_names != expected:
            raise PredictionsError(f"{path} has columns {table.column_names}; it must have {expected}, in this order.")
        return cls.of_frame(task, table.to_pandas())

    @classmethod
    def of_frame(cls, task: Task, frame: pd.DataFrame) -> "Predictions":
        """From a frame with ``id`` and one column per class, in any order."""
        try:
            values = frame[list(task.classes)].to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise PredictionsError(f"Probabilities for {task.name!r} must be numbers: {error}.") from error
        return cls(task, frame["id"].astype(str).to_numpy(dtype=object), values)


def mean(parts: Sequence[Predictions]) -> Predictions:
    """The plain mean of several probabilities for the same rows."""
    first = parts[0]
    return Predictions(first.task, first.ids, np.mean([part.take(first.ids).values for part in parts], axis=0))


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """Probabilities for disjoint rows, one after the other."""
    ids = np.concatenate([part.ids for part in parts])
    return Predictions(parts[0].task, ids, np.concatenate([part.values for part in parts]))


def _repeated(ids: npt.NDArray[np.object_]) -> list[str]:
    index = pd.Index(ids)
    return [str(name) for name in index[index.duplicated()].unique()]
