"""Competition files: written in test order, linted and read back from their text before anyone sees them."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ensemble.data import TEST, Codes, Dataset, Floats, Labels, Task
from ensemble.errors import DataError, SubmissionError, some
from ensemble.predictions import Predictions


@dataclass(frozen=True)
class SubmissionRows:
    """What is handed in: ``ids`` (rows,) of the test file in its order, and per task labels and probabilities."""

    data: Dataset
    labels: Mapping[str, Labels]
    probabilities: Mapping[str, Predictions]

    @property
    def ids(self) -> Sequence[str]:
        return [str(name) for name in self.data.ids]


@dataclass(frozen=True)
class Column:
    """The ids (no ``task``); the labels of a task, spelled by ``words`` (classes,), or numbers; or the probability of
    its class at ``position``."""

    name: str
    task: str = ""
    words: tuple[str, ...] = ()
    position: int | None = None
    number: bool = False

    def cells(self, rows: SubmissionRows) -> Sequence[str]:
        if not self.task:
            return rows.ids
        if self.number:
            return [f"{value:.9g}" for value in rows.labels[self.task].tolist()]
        if self.position is None:
            return [self.words[code] for code in rows.labels[self.task].tolist()]
        # Nine digits: fewer would make ranks of small probabilities equal.
        return [f"{value:.9g}" for value in rows.probabilities[self.task].values[:, self.position].tolist()]

    def problem(self, cell: str) -> str | None:
        """What is wrong with a cell, in words."""
        if self.words and cell not in self.words:
            return f"{cell!r}, not one of {list(self.words)}"
        if self.position is not None and not 0 <= _number(cell) <= 1:
            return f"probability {cell!r}, not a number between 0 and 1"
        if self.number and not np.isfinite(_number(cell)):
            return f"{cell!r}, not a number"
        return None


def labels_of(task: Task) -> Column:
    """Labels as the strings of their classes, or as numbers."""
    return Column(task.name, task.name, task.classes, number=not task.classes)


def zero_one(task: Task) -> Column:
    """Labels of a binary task, 1 for the positive class; raises DataError where there are more."""
    return Column(task.name, task.name, ("1", "0") if positive_of(task) == 0 else ("0", "1"))


def probability_of_positive(task: Task, name: str) -> Column:
    return Column(name, task.name, position=positive_of(task))


def positive_of(task: Task) -> int:
    """The position of the positive class; raises DataError where the task is not binary."""
    if task.positive_class is None:
        raise DataError(f"task {task.name!r} must have two classes, it has {list(task.classes)}")
    return task.positive_class


def _number(text: str) -> float:
    """NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


class Layout(Protocol):
    """How rows of cells become a text, and the reverse."""

    def write(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
        """Raises DataError for a value that could not be read back."""
        ...

    def parse(self, text: str, columns: Sequence[Column]) -> tuple[list[list[str]], list[str]]:
        """The rows that have a cell per column, and what is wrong with the others and the header."""
        ...


@dataclass(frozen=True)
class Table:
    """Delimited cells, quoted where they need it."""

    delimiter: str = ","
    header: bool = True

    def write(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=self.delimiter, lineterminator="\n")
        writer.writerows([[column.name for column in columns]] * self.header)
        writer.writerows(rows)
        return buffer.getvalue()

    def parse(self, text: str, columns: Sequence[Column]) -> tuple[list[list[str]], list[str]]:
        rows, problems = list(csv.reader(io.StringIO(text), delimiter=self.delimiter)), []
        if self.header:
            header, rows = (rows[0], rows[1:]) if rows else ([], [])
            expected = [column.name for column in columns]
            problems = [] if header == expected else [f"the header reads {header}, not {expected}"]
        problems += [f"a row reads {row}, not {len(columns)} values" for row in rows if len(row) != len(columns)]
        return [row for row in rows if len(row) == len(columns)], problems


@dataclass(frozen=True)
class ReadBack:
    """A text as a competition reads it: per task labels (rows,), and probabilities (rows, classes)."""

    labels: Mapping[str, Labels]
    probabilities: Mapping[str, Floats]


Measure = Callable[[Dataset, ReadBack], dict[str, float]]


@dataclass(frozen=True)
class Format:
    """A file name, the columns for a dataset (raises DataError where it lacks a task), how they are written, and the
    competition's own scores of what was read back, by name."""

    name: str
    file: str
    columns: Callable[[Dataset], Sequence[Column]]
    layout: Layout
    measure: Measure

    def render(self, rows: SubmissionRows) -> str:
        columns = self.columns(rows.data)
        cells = [column.cells(rows) for column in columns]
        return self.layout.write(columns, list(zip(*cells, strict=True)))

    def lint(self, text: str, data: Dataset) -> list[str]:
        """What is wrong with a text about the rows of ``data``: its shape, its ids, cells outside their domain, labels
        that contradict each other."""
        columns = self.columns(data)
        rows, problems = self.layout.parse(text, columns)
        if len(rows) != len(data):
            problems.append(f"{len(rows)} rows for {len(data)} test rows")
        for at in (at for at, column in enumerate(columns) if not column.task):
            if [row[at] for row in rows] != [str(name) for name in data.ids]:
                problems.append(f"the ids are not the {len(data)} ids of the test file in its order")
        wrong = [
            {cell for cell in set(cells) if column.problem(cell)}
            for column, cells in zip(columns, zip(*rows, strict=True), strict=False)
        ]
        for number, row in enumerate(rows, start=1) if any(wrong) else ():
            found = (column.problem(cell) for column, cell, of in zip(columns, row, wrong, strict=True) if cell in of)
            problems += [f"row {number} has {problem}" for problem in found]
        return problems or list(self._contradictions(text, data))

    def _contradictions(self, text: str, data: Dataset) -> Sequence[str]:
        if not data.linked_tasks:
            return []
        read, found = self.read(text, data).labels, []
        for binary, degree in (pair for pair in data.linked_tasks if set(pair) <= set(read)):
            for row in np.flatnonzero((read[binary] > 0) != (read[degree] > 0)):
                found.append(f"row {row + 1}: {binary} must be 1 exactly where {degree} is above 0")
        return found

    def read(self, text: str, data: Dataset) -> ReadBack:
        """A linted text, as the competition reads it."""
        columns = self.columns(data)
        rows, _ = self.layout.parse(text, columns)
        labels: dict[str, Labels] = {}
        shares: dict[str, dict[int, Floats]] = {}
        for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
            if column.position is not None:
                shares.setdefault(column.task, {})[column.position] = np.array(cells, dtype=np.float64)
            elif column.number:
                labels[column.task] = np.array(cells, dtype=np.float64)
            elif column.task:
                codes = {word: column.words.index(word) for word in column.words}
                labels[column.task] = np.array([codes[cell] for cell in cells], dtype=np.int64)
        whole = {name: _by_class(data.task(name), found) for name, found in shares.items()}
        return ReadBack(labels, {name: values for name, values in whole.items() if values is not None})


def _by_class(task: Task, shares: Mapping[int, Floats]) -> Floats | None:
    """(rows, classes); None where the columns do not tell. A competition takes the only column of a binary task for
    the probability of the positive class, whatever was written there."""
    if task.positive_class is not None and len(shares) == 1:
        (share,) = shares.values()
        return np.stack([share, 1 - share] if task.positive_class == 0 else [1 - share, share], axis=1)
    return np.stack([shares[at] for at in sorted(shares)], axis=1) if len(shares) == len(task.classes) else None


def test_rows(data: Dataset) -> Codes:
    """Positions of the rows a submission is about; raises SubmissionError where the data has none."""
    rows = np.flatnonzero((data.frame["part"] == TEST).to_numpy())
    if not len(rows):
        raise SubmissionError("There is nothing to submit: the data has no test rows (no test file, no test column).")
    return rows


def make_submission(form: Format, handed: SubmissionRows) -> str:
    """The linted text; raises SubmissionError for a format that does not fit the data."""
    try:
        text = form.render(handed)
    except DataError as error:
        raise SubmissionError(f"Format {form.name!r} does not fit the data: {error}") from error
    problems = form.lint(text, handed.data)
    if problems:
        raise SubmissionError(f"The {form.name} file would be refused: {some(problems)}.")
    return text
