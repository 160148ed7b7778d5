"""The cells of a table: texts, ids and labels out of whatever a file held, in one form, or one line of refusal."""

import datetime
import decimal
import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ensemble.content.encodings import decode_all
from ensemble.content.texts import canonical as canonical
from ensemble.data import python_values
from ensemble.datasets.json_tables import kind_of
from ensemble.errors import DataError, some

EXACT = 2**53  # whole numbers above it are not all floats
ROUNDED = re.compile(r"[+-]?\d(\.\d+)?[eE]\+\d+")  # what spreadsheets make of long numbers
SIMPLE = (str, int, float, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta, uuid.UUID)
NUMBERS = float | decimal.Decimal
Lists = Literal["single", "first", "majority"]


class NotScalar(Exception):
    """A cell holds no single value; the text says what it holds."""


def strings(column: "pd.Series[Any]", path: Path | None = None) -> "pd.Series[str]":
    """Values as stripped str; None where missing or blank. Whole floats lose their ``.0``, lone surrogates become ?,
    bytes are decoded, a list of one is that one.

    Raises DataError naming file, column and row for a cell that holds no single value. ``attrs`` has ``notes``.
    """
    values = python_values(column)
    notes: tuple[str, ...] = ()
    if only_text(values) and _has_no_surrogate(values):  # nearly always: a table of a million rows has millions
        cleaned = [(value.strip() or None) if value else None for value in values]
    else:
        values, notes = _decoded(values)
        cleaned = []
        for position, value in enumerate(values):
            try:
                cleaned.append(_text(value))
            except NotScalar as error:
                raise DataError(f"{_where(column, position, path)} holds {error}; one value is needed.") from error
    made = pd.Series(cleaned, index=column.index, dtype=object, name=column.name)
    made.attrs["notes"] = notes
    return made


def only_text(values: Sequence[object]) -> bool:
    """Whether all cells are str or None."""
    return {*map(type, values)} <= {str, type(None)}


def _has_no_surrogate(values: Sequence[str | None]) -> bool:
    try:
        "".join(filter(None, values)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: object) -> str | None:
    if type(value) is str:
        return _stripped(value)
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    if is_missing(value):
        return None
    if isinstance(value, list | tuple) and len(value) < 2:
        return _text(value[0]) if value else None
    return _of_scalar(value)


def is_missing(value: object) -> bool:
    """Whether a cell is None, pandas' NA or NaT, or no number."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, NUMBERS) and value != value)


def _of_scalar(value: object) -> str | None:
    if isinstance(value, list | tuple):
        raise NotScalar(kind_of(value))
    if isinstance(value, Mapping):
        raise NotScalar("an embedded image" if "bytes" in value else kind_of(value))
    if isinstance(value, bytes | bytearray):
        raise NotScalar(f"{len(value):,} bytes that are no text")
    if not isinstance(value, SIMPLE):
        raise NotScalar(f"a {type(value).__name__}")
    if isinstance(value, NUMBERS) and -EXACT < value < EXACT and value == value // 1:
        value = int(value)
    return _stripped(str(value))


def _stripped(text: str) -> str | None:
    """Nothing where it is blank."""
    return text.encode("utf-8", "replace").decode().strip() or None


def _decoded(values: list[Any]) -> tuple[list[Any], tuple[str, ...]]:
    """Cells of bytes as str, judged together; those that are no text stay bytes."""
    at = [n for n, value in enumerate(values) if isinstance(value, bytes | bytearray | memoryview)]
    if not at:
        return values, ()
    texts, _, notes = decode_all([bytes(values[n]) for n in at])
    for n, text in zip(at, texts, strict=True):
        values[n] = bytes(values[n]) if text is None or "\0" in text else text
    return values, notes


def row_of(column: "pd.Series[Any]", position: int) -> str:
    """Where a cell stands: ``line 12`` of a file of lines, else ``row 11``."""
    index = column.index
    return f"{index.name} {index[position]}" if index.name in ("line", "row") else f"row {position + 1}"


def _where(column: "pd.Series[Any]", position: int, path: Path | None) -> str:
    file = "" if path is None else f"{path}: "
    return f"{file}{row_of(column, position)}: {str(column.name)[:60]!r}"


def ids(column: "pd.Series[Any]", path: Path) -> "pd.Series[str]":
    """Ids as str; raises DataError naming the first row that has none, has another's, has lost digits or a NUL byte."""
    values = strings(column, path)
    missing = values.isna().to_numpy()
    if missing.any():
        row = row_of(values, int(missing.argmax()))
        raise DataError(f"{path}: {row} has no {column.name}; every row needs an id.")
    told, raws = "".join(values), python_values(column)
    doubtful = "+" in told or "\0" in told or any(issubclass(kind, float) for kind in {*map(type, raws)})
    for position, (raw, value) in enumerate(zip(raws, values, strict=True)) if doubtful else ():
        if ROUNDED.fullmatch(value) or (isinstance(raw, float) and abs(raw) >= EXACT):
            row = row_of(values, position)
            raise DataError(f"{path}: {row} has {column.name} {value}, a rounded number; store ids as text.")
        if "\0" in value:
            row = row_of(values, position)
            raise DataError(
                f"{path}: {row} has {column.name} {value[:60]!r}, with a NUL byte in it; no id may hold one."
            )
    counts = Counter(values)
    if len(counts) < len(values):
        twice = [name for name, count in counts.items() if count > 1]
        first = [row_of(values, n) for n, value in enumerate(values) if value == twice[0]]
        raise DataError(f"{path}: {len(twice)} ids appear more than once: {some(twice)} ({some_places(first)}).")
    return values


def some_places(places: list[str], limit: int = 3) -> str:
    """``line 4, line 9 and 3 more``."""
    more = f" and {len(places) - limit} more" if len(places) > limit else ""
    return ", ".join(places[:limit]) + more


def translate(frame: pd.DataFrame, column: str, mapping: Mapping[str, str], path: Path) -> "pd.Series[str]":
    """A label column through ``mapping``, spellings by ``canonical``; "" stands for no label.

    Raises DataError with row and value for a string it does not know.
    """
    values = strings(frame[column], path)
    known = {canonical(value): label for value, label in mapping.items()} | dict(mapping)
    labels_by_value = {
        value: known.get(value, known.get(canonical(value))) for value in values.unique() if value is not None
    }
    found = [labels_by_value.get(value) for value in values]
    if None in labels_by_value.values():
        strange = [n for n, (value, label) in enumerate(zip(values, found, strict=True)) if value and label is None]
        row = row_of(values, strange[0])
        named = f"row {frame['id'].iloc[strange[0]]!r}" if "id" in frame else row
        others = some(dict.fromkeys(values.iloc[n][:80] for n in strange[1:]))
        more = f"; so for {len(strange) - 1:,} more rows, with {others}" if len(strange) > 1 else ""
        raise DataError(
            f"{path}: {named} has {column} {values.iloc[strange[0]][:80]!r}; it must be one of {list(mapping)[:20]} "
            f"({row}{more})."
        )
    labels = pd.Series([label or None for label in found], index=values.index, dtype=object)
    respelt = [value for value in labels_by_value if value not in known]
    if respelt:
        shown = ", ".join(f"{value[:30]!r} as {known[canonical(value)]!r}" for value in respelt[:3])
        labels.attrs["notes"] = (f"{column}: read {shown}{' and more' if len(respelt) > 3 else ''}",)
    return labels


def one_of(value: object, how: Lists) -> object:
    """Of a list the value that ``how`` chooses: the first, or what more than half of it is (else None)."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if how == "single" or not isinstance(value, list | tuple) or not value:
        return value
    if how == "first":
        return value[0]
    most, count = Counter(map(str, value)).most_common(1)[0]
    return most if 2 * count > len(value) else None
