"""Quotation marks in tables of lines: whether they enclose values or are text, judged by what stands around them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
Rows = list[list[str]]


@dataclass(frozen=True)
class Parsed:
    """Rows of equal length and the first line of each; ``spans`` counts the lines of those that take several."""

    rows: Rows
    lines: list[int]
    spans: dict[int, int]


def bare(literal: Parsed) -> bool:
    """Whether a value holds a quotation mark as no writer of enclosed values leaves it: alone, inside."""
    cells = (cell for row in literal.rows for cell in row if '"' in cell and not cell.startswith('"'))
    return any('"' in cell.removesuffix('"').replace('""', "") for cell in cells)


def needless(literal: Parsed, enclosed: Parsed) -> bool:
    """Whether some values are enclosed that need not be, and not all of their column: so they are quotations."""
    for column in range(len(literal.rows[0])):
        cells = [(a[column], b[column]) for a, b in zip(literal.rows[1:], enclosed.rows[1:], strict=True)]
        enclosing = [plain for raw, plain in cells if raw.startswith('"')]
        if 0 < len(enclosing) < len(cells) and any(not set(plain) & set('",\t\r\n') for plain in enclosing if plain):
            return True
    return False


def merged(lines: Sequence[str], delimiter: str, parsed: Parsed) -> tuple[int, int] | None:
    """The lines of the first row that takes several of which each could be a row; None where there is none."""
    if len(parsed.rows[0]) == 1:  # any line could be a row, unless the file is of a writer that encloses where it must
        first, span = next(((parsed.lines[n], span) for n, span in parsed.spans.items()), (0, 0))
        return (first, first + span - 1) if span and not _encloses(lines) else None
    single = [row for n, row in enumerate(parsed.rows[1:], start=1) if n not in parsed.spans]
    tests = [_recognise([row[column] for row in single]) for column in range(len(parsed.rows[0]))]
    known = [column for column, test in enumerate(tests) if test is not None]
    for n, span in parsed.spans.items():
        first = parsed.lines[n]
        split = [line.rstrip("\r\n").split(delimiter) for line in lines[first - 1 : first - 1 + span]]
        fits = [len(cells) == len(tests) and all(tests[c](cells[c]) for c in known) for cells in split]  # type: ignore[misc]
        # A text of several lines has the columns before it in its first line and those behind it in its last one.
        field = next(column for column, cell in enumerate(parsed.rows[n]) if "\n" in cell or "\r" in cell)
        telling = [[c for c in known if c > field], *[known] * (span - 2), [c for c in known if c < field]]
        if any(fit and tell for fit, tell in zip(fits, telling, strict=True)) or (all(fits) and not known):
            return first, first + span - 1
    return None


def _encloses(lines: Sequence[str]) -> bool:
    """Whether some line is a value in quotation marks with one doubled inside, or a comma, as writers enclose them."""
    values = [line.strip() for line in lines]
    enclosed = [value[1:-1] for value in values if len(value) > 2 and value[0] == value[-1] == '"']
    return any('""' in value or "," in value for value in enclosed)


def _recognise(values: Sequence[str]) -> Callable[[str], bool] | None:
    """Whether a value could be of a column that holds these; None for a column of free text, where any could."""
    filled = [value for value in values if value]
    if not filled:
        return None
    if all(NUMBER.fullmatch(value) for value in filled):
        return lambda value: NUMBER.fullmatch(value.strip('"')) is not None
    known = set(filled)
    if len(filled) >= 2 * len(known) and len(known) <= max(12, len(filled) // 20):
        return lambda value: value.strip('"') in known
    if any(re.search(r"\s", value) for value in filled):
        return None
    shortest, longest = min(map(len, filled)), max(map(len, filled))
    digits = all(any(map(str.isdigit, value)) for value in filled)

    def is_like_these(value: str) -> bool:
        value = value.strip('"')
        has_digits = not digits or any(map(str.isdigit, value))
        return shortest <= len(value) <= longest and has_digits and re.search(r"\s", value) is None

    return is_like_these
