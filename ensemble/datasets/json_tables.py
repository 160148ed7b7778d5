"""Tables in JSON: a line per post, an array of posts, an object of posts by id, or an object of columns."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ensemble.errors import some

KEY = "id"  # the column that the keys of an object of posts become


def read_json_table(text: str) -> tuple[pd.DataFrame, list[str]]:
    """``(frame, notes)`` of whichever form the text has, the index the number of each post's line or place.

    Raises ValueError with line and column for what is not JSON, and naming what else it is.
    """
    start = text.lstrip()
    if not start:
        raise ValueError("it is empty")
    if start.startswith("{") and (lines := _lines(text)) is not None:
        return lines
    whole = _load(text)
    if isinstance(whole, list):
        return _of_rows(whole, "row", range(1, len(whole) + 1)), []
    if isinstance(whole, dict):
        return _of_object(whole)
    raise ValueError(f"it holds {kind_of(whole)}; an object per line, or an array of objects, is needed")


def kind_of(value: object) -> str:
    """What a JSON value is called, in a few words."""
    if isinstance(value, Mapping):
        keys = some((str(key)[:20] for key in value), 3)
        return f"an object with the keys {keys}" if value else "an empty object"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"a list of {len(value):,} values"
    return f"the single value {str(value)[:40]!r}"


def _load(text: str, before: int | None = None) -> Any:
    """The value, no key of an object given twice; ``before`` lines are above the one line that the text is."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {(before or 0) + error.lineno}: {error.msg} (character {error.colno})") from error
    except ValueError as error:
        raise ValueError(str(error) if before is None else f"line {before + 1}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        raise ValueError(f"an object has {some((key[:40] for key in twice), 3)} twice, so one would vanish")
    return found


def _lines(text: str) -> tuple[pd.DataFrame, list[str]] | None:
    """JSON lines; None where the first line is no object by itself, or is the only one and an object of posts."""
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    try:
        first = json.loads(numbered[0][1])
    except ValueError:
        if len(numbered) > 1 and numbered[1][1].lstrip().startswith("{"):
            _load(numbered[0][1], numbered[0][0] - 1)  # a damaged first line of several
        return None
    if len(numbered) == 1 and (all(isinstance(value, dict | list) for value in first.values()) or _tables(first)):
        return None
    rows = [_load(line, number - 1) for number, line in numbered]
    return _with_gaps(_of_rows(rows, "line", [number for number, _ in numbered]), rows)


def _of_rows(rows: Sequence[Any], name: str, places: Sequence[int]) -> pd.DataFrame:
    for place, row in zip(places, rows, strict=True):
        if not isinstance(row, dict):
            raise ValueError(f"{name} {place} is {kind_of(row)}, not a JSON object")
    return pd.DataFrame(list(rows), index=pd.Index(list(places), name=name), dtype=object)


def _with_gaps(frame: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> tuple[pd.DataFrame, list[str]]:
    """Says where keys are absent: a misspelt one looks the same."""
    counts = Counter(key for row in rows for key in row)
    gaps = [key for key, count in counts.items() if count < len(rows)]
    at = {key: next(place for place, row in zip(frame.index, rows, strict=True) if key not in row) for key in gaps[:3]}
    shown = [f"{key[:40]!r} in {len(rows) - counts[key]:,} rows (first in line {place})" for key, place in at.items()]
    more = f" and {len(gaps) - 3} more keys" if len(gaps) > 3 else ""
    return frame, [f"keys are absent: {', '.join(shown)}{more}"] if gaps else []


def _of_object(whole: dict[str, Any]) -> tuple[pd.DataFrame, list[str]]:
    values = list(whole.values())
    if {"columns", "data"} <= set(whole) and isinstance(whole["data"], list):  # pandas, orient="split"
        frame = pd.DataFrame(whole["data"], columns=[str(name) for name in whole["columns"]], dtype=object)
        return frame.set_index(_numbers(len(frame))), ["an object of columns and rows"]
    if values and all(isinstance(value, dict) for value in values):
        indices = {tuple(value) for value in values[:50]}
        if len(indices) == 1 and values[0] and all(key.isdigit() for key in values[0]):  # pandas, orient="columns"
            frame = pd.DataFrame({name: list(column.values()) for name, column in whole.items()}, dtype=object)
            return frame.set_index(_numbers(len(frame))), ["an object of columns, each with its values by row"]
        return _by_key(whole)
    lists = [value for value in values if isinstance(value, list)]
    tables = _tables(whole)
    if len(tables) == 1:
        rows = whole[tables[0]]
        return _of_rows(rows, "row", range(1, len(rows) + 1)), [f"the posts are under the key {tables[0]!r}"]
    if values and len(lists) == len(values) and len({len(value) for value in values}) == 1:
        return pd.DataFrame(whole, dtype=object).set_index(_numbers(len(values[0]))), ["an object of columns"]
    raise ValueError(f"it holds {kind_of(whole)}, not a table; an array of objects, or one object per line, is needed")


def _tables(whole: Mapping[str, Any]) -> list[str]:
    """The keys under which there are lists of objects."""
    return [
        key
        for key, value in whole.items()
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value)
    ]


def _by_key(whole: dict[str, dict[str, Any]]) -> tuple[pd.DataFrame, list[str]]:
    frame = _of_rows(list(whole.values()), "row", range(1, len(whole) + 1))
    column = KEY
    if KEY in frame and [str(value) for value in frame[KEY]] != list(whole):
        column = "key"
    return frame.assign(**{column: list(whole)}), [f"an object of posts; its keys are the column {column!r}"]


def _numbers(count: int) -> pd.Index:
    return pd.Index(range(1, count + 1), name="row")
