"""Frames as tables: columns found and checked, cells in the form that the csv preset reads."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ensemble.datasets.cells import ids, is_missing, row_of, strings
from ensemble.datasets.label_columns import LabelColumn, check_label_columns, guess_task, read_labels
from ensemble.datasets.media import ENDINGS, FIELD, is_embedded
from ensemble.datasets.slices import LANGUAGE
from ensemble.datasets.tables import check_column
from ensemble.errors import ConfigError, DataError, some
from ensemble.registry import validate

FRAME, TEST_FRAME = Path("the frame"), Path("the test frame")  # what messages call them
NUMBER = "number"
Labels = str | Sequence[Any] | Mapping[str, object] | None  # of one task: "number", classes in order, options, a guess
Names = str | list[str]  # a column; of files also patterns


def table_of(frame: pd.DataFrame, what: Path = FRAME) -> pd.DataFrame:
    """The frame as a table of a file would be: cells of any kind, each row called as in the frame's index.

    Raises DataError for what is no frame, or has one column twice.
    """
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"Posts must be a pandas DataFrame, got a {type(frame).__name__}.")
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()].unique()
        raise DataError(f"{what}: columns {some(twice)} are there more than once.")
    index = pd.Index([str(label) for label in frame.index], name="row")
    columns = {str(name): [_plain(cell) for cell in frame[name]] for name in frame}
    return pd.DataFrame({name: pd.Series(of, index=index, dtype=object) for name, of in columns.items()}, index=index)


def _plain(cell: object) -> object:
    return os.fspath(cell) if isinstance(cell, os.PathLike) else cell


def find_names(table: pd.DataFrame, kind: str, named: str | Sequence[str] | None) -> Names | None:
    """The column, or the patterns, of a kind: as named, else the column that is called so; None where there is none, or
    "" is named. Raises DataError where it is not there."""
    if named is None:
        return kind if kind in table else None
    names = [named] if isinstance(named, str) else list(named)
    for column in columns_in(names):
        check_column(table, column, str(FRAME))
    return (named or None) if isinstance(named, str) else names


def columns_in(names: Sequence[str]) -> list[str]:
    """The columns that names and patterns are of, but for ``{id}``, which may be called otherwise."""
    found = [column for name in names if name for column in FIELD.findall(name) or [name]]
    return [column for column in dict.fromkeys(found) if not (column == "id" and any("{id}" in one for one in names))]


def find_tasks(
    table: pd.DataFrame, tasks: str | Sequence[str] | Mapping[str, Labels]
) -> tuple[dict[str, LabelColumn], tuple[str, ...]]:
    """What each column of labels holds, and a line for each that was guessed."""
    if not isinstance(tasks, str | Sequence | Mapping):
        raise ConfigError(f"tasks must name columns of labels, such as 'label'; got {tasks!r}.")
    asked = tasks if isinstance(tasks, Mapping) else dict.fromkeys([tasks] if isinstance(tasks, str) else tasks)
    made: dict[str, LabelColumn] = {}
    notes: tuple[str, ...] = ()
    for name, labels in asked.items():
        options: object = labels
        if labels is None:
            check_column(table, name, str(FRAME))
            options, said = guess_task(table[name], FRAME)
            notes += (f"{name}: {said}",)
        if isinstance(options, str) and options != NUMBER:
            raise ConfigError(f'tasks: {name!r} has {options!r}; it must be a list of classes, "number", or None.')
        if isinstance(options, str):
            options = {"kind": "regression"}
        if not isinstance(options, Mapping):
            classes: pd.Series[Any] = pd.Series([*options], dtype=object)  # type: ignore[misc]
            options = {"classes": strings(classes).tolist()}
        made[name] = validate(LabelColumn, options, f"tasks.{name}")
    return made, notes


@dataclass(frozen=True)
class Layout:
    """What of a frame is what: ``columns`` by kind ("id", "text", "image", ...), labels by task. Absolute paths below
    ``root``, an absolute one, are taken for relative ones."""

    columns: Mapping[str, Names]
    groups: str | None
    tasks: Mapping[str, LabelColumn]
    ordinal: Sequence[str]
    root: Path
    slices: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_label_columns(self.tasks, self.ordinal, {})

    @property
    def id(self) -> str:
        """What the column of ids is called, or will be."""
        return str(self.columns.get("id") or "id")

    def section(self) -> dict[str, object]:
        """What ``[data]`` says of such a table."""
        tasks = {name: task.model_dump(mode="json", exclude_unset=True) for name, task in self.tasks.items()}
        groups = {"group": self.groups} if self.groups else {}
        slices = {"slices": list(self.slices)} if self.slices else {}
        return {**self.columns, **groups, **slices, "id": self.id, "tasks": tasks, "ordinal": list(self.ordinal)}

    def used(self) -> list[str]:
        """All columns that are looked at."""
        labels = [column for name, task in self.tasks.items() for column in task.columns(name)]
        kept = [*filter(None, [self.groups]), *self.slices]
        return [*(name for kind in self.columns for name in self._names(kind)), *labels, *kept]

    def read(self, table: pd.DataFrame, what: Path, numbered_from: int = 1) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Those columns, checked, and what was assumed to read them. Raises DataError naming column and row."""
        if not len(table):
            raise DataError(f"{what} has no rows.")
        numbers = [str(number) for number in range(numbered_from, numbered_from + len(table))]
        made: dict[str, Any] = {self.id: pd.Series(numbers, table.index, dtype=object)}
        if "id" in self.columns:
            check_column(table, self.id, str(what))
            made[self.id] = ids(table[self.id], what)
        for kind in self.columns.keys() - {"id"}:
            for name in self._names(kind):
                check_column(table, name, str(what))
                is_file = kind in ENDINGS and name == self.columns[kind]
                made[name] = self._files(table[name], what) if is_file else strings(table[name], what)
        if self.groups and (what == FRAME or self.groups in table):
            check_column(table, self.groups, str(what))
            made[self.groups] = strings(table[self.groups], what)
        made = self._slices(table, what) | made
        labels, notes = self._labels(table, made[self.id], what)
        return pd.DataFrame({**made, **labels}, dtype=object).reset_index(drop=True), notes

    def _names(self, kind: str) -> list[str]:
        names = self.columns[kind]
        return columns_in([names] if isinstance(names, str) else names)

    def _slices(self, table: pd.DataFrame, what: Path) -> dict[str, Any]:
        """Those that are there; languages are told where they are not, test posts need none."""
        for name in self.slices:
            if what == FRAME and name != LANGUAGE:
                check_column(table, name, str(what))
        return {name: strings(table[name], what) for name in self.slices if name in table}

    def _labels(
        self, table: pd.DataFrame, rows: "pd.Series[str]", what: Path
    ) -> tuple[dict[str, "pd.Series[Any] | None"], tuple[str, ...]]:
        """Labels as they are read, those of several annotators as they are written; test posts need none."""
        made: dict[str, pd.Series[Any] | None] = {}
        notes: tuple[str, ...] = ()
        for name, task in self.tasks.items():
            columns = task.columns(name)
            if what == TEST_FRAME and not set(columns) <= set(table):
                continue
            for column in columns:
                check_column(table, column, str(what))
            read, said = read_labels(table, rows, name, task, {}, "single", what)
            notes += said
            made |= {column: strings(table[column], what) for column in columns} if task.annotators else read
        return made, notes

    def _files(self, column: "pd.Series[Any]", what: Path) -> "pd.Series[Any]":
        """Paths, and encoded files themselves; raises DataError for anything else."""
        cells = [None if is_missing(cell) else cell for cell in column]
        for position, cell in enumerate(cells):
            if isinstance(cell, str):
                cells[position] = self._below_root(cell)
            elif cell is not None and not is_embedded(cell):
                raise DataError(
                    f"{what}: {row_of(column, position)}: {column.name!r} holds a {type(cell).__name__}; it must be a "
                    "path below root, or the bytes of an encoded file (PNG, JPEG, WAV, MP4)."
                )
        return pd.Series(cells, column.index, dtype=object, name=column.name)

    def _below_root(self, path: str) -> str:
        if not os.path.isabs(path):
            return path
        ways = [os.path.relpath(one, self.root) for one in (path, os.path.realpath(path))]
        return next((Path(way).as_posix() for way in ways if not way.startswith(os.pardir)), path)
