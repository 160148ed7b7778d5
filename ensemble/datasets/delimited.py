"""Tables of lines: values between delimiters, perhaps in quotation marks, of which no row may vanish."""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ensemble.datasets.quotation import Parsed, Rows, bare, merged, needless
from ensemble.errors import ConfigError

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # posts may be long; the library's own limit is 131,072 characters
DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|"}
UNFIT = ("\n", "\r", '"', "\0")  # no delimiter can be one of these
FEW = 5
Quotes = Literal["csv", "literal"]


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
        if self.delimiter in UNFIT:
            raise ConfigError(f"data.delimiter cannot be {self.delimiter!r}, which ends lines or encloses values.")


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
    for sign in signs if columns else ():
        if {*columns} <= {name.strip() for name in _head(text, sign)[0]}:
            return sign
    heads = {sign: _head(text, sign) for sign in signs}
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
    if delimiter == "\t" and literal is not None and bare(literal):
        return literal, as_text
    several = merged(io.StringIO(text, newline="").readlines(), delimiter, enclosed)
    if several:
        raise ValueError(
            f"lines {several[0]} to {several[1]} are one value in quotation marks, yet each could be a row of its own; "
            'say data.quotes = "literal" (quotation marks are text) or "csv" (they enclose values)'
        )
    same = literal is not None and len(literal.rows) == len(enclosed.rows)
    if delimiter == "\t" and literal is not None and same and needless(literal, enclosed):
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
    rows: Rows = []
    lines: list[int] = []
    spans: dict[int, int] = {}
    last = 0
    try:
        for row in reader:
            first, last = last + 1, reader.line_num
            if not row:
                continue
            if rows and len(row) != len(rows[0]):
                place = f"line {first} has" if last == first else f"lines {first} to {last} have"
                raise ValueError(f"{place} {len(row)} values, the header has {len(rows[0])}")
            if last > first:
                spans[len(rows)] = last - first + 1
            rows.append(row)
            lines.append(first)
    except csv.Error as error:
        raise ValueError(_trouble(str(error), last + 1, reader.line_num)) from error
    return Parsed(rows, lines, spans)


def _trouble(reason: str, first: int, last: int) -> str:
    if "unexpected end of data" in reason:
        return f"a quotation mark in line {first} is never closed"
    span = f"line {last}" if first == last else f"line {last}, in the row that begins in line {first}"
    return f"{span}: {reason}"


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
