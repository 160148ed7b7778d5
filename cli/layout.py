"""How text stands in the columns of a terminal: what is broken where, and what a table does that is too wide."""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len, chop_cells

WIDTH = 100  # where nobody says how wide it is, and of prose at most
SHORT = 20  # texts up to here are not broken, longer ones not into less
GAP = 2  # columns between two of a table
WORDS = re.compile(r"\s*[^\s`]*(?:`[^`]*`[^\s`]*)+|\s*\S+")
JOINTS = re.compile(r"[^_/,.:=-]*[_/,.:=-]+|[^_/,.:=-]+")


def width() -> int:
    """Columns there are: as the environment's COLUMNS says, else those of the terminal, else ``WIDTH``."""
    known = "COLUMNS" in os.environ or sys.stdout.isatty()
    return shutil.get_terminal_size((WIDTH, 24)).columns if known else WIDTH


def wrap(text: str, columns: int) -> list[str]:
    """Lines of so many columns at most, broken between words; a word that is longer at its joints, else anywhere. What
    stands in backquotes is for pasting and stays whole, however long it is."""
    lines = [""]
    for word in WORDS.findall(text):
        if cell_len(lines[-1] + word) <= columns:
            lines[-1] += word
            continue
        if lines[-1]:
            lines.append("")
            word = word.lstrip()
        lines[-1:] = [word] if "`" in word else _broken(word, columns)
    return lines


def _broken(word: str, columns: int) -> list[str]:
    lines = [""]
    for part in JOINTS.findall(word):
        if lines[-1] and cell_len(lines[-1] + part) > columns:
            lines.append("")
        *whole, last = chop_cells(lines[-1] + part, columns)
        lines[-1:] = [*whole, last]
    return lines


@dataclass(frozen=True)
class Column:
    """``cells``, the header first; ``prose`` stands to the left and may be broken, of numbers only the header may."""

    cells: tuple[str, ...]
    prose: bool

    @property
    def natural(self) -> int:
        """How wide it is unbroken."""
        return _longest(self.cells)

    @property
    def least(self) -> int:
        broken = min(self.natural, SHORT)
        return broken if self.prose else max(broken, _longest(self.cells[1:]))


def blocks(headers: Sequence[str], rows: Sequence[Sequence[str]], names: int, room: int) -> list[list[str]]:
    """The lines of a table in ``room`` columns, as blocks of lines.

    The first ``names`` columns say what a row is, stand to the left and are never left out: where not all the others
    fit beside them, there is one block below the other, each with the names.
    """
    columns = _columns(headers, rows, names)
    drawn: list[list[str]] = []
    rest = columns[names:]
    while rest or not drawn:
        taken = columns[:names]
        while rest and (len(taken) == names or sum(c.least + GAP for c in (*taken, rest[0])) - GAP <= room):
            taken.append(rest.pop(0))
        drawn.append(_draw(taken, room))
    return drawn


def fits(headers: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> bool:
    """Whether such a table has room without a broken cell."""
    return sum(column.natural + GAP for column in _columns(headers, rows, 1)) - GAP <= room


def _columns(headers: Sequence[str], rows: Sequence[Sequence[str]], names: int) -> list[Column]:
    found = []
    for position, cells in enumerate(zip(headers, *rows, strict=True)):
        long = any(cell_len(cell) > SHORT and any(map(str.isalpha, cell)) for cell in cells[1:])
        if position < names or any(cells[1:]) or not rows:  # what is known of no row is no column
            found.append(Column(cells, position < names or long))
    return found


def _longest(cells: Sequence[str]) -> int:
    return max((cell_len(part) for cell in cells for part in cell.split("\n")), default=0)


def _draw(columns: Sequence[Column], room: int) -> list[str]:
    sizes = _sizes(columns, room - GAP * (len(columns) - 1))
    lines = []
    for position, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        if position == 0 and not any(row):
            continue
        broken = [
            [line for part in cell.split("\n") for line in wrap(part, size)]
            for cell, size in zip(row, sizes, strict=True)
        ]
        for parts in zip_longest(*broken, fillvalue=""):
            padded = [
                part + pad if column.prose else pad + part
                for column, part, size in zip(columns, parts, sizes, strict=True)
                for pad in [" " * (size - cell_len(part))]
            ]
            lines.append((" " * GAP).join(padded).rstrip())
    return lines


def _sizes(columns: Sequence[Column], room: int) -> list[int]:
    """The natural ones; where they are too many, the widest is made narrower as long as one may be."""
    sizes = [column.natural for column in columns]
    while sum(sizes) > room:
        left = [size if size > column.least else 0 for size, column in zip(sizes, columns, strict=True)]
        if not any(left):
            break
        sizes[left.index(max(left))] -= 1
    return sizes
