"""Reading tables as they were published: everything stays a string, nothing is guessed to be missing."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ensemble.content.texts import decode
from ensemble.data import TEST, TRAIN
from ensemble.errors import DataError, some, unknown

ENCODING = "encoding"  # in a frame's attrs: what its file was in
SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".parquet")


def read_frame(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """A CSV, TSV, JSON lines or Parquet file as a frame, its text encoding in ``attrs``.

    Raises DataError naming the file, the line, the column.
    """
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix in SUFFIXES) if path.parent.is_dir() else []
        raise DataError(f"No such file: {path}." + (f" That folder has {some(near, 8)}." if near else ""))
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: a table must be one of {', '.join(SUFFIXES)}.")
    frame, encoding = _parse(path)
    frame.attrs[ENCODING] = encoding
    for column in columns:
        if column not in frame:
            raise DataError(f"{path}: {unknown('column', column, map(str, frame.columns))}")
    return frame


def _parse(path: Path) -> tuple[pd.DataFrame, str]:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path), "utf-8"
        text, encoding = decode(path.read_bytes())
        if text is None:
            raise DataError(f"{path}: neither UTF-8 nor GB18030; save it as UTF-8.")
        if path.suffix in (".jsonl", ".json"):
            return _json_lines(text), encoding
        separator = "\t" if path.suffix == ".tsv" else ","
        return _separated(text, separator), encoding
    except (csv.Error, pa.ArrowException, ValueError, OSError, RecursionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{path}: not a readable {path.suffix[1:]} table ({reason}).") from error


def _separated(text: str, separator: str) -> pd.DataFrame:
    """Every row must have as many values as the header: a stray comma or quote is an error, not a shifted column."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header = next(reader, [])
    if not header or len(set(header)) < len(header):
        raise ValueError(f"the header must name each column once, found {header}")
    rows = []
    for row in reader:
        if len(row) not in (0, len(header)):
            raise ValueError(f"line {reader.line_num} has {len(row)} values, the header has {len(header)}")
        if row:
            rows.append(row)
    return pd.DataFrame(rows, columns=header, dtype=object)


def _json_lines(text: str) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not a JSON object")
            rows.append(row)
    return pd.DataFrame(rows, dtype=object)


def strings(column: "pd.Series[str]") -> "pd.Series[str]":
    """Values as stripped str; None where missing or blank. Whole floats lose their ``.0``, lone surrogates become ?."""

    def one(value: object) -> str | None:
        if value is None or value != value or value is pd.NA:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).encode("utf-8", "replace").decode().strip() or None

    return pd.Series([one(value) for value in column], index=column.index, dtype=object)


def ids(column: "pd.Series[str]", path: Path) -> "pd.Series[str]":
    """Ids as str; raises DataError naming the first row that has none."""
    values = strings(column)
    if values.isna().any():
        row = int(values.isna().to_numpy().argmax()) + 1
        raise DataError(f"{path}: row {row} has no {column.name}; every row needs an id.")
    return values


def translate(frame: pd.DataFrame, column: str, mapping: Mapping[str, str], path: Path) -> "pd.Series[str]":
    """A label column through ``mapping``; raises DataError with row and value for a string it does not know."""
    values = strings(frame[column])
    bad = values.notna() & ~values.isin(list(mapping))
    if bad.any():
        position = int(bad.to_numpy().argmax())
        row, value = frame["id"].iloc[position], values.iloc[position]
        raise DataError(f"{path}: row {row!r} has {column} {value!r}; it must be one of {list(mapping)}.")
    return values.map(mapping).astype(object).where(values.notna(), None)


def join_parts(train: Sequence[pd.DataFrame], test: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Training and test tables on top of one another, told apart by the column ``part``."""
    parts = [frame.assign(part=TRAIN) for frame in train] + [frame.assign(part=TEST) for frame in test]
    return pd.concat([part.astype(object) for part in parts], ignore_index=True)


def image_folder(root: Path, folder: str) -> Path:
    """``root/folder``; raises DataError where there is no such folder."""
    path = root / folder
    if not path.is_dir():
        raise DataError(f"The image folder {path} does not exist.")
    return path
