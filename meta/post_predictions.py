"""What a stack says of new posts, as rows of a CSV file or as JSON lines."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.errors import ConfigError, unknown
from ensemble.predictions import Predictions
from meta.operating.points import REVIEW

SEPARATORS = str.maketrans({"%": "%25", ":": "%3A", "|": "%7C"})  # in the name of a task they would part it


@dataclass(frozen=True)
class PostPredictions:
    """Of one task: probabilities and labels, or numbers, and ``shares`` (rows, learners) of ``learners``. Posts in
    ``review`` (rows,), where there is an operating point, are for a person to label."""

    predictions: Predictions
    learners: tuple[str, ...]
    shares: npt.NDArray[np.float64]
    review: npt.NDArray[np.bool_] | None = None

    @property
    def names(self) -> list[str | float]:
        """The label of each row as a table has it: the name of a class, a number, or REVIEW."""
        task = self.predictions.task
        names = task.target.decode(task, self.predictions.labels())
        return list(names if self.review is None else np.where(self.review, REVIEW, names))

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each label, or lie in each range of numbers."""
        task = self.predictions.task
        counts = task.target.count_labels(task, pd.Series(self.names, dtype=object))
        found = {name: rows for name, rows in counts.items() if name != "missing"}
        return found if self.review is None else found | {REVIEW: int(self.review.sum())}


def render_csv(tasks: Sequence[PostPredictions]) -> str:
    """``id``, then per task ``TASK``, ``TASK:CLASS`` probabilities (no such of a number) and ``TASK|LEARNER`` shares; a
    row per post.

    Ids are written as they were read, also those a spreadsheet would take for a formula: other programs join by them.
    """
    columns = columns_of(tasks)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return buffer.getvalue()


def columns_of(tasks: Sequence[PostPredictions]) -> dict[str, list[object]]:
    """The same by name, (rows,) each."""
    columns: dict[str, list[object]] = {"id": tasks[0].predictions.ids.tolist()}
    for one in tasks:
        task = one.predictions.task
        name = task.name.translate(SEPARATORS)
        columns[name] = list(one.names)
        columns |= _named(f"{name}:", task.classes, one.predictions.values[:, : len(task.classes)])
        columns |= _named(f"{name}|", one.learners, one.shares)
    return columns


def _named(prefix: str, names: Sequence[str], values: npt.NDArray[np.float64]) -> dict[str, list[object]]:
    return {prefix + name: column for name, column in zip(names, values.T.tolist(), strict=True)}


def render_json_lines(tasks: Sequence[PostPredictions]) -> str:
    """``{"id": ..., "tasks": {TASK: {"label", "probabilities": {CLASS: ...}, "shares": {LEARNER: ...}}}}`` per post; of
    a number ``"value"`` in place of the first two."""
    rows: list[dict[str, object]] = [{} for _ in tasks[0].predictions.ids]
    for one in tasks:
        task = one.predictions.task
        values, shares = one.predictions.values.tolist(), one.shares.tolist()
        for row, label, of_row, carried in zip(rows, one.names, values, shares, strict=True):
            by_column = dict(zip(task.columns, of_row, strict=True))
            row[task.name] = {
                **({"label": label, "probabilities": by_column} if task.classes else by_column),
                "shares": dict(zip(one.learners, carried, strict=True)),
            }
    ids = tasks[0].predictions.ids
    return "".join(json.dumps({"id": name, "tasks": row}) + "\n" for name, row in zip(ids, rows, strict=True))


FORMATS: dict[str, Callable[[Sequence[PostPredictions]], str]] = {"csv": render_csv, "jsonl": render_json_lines}


def format_named(name: str) -> Callable[[Sequence[PostPredictions]], str]:
    """Raises ConfigError for an unknown one."""
    if name not in FORMATS:
        raise ConfigError(unknown("format of predictions", name, FORMATS))
    return FORMATS[name]
