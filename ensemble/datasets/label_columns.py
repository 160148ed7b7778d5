"""Columns of labels: what a configuration says of them, and their cells as classes or numbers."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, model_validator

from ensemble.data import Task, python_values, rating_column
from ensemble.datasets.cells import Lists, canonical, one_of, only_text, row_of, strings, translate
from ensemble.datasets.tables import notes_of
from ensemble.errors import ConfigError, DataError, some, unknown
from ensemble.metrics.divisions import MOST

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MANY = 50  # classes above which a column is no label
NO_LABEL = ("nan", "n/a", "na", "null", "#n/a")  # how programs write that there is none
COMMA = re.compile(r"[+-]?\d+,\d+")


class LabelColumn(BaseModel):
    """A label column that is more than a list of classes. ``bounds`` are the least and greatest number, ``cuts`` how
    numbers are told apart as classes for some metrics; ``annotators`` are columns, one for each annotator, whose
    labels are put together: the mean of numbers, the class that more than half of them gave."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["classification", "regression"] = "classification"
    classes: list[str] = []
    bounds: tuple[float, float] | None = None
    cuts: list[list[float]] = []
    annotators: list[str] = []

    @model_validator(mode="after")
    def _fits(self) -> "LabelColumn":
        if twice := [name for name, count in Counter(self.annotators).items() if count > 1]:
            raise ValueError(f"annotators name {twice[0]!r} twice")
        return self

    def columns(self, name: str) -> list[str]:
        """The columns of a table that hold its labels."""
        return self.annotators or [name]

    def task(self, name: str, ordinal: bool) -> Task:
        """Raises DataError where kind, classes and bounds do not go together."""
        cuts = tuple(map(tuple, self.cuts))
        return Task(name, tuple(self.classes), ordinal=ordinal, kind=self.kind, bounds=self.bounds, cuts=cuts)


TaskOptions = Mapping[str, list[str] | LabelColumn]


def label_columns(tasks: TaskOptions) -> dict[str, LabelColumn]:
    """By the name of the task; a list is one of classes."""
    return {
        name: options if isinstance(options, LabelColumn) else LabelColumn(classes=options)
        for name, options in tasks.items()
    }


def check_label_columns(
    tasks: Mapping[str, LabelColumn], ordinal: Sequence[str], labels: Mapping[str, Mapping[str, str]]
) -> None:
    """Raises ConfigError where ``ordinal`` and ``labels`` are not of these tasks and their labels, DataError where a
    task contradicts itself: before its labels are read, which would be blamed."""
    if not tasks:
        raise ConfigError("data.tasks is empty; it must name a label column and its classes.")
    for name, task in tasks.items():
        if task.kind == "classification" and not task.classes:
            raise ConfigError(f'data.tasks.{name} has no classes; it must list them, or say kind = "regression".')
        task.task(name, name in ordinal)
    for option, names in (("ordinal", ordinal), ("labels", labels)):
        for name in names:
            if name not in tasks:
                raise ConfigError(unknown(f"data.{option} task", name, tasks))
    for name, mapping in labels.items():
        _check_mapping(name, tasks[name], mapping)


def _check_mapping(name: str, task: LabelColumn, mapping: Mapping[str, str]) -> None:
    number = task.kind == "regression"
    for value, label in mapping.items():
        if not (NUMBER.fullmatch(label) or not label if number else label in ("", *task.classes)):
            right = "a number" if number else f"one of {task.classes}"
            raise ConfigError(f"data.labels.{name}: {value!r} stands for {label!r}, not {right}.")


def read_labels(
    table: pd.DataFrame,
    rows: "pd.Series[str]",
    name: str,
    task: LabelColumn,
    mapping: Mapping[str, str],
    lists: Lists,
    path: Path,
) -> tuple[dict[str, "pd.Series[Any] | None"], tuple[str, ...]]:
    """The columns that a dataset has of a task, and what was assumed; None where the table has no labels. Of several
    annotators, their labels put together and those of each."""
    columns = [column for column in task.columns(name) if column in table]
    read = {column: read_label(table[column], rows, task, mapping, lists, path) for column in columns}
    notes = notes_of(*read.values())
    if not task.annotators:
        return {name: read.get(name)}, notes
    ratings = pd.DataFrame({rating_column(name, column): read.get(column) for column in task.annotators}, table.index)
    labels = [_together(task, [value for value in row if value is not None]) for row in ratings.to_numpy(dtype=object)]
    given = int(ratings.notna().any(axis=1).sum())
    split = given - sum(label is not None for label in labels)
    if split:
        notes += (
            f"{path.name}: {split:,} of {given:,} rows have no {name}: no class has more than half of the labels",
        )
    made = pd.Series(labels, index=table.index, dtype=object)
    return {name: made, **{str(column): ratings[column] for column in ratings}}, notes


def _together(task: LabelColumn, labels: list[Any]) -> Any:
    """What several annotators say together; None where they say nothing, or no class has more than half."""
    if not labels:
        return None
    if task.kind == "regression":
        return float(np.mean(labels))
    most, count = Counter(labels).most_common(1)[0]
    return most if 2 * count > len(labels) else None


def read_label(
    column: "pd.Series[Any]",
    rows: "pd.Series[str]",
    task: LabelColumn,
    mapping: Mapping[str, str],
    lists: Lists,
    path: Path,
) -> "pd.Series[Any]":
    """A column as labels, None where there is none: classes by ``mapping``, numbers as float. ``rows`` are the ids.

    Raises DataError naming row and value for what is no label.
    """
    name = str(column.name)
    chosen = python_values(column)
    if not only_text(chosen):
        chosen = [one_of(value, lists) for value in chosen]
    table = pd.DataFrame({"id": rows, name: pd.Series(chosen, index=column.index, dtype=object)})
    try:
        if task.kind == "regression":
            return _numbers(table, name, mapping, task.bounds, path)
        return translate(table, name, {label: label for label in task.classes} | dict(mapping), path)
    except DataError as error:
        if "holds a list" not in str(error):
            raise
        reason = str(error).removesuffix(".")
        raise DataError(f'{reason}; data.label_lists = "majority" or "first" chooses one.') from error


def _numbers(
    frame: pd.DataFrame, column: str, mapping: Mapping[str, str], bounds: tuple[float, float] | None, path: Path
) -> "pd.Series[Any]":
    values = strings(frame[column], path)
    known = {canonical(value): label for value, label in mapping.items()} | dict(mapping)
    found: list[float | None] = []
    for position, value in enumerate(values):
        text = None if value is None else known.get(value, known.get(canonical(value), value))
        if problem := text and _problem(text, bounds):
            where = f"row {frame['id'].iloc[position]!r} has {column} {str(value)[:80]!r}"
            raise DataError(f"{path}: {where}; {problem} ({row_of(values, position)}).")
        found.append(float(text) if text else None)
    return pd.Series(found, index=values.index, dtype=object, name=column)


def _problem(text: str, bounds: tuple[float, float] | None) -> str | None:
    """What is wrong with a number as it is written, in words."""
    between = f" from {bounds[0]:g} to {bounds[1]:g}" if bounds else ""
    if COMMA.fullmatch(text):
        return "write numbers with a decimal point and without marks of thousands"
    if not NUMBER.fullmatch(text):
        return f'it must be a number{between}; data.labels may map it to one, or to "" for no label'
    if not np.isfinite(float(text)) or (bounds and not bounds[0] <= float(text) <= bounds[1]):
        return f"it must be a number{between or ' that is finite'}"
    return None


def is_numeric(column: "pd.Series[Any]") -> bool:
    """Whether all that is there is written as numbers."""
    values = strings(column).dropna()
    return len(values) > 0 and all(NUMBER.fullmatch(value) for value in values)


def guess_task(column: "pd.Series[Any]", path: Path) -> tuple[list[str] | dict[str, Any], str]:
    """The classes of a label column, numbers in their order, or that it holds numbers, which are many or not whole; and
    that in words. Raises DataError for what can hardly be either."""
    values = strings(column, path).dropna()
    found = sorted({canonical(value) for value in values}, key=_as_number)
    few = 2 <= len(found) <= MANY and len(found) <= max(2, len(values) // 2)
    _refuse_odd_numbers(values, path)
    numbers = len(found) > 2 and is_numeric(column)
    whole = all(value.lstrip("+-").isdigit() for value in found)
    if numbers and not (few and (whole or len(found) <= MOST)):
        said = f"{len(found):,} different numbers from {found[0]} to {found[-1]}, so a regression"
        return {"kind": "regression"}, f"{said} (bounds, where there are any, are yours to set)"
    if len(found) < 2:
        only = f"only the value {found[0]!r}" if found else "no values"
        raise DataError(f"{path}: {column.name} has {only}; there is nothing to tell apart.")
    if not few:
        raise DataError(f"{path}: {column.name} has {len(found):,} values, such as {some(found)}; classes are few.")
    said = "classes " + ", ".join(repr(value) if "," in value else value for value in found)
    said += ' (numbers: { kind = "regression" } instead of the list would predict a number)' if numbers else ""
    return found, said + _doubts_of_classes(found)


def _refuse_odd_numbers(values: "pd.Series[Any]", path: Path) -> None:
    """Raises DataError where a column is one of numbers but for some cells, so that each number would be a class."""
    odd = values[[NUMBER.fullmatch(value) is None for value in values]]
    commas = [value for value in odd if COMMA.fullmatch(value)]
    numbers = len(values) - len(odd) + len(commas)
    if (commas and numbers == len(values)) or (len(odd) and values.nunique() > MOST and numbers >= 0.9 * len(values)):
        where = f"{path}: {values.name} holds numbers, and {odd.iloc[0]!r} ({row_of(odd, 0)})"
        more = f" So for {len(odd) - 1:,} more of {len(values):,} labels." if len(odd) > 1 else ""
        raise DataError(f"{where}; {_problem(odd.iloc[0], None)}.{more}")


def _doubts_of_classes(found: Sequence[str]) -> str:
    """Classes that look like a missing label, or like each other."""
    missing = [value for value in found if value.lower() in NO_LABEL]
    said = f"; {missing[0]!r} is one of them: for no label say '' of it in [data.labels]" if missing else ""
    spelled = {value.casefold(): value for value in found}
    alike = [(value, spelled[value.casefold()]) for value in found if spelled[value.casefold()] != value]
    return said + (f"; {alike[0][0]!r} and {alike[0][1]!r} are two: [data.labels] makes them one" if alike else "")


def _as_number(value: str) -> tuple[float, str]:
    try:
        number = float(value)
        return (number, value) if number == number else (float("inf"), value)
    except ValueError:
        return (float("inf"), value)
