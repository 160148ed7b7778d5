"""Tables of lines: values between delimiters, perhaps in quotation marks, of which no row may vanish."""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ensemble.errors import ConfigError

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # posts may be long; the library's own limit is 131,072 characters
DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|"}
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
FEW = 5
Quotes = Literal["csv", "literal"]
Rows = list[list[str]]


@dataclass(frozen=True)
class Dialect:
    """How tables are to be read where they do not tell: ``delimiter`` (a character, or comma, tab, semicolon, pipe),
    ``quotes`` ("csv": they enclose values, doubled inside; "literal": they are text), ``encoding``."""

    delimiter: str | None = None
    quotes: Quotes | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.quotes not in (None, "csv", "literal"):
            raise ConfigError(f"data.quotes must be 'csv' or 'literal', got {self.quotes!r}.")
        if self.delimiter is not None and len(DELIMITERS.get(self.delimiter, self.delimiter)) != 1:
            raise ConfigError(
                f"data.delimiter must be one character or one of {', '.join(DELIMITERS)}, got {self.delimiter!r}."
            )


@dataclass(frozen=True)
class Parsed:
    """Rows of equal length and the first line of each; ``spans`` counts the lines of those that take several."""

    rows: Rows
    lines: list[int]
    spans: dict[int, int]


def read_delimited(
    text: str, usual: str, dialect: Dialect, columns: Sequence[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """``(frame, notes)``: str values under the names of the first row, the index the number of each row's line; what
    was found of the dialect is in ``attrs``.

    ``usual`` is the delimiter that the file's name promises; ``columns`` are names that tell which one it is.
    Raises ValueError with the line for a row of another length, and where quotation marks may swallow rows.
    """
    notes: list[str] = []
    found: dict[str, str] = {}
    text, own = _declared(text)
    delimiter = DELIMITERS.get(dialect.delimiter or "", dialect.delimiter) or own or _delimiter(text, usual, columns)
    if delimiter != usual and dialect.delimiter is None:
        name = next((name for name, sign in DELIMITERS.items() if sign == delimiter), repr(delimiter))
        notes.append(f"its values are separated by {name}s; data.delimiter names another")
        found["delimiter"] = name
    parsed, literal = _rows(text, delimiter, dialect.quotes)
    if literal:
        notes.append(literal)
        found["quotes"] = "literal"
    if not parsed.rows or not any(parsed.rows[0]):
        raise ValueError("the header must name each column, found none")
    header, *rows = parsed.rows
    names, renamed = _distinct([name.strip() for name in header])
    if renamed:
        notes.append(f"the header repeats {renamed}, so later ones are numbered: {', '.join(map(repr, names))}"[:280])
    lines = parsed.lines[1:]
    again = [len(header) > 1 and row == header for row in rows]
    if any(again):
        at = [str(line + bool(own)) for line, is_header in zip(lines, again, strict=True) if is_header]
        more = f" and {len(at) - FEW} more" if len(at) > FEW else ""
        notes.append(f"the header is repeated inside the file and left out there (line {', '.join(at[:FEW])}{more})")
    kept = [row for row, is_header in zip(rows, again, strict=True) if not is_header]
    places = [line + bool(own) for line, is_header in zip(lines, again, strict=True) if not is_header]
    frame = pd.DataFrame(kept, columns=names, index=pd.Index(places, name="line"), dtype=object)
    frame.attrs |= found
    return frame, notes


def _declared(text: str) -> tuple[str, str | None]:
    """The text without a first line such as ``sep=;``, which spreadsheets write, and what it says."""
    found = re.match(r"sep=(.)\r?\n", text)
    return (text[found.end() :], found[1]) if found else (text, None)


def _delimiter(text: str, usual: str, columns: Sequence[str]) -> str:
    """The delimiter whose header has all columns; else one under which the first rows have the header's length."""
    signs = [usual, *(sign for sign in DELIMITERS.values() if sign != usual)]
    heads = {sign: _head(text, sign) for sign in signs}
    fitting = [sign for sign in signs if columns and {*columns} <= {name.strip() for name in heads[sign][0]}]
    if fitting:
        return fitting[0]
    even = [sign for sign in signs if len(heads[sign][0]) > 1 and len({len(row) for row in heads[sign] if row}) == 1]
    if usual in even or not even:
        return usual if usual in even or len(heads[usual][0]) > 1 else max(signs, key=lambda s: len(heads[s][0]))
    return max(even, key=lambda sign: len(heads[sign][0]))


def _head(text: str, delimiter: str, count: int = 50) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [row for row, _ in zip(reader, range(count), strict=False)] or [[]]


def _rows(text: str, delimiter: str, quotes: Quotes | None) -> tuple[Parsed, str | None]:
    """The rows, and what was assumed of quotation marks. In files with tabs they are mostly text: whoever writes
    those seldom encloses values, and posts begin with quotations; so these are read both ways and compared."""
    if '"' not in text or quotes is not None:
        return _parse(text, delimiter, quotes != "literal"), None
    try:
        enclosed: Parsed | ValueError = _parse(text, delimiter, True)
    except ValueError as error:
        enclosed = error
    literal = _parse_or_none(text, delimiter) if delimiter == "\t" or not isinstance(enclosed, ValueError) else None
    as_text = 'quotation marks are read as text; data.quotes = "csv" reads them as enclosing values'
    if isinstance(enclosed, ValueError):
        if literal is not None and delimiter == "\t":
            return literal, as_text
        raise ValueError(f'{enclosed}; data.quotes = "literal" reads quotation marks as text') from enclosed
    if delimiter == "\t" and literal is not None and _bare(literal):
        return literal, as_text
    merged = _merged(io.StringIO(text, newline="").readlines(), delimiter, enclosed)
    if merged:
        raise ValueError(
            f"lines {merged[0]} to {merged[1]} are one value in quotation marks, yet each could be a row of its own; "
            'say data.quotes = "literal" (quotation marks are text) or "csv" (they enclose values)'
        )
    same = literal is not None and len(literal.rows) == len(enclosed.rows)
    if delimiter == "\t" and literal is not None and same and _needless(literal, enclosed):
        return literal, as_text
    return enclosed, None


def _parse_or_none(text: str, delimiter: str) -> Parsed | None:
    try:
        return _parse(text, delimiter, False)
    except ValueError:
        return None


def _parse(text: str, delimiter: str, quoted: bool) -> Parsed:
    """Every row must have as many values as the header: a stray comma or quote is an error, not a shifted column."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=quoted)
    parsed = Parsed([], [], {})
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return parsed
        except csv.Error as error:
            raise ValueError(_trouble(str(error), first, reader.line_num)) from error
        if parsed.rows and len(row) not in (0, len(parsed.rows[0])):
            place = f"line {first} has" if reader.line_num == first else f"lines {first} to {reader.line_num} have"
            raise ValueError(f"{place} {len(row)} values, the header has {len(parsed.rows[0])}")
        if row:
            if reader.line_num > first:
                parsed.spans[len(parsed.rows)] = reader.line_num - first + 1
            parsed.rows.append(row)
            parsed.lines.append(first)


def _trouble(reason: str, first: int, last: int) -> str:
    if "unexpected end of data" in reason:
        return f"a quotation mark in line {first} is never closed"
    span = f"line {last}" if first == last else f"line {last}, in the row that begins in line {first}"
    return f"{span}: {reason}"


def _bare(literal: Parsed) -> bool:
    """Whether a value holds a quotation mark as no writer of enclosed values leaves it: alone, inside."""
    cells = (cell for row in literal.rows for cell in row if '"' in cell and not cell.startswith('"'))
    return any('"' in cell.removesuffix('"').replace('""', "") for cell in cells)


def _needless(literal: Parsed, enclosed: Parsed) -> bool:
    """Whether some values are enclosed that need not be, and not all of their column: so they are quotations."""
    for column in range(len(literal.rows[0])):
        cells = [(a[column], b[column]) for a, b in zip(literal.rows[1:], enclosed.rows[1:], strict=True)]
        enclosing = [plain for raw, plain in cells if raw.startswith('"')]
        if 0 < len(enclosing) < len(cells) and any(not set(plain) & set('",\t\r\n') for plain in enclosing if plain):
            return True
    return False


def _merged(lines: Sequence[str], delimiter: str, parsed: Parsed) -> tuple[int, int] | None:
    """The lines of the first row that takes several of which each could be a row; None where there is none."""
    if len(parsed.rows[0]) == 1:  # any line could be a row, unless the file is of a writer that encloses where it must
        first, span = next(((parsed.lines[n], span) for n, span in parsed.spans.items()), (0, 0))
        return (first, first + span - 1) if span and not _encloses(lines) else None
    single = [row for n, row in enumerate(parsed.rows[1:], start=1) if n not in parsed.spans]
    tests = [_recognise([row[column] for row in single]) for column in range(len(parsed.rows[0]))]
    known = sum(test is not None for test in tests)
    for n, span in parsed.spans.items():
        first = parsed.lines[n]
        split = [line.rstrip("\r\n").split(delimiter) for line in lines[first - 1 : first - 1 + span]]
        fits = [
            len(cells) == len(tests)
            and all(test is None or test(cell) for test, cell in zip(tests, cells, strict=True))
            for cells in split
        ]
        if all(fits) or (known >= 2 and any(fits[1:])):
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
    if not any(re.search(r"\s", value) for value in filled):
        return lambda value: value != "" and re.search(r"\s", value) is None
    return None


def _distinct(names: Sequence[str]) -> tuple[list[str], str]:
    """The names, a repeated one with its number behind a dot as pandas writes it; and which were repeated."""
    seen: Counter[str] = Counter()
    taken = []
    for name in names:
        taken.append(f"{name}.{seen[name]}" if seen[name] else name)
        seen[name] += 1
    if len(set(taken)) < len(taken):
        raise ValueError(f"the header must name each column once, found {list(names)}"[:250])
    return taken, ", ".join(repr(name) for name, count in seen.items() if count > 1)
