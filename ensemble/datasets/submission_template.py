"""A competition's format given as one line: ``{id},{label}``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ensemble.data import Dataset
from ensemble.datasets.submission import Column, labels_of
from ensemble.errors import DataError, unknown

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Template:
    """``text`` has {id}, {TASK} for a label or number, {TASK:CLASS} for a probability; {{ and }} are braces."""

    text: str
    header: str = ""

    def columns(self, data: Dataset) -> list[Column]:
        """One per placeholder; raises DataError for one that nobody knows, and where none is of a task."""
        known = {"id": Column("id")}
        for task in data.tasks:
            known[task.name] = labels_of(task)
            named = enumerate(task.classes)
            known |= {f"{task.name}:{name}": Column(f"{task.name}:{name}", task.name, (), at) for at, name in named}
        _, names = self._split()
        for name in names:
            if name not in known:
                raise DataError(f"submit.template: {unknown('placeholder', name, known)}")
        if any(brace in PLACEHOLDER.sub("", self.text) for brace in "{}"):
            raise DataError(
                f"submit.template {self.text!r} has a brace without its other half; write {{{{ for a brace."
            )
        if not any(known[name].task for name in names):
            raise DataError(
                f"submit.template {self.text!r} has no placeholder of a task, such as {{{data.tasks[0].name}}}."
            )
        return [known[name] for name in names]

    def write(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
        literals, _ = self._split()
        between = [literal for literal in literals[1:-1] if literal]
        marks = {'"', "\n", "\r", *between, *(mark for mark in DELIMITERS if any(mark in part for part in literals))}
        lines = [self.header] if self.header else []
        for row in rows:
            for cell in row:
                if held := [mark for mark in marks if mark in cell]:
                    raise DataError(f"{cell!r} has {held[0]!r} in it, which a template cannot quote")
            lines.append(literals[0] + "".join(cell + literal for cell, literal in zip(row, literals[1:], strict=True)))
            if self._cells(lines[-1], columns) != list(row):
                raise DataError(f"the line {lines[-1]!r} cannot be told apart again: put a delimiter between values")
        return "\n".join(lines) + "\n"

    def parse(self, text: str, columns: Sequence[Column]) -> tuple[list[list[str]], list[str]]:
        lines, problems = text.split("\n")[:-1], []
        if self.header:
            problems = [] if lines[:1] == [self.header] else [f"the header reads {lines[:1]}, not {self.header!r}"]
            lines = lines[1:]
        found = [self._cells(line, columns) for line in lines]
        problems += [
            f"line {number} reads {line!r}, not like {self.text}"
            for number, (line, cells) in enumerate(zip(lines, found, strict=True), start=1 + bool(self.header))
            if cells is None
        ]
        return [cells for cells in found if cells is not None], problems

    def _cells(self, line: str, columns: Sequence[Column]) -> list[str] | None:
        literals, _ = self._split()
        patterns = (
            f"({_pattern(column)}){re.escape(after)}" for column, after in zip(columns, literals[1:], strict=True)
        )
        match = re.fullmatch(re.escape(literals[0]) + "".join(patterns), line)
        if match is None:
            return None
        cells = dict(zip(columns, match.groups(), strict=True))  # a placeholder that comes twice says one thing
        return list(match.groups()) if tuple(cells[column] for column in columns) == match.groups() else None

    def _split(self) -> tuple[list[str], list[str]]:
        """The texts around placeholders, one more than these, and their names."""
        literals, names, at = [""], [], 0
        for match in PLACEHOLDER.finditer(self.text):
            literals[-1] += self.text[at : match.start()]
            at = match.end()
            if match[1] is None:
                literals[-1] += match[0][0]
            else:
                names.append(match[1])
                literals.append("")
        literals[-1] += self.text[at:]
        return literals, names


def _pattern(column: Column) -> str:
    if column.words:
        return "|".join(re.escape(word) for word in sorted(column.words, key=len, reverse=True))
    return "[-+.e0-9]+" if column.number or column.position is not None else ".*?"
