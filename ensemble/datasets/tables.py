"""Reading tables as they were published: everything stays a string, nothing is guessed to be missing."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.content.encodings import decode
from ensemble.data import TEST, TRAIN
from ensemble.datasets.delimited import Dialect, read_delimited
from ensemble.datasets.json_tables import read_json_table
from ensemble.errors import DataError, first_line, some, unknown
from ensemble.system.folders import as_on_disk

ENCODING, NOTES = "encoding", "notes"  # in a frame's attrs: what its file was in, and what was assumed to read it
SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".parquet", ".xlsx")
WHAT_STARTS = {
    b"PK\x03\x04": ("a zip archive or a spreadsheet", ".xlsx"),
    b"PAR1": ("a Parquet file", ".parquet"),
    b"\xd0\xcf\x11\xe0": ("an old spreadsheet (.xls); save it as .xlsx or .csv", ""),
    b"\x1f\x8b": ("compressed (gzip); unpack it first", ""),
    b"%PDF": ("a PDF document", ""),
    b"SQLite format 3": ("an SQLite database", ""),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file itself; fetch that with `git lfs pull`", ""),
    b"<!DOCTYPE": ("a web page", ""),
    b"<!doctype": ("a web page", ""),
    b"<html": ("a web page", ""),
}
SHOWN = 8


def read_frame(path: Path, columns: Sequence[str] = (), dialect: Dialect | None = None) -> pd.DataFrame:
    """A CSV, TSV, JSON, JSON lines, Parquet or XLSX file as a frame, its text encoding and ``notes`` in ``attrs``.

    The index, named ``line`` or ``row``, says where each row stands in the file. Raises DataError naming the file, the
    line, the column.
    """
    path = path.parent / as_on_disk(path.parent, path.name)
    if path.is_dir():
        raise DataError(f"{path} is a folder; a table must be a file: {', '.join(SUFFIXES)}.")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix in SUFFIXES) if path.parent.is_dir() else []
        raise DataError(f"No such file: {path}." + (f" That folder has {some(near, 8)}." if near else ""))
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: a table must be one of {', '.join(SUFFIXES)}.")
    frame, encoding, notes = _parse(path, columns, dialect or Dialect())
    frame.attrs |= {ENCODING: encoding, NOTES: tuple(f"{path.name}: {note}" for note in notes)}
    for column in columns:
        check_column(frame, column, f"{path} ({'; '.join(notes)})" if notes and path.suffix == ".json" else str(path))
    return frame


def check_column(frame: pd.DataFrame, column: str, where: str) -> None:
    """Raises DataError, naming the nearest and a few others, where the frame has no such column."""
    if column not in frame:
        names = [str(name)[:60] for name in frame.columns]
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        said = unknown("column", column, names).partition(" Available:")[0]
        raise DataError(f"{where}: {said} Available: {', '.join(names[:SHOWN])}{more}.")


def notes_of(*tables: "pd.DataFrame | pd.Series[Any]") -> tuple[str, ...]:
    """What was assumed to read these, each line once."""
    return tuple(dict.fromkeys(note for table in tables for note in table.attrs.get(NOTES, ())))


def _parse(path: Path, columns: Sequence[str], dialect: Dialect) -> tuple[pd.DataFrame, str, Sequence[str]]:
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            return *_parquet(path), ()
        if kind == ".xlsx":
            frame, notes = _spreadsheet(path)
            return frame, "utf-8", notes
        raw = path.read_bytes()
        _check_kind(raw, kind)
        decoded = decode(raw, dialect.encoding)
        if kind in (".jsonl", ".json"):
            frame, notes = read_json_table(decoded.text)
        else:
            usual = "\t" if kind == ".tsv" else ","
            frame, notes = read_delimited(decoded.text, usual, dialect, columns)
        return frame, decoded.encoding, (*decoded.notes, *notes)
    except DataError as error:
        raise DataError(f"{path}: {error}.") from error
    except (csv.Error, pa.ArrowException, ValueError, OSError, RecursionError) as error:
        raise DataError(f"{path}: not a readable {kind[1:]} table ({first_line(error)[:250]}).") from error


def _check_kind(raw: bytes, kind: str) -> None:
    """Raises ValueError where the first bytes are those of something else."""
    for start, (what, suffix) in WHAT_STARTS.items():
        if raw.lstrip()[: len(start)] == start:
            raise ValueError(f"it is {what}" + (f"; name it {suffix}" if suffix else ""))


def _parquet(path: Path) -> tuple[pd.DataFrame, str]:
    """Cells as Python values: whole numbers stay whole beside missing ones. An index that has a name is a column."""
    table = pq.read_table(path, partitioning=None)
    columns = {
        name: column.to_pylist()
        for name, column in zip(table.column_names, table.columns, strict=True)
        if not name.startswith("__index_level_")
    }
    if len(columns) < sum(not name.startswith("__index_level_") for name in table.column_names):
        raise ValueError(f"a column's name is given twice, found {table.column_names}")
    index = pd.RangeIndex(1, table.num_rows + 1, name="row")
    made = {name: pd.Series(values, index=index, dtype=object) for name, values in columns.items()}
    return pd.DataFrame(made, index=index), "utf-8"


def _spreadsheet(path: Path) -> tuple[pd.DataFrame, Sequence[str]]:
    """The first sheet, its first row the names of the columns."""
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise DataError("reading .xlsx needs openpyxl (pip install openpyxl), or save it as .csv") from error
    try:
        book = load_workbook(path, data_only=True)
    except (InvalidFileException, KeyError, EOFError) as error:
        raise ValueError(first_line(error)) from error
    except Exception as error:  # a zip archive that is none, XML that is none: the library lets all of it through
        raise ValueError(first_line(error)) from error
    sheet = book.worksheets[0]
    header, *rows = [list(row) for row in sheet.iter_rows(values_only=True)] or [[]]
    names = ["" if name is None else str(name).strip() for name in header]
    while names and not names[-1]:
        names.pop()
    if not names or len(set(names)) < len(names):
        raise ValueError(f"the first row must name each column once, found {names}"[:250])
    kept = [(n, row[: len(names)]) for n, row in enumerate(rows, start=2) if any(cell is not None for cell in row)]
    beyond = next((n for n, row in enumerate(rows, start=2) if any(cell is not None for cell in row[len(names) :])), 0)
    if beyond:
        raise ValueError(f"row {beyond} has values beyond the {len(names)} columns that the first row names")
    index = pd.Index([n for n, _ in kept], name="row")
    others = [other.title for other in book.worksheets[1:]]
    notes = [f"of its sheets {sheet.title!r} is read, not {some(others)}"] if others else []
    return pd.DataFrame([row for _, row in kept], columns=names, index=index, dtype=object), notes


def join_parts(train: Sequence[pd.DataFrame], test: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Training and test tables on top of one another, told apart by the column ``part``."""
    parts = [frame.assign(part=TRAIN) for frame in train] + [frame.assign(part=TEST) for frame in test]
    return pd.concat([part.astype(object) for part in parts], ignore_index=True)


def test_files(root: Path, names: Sequence[str], usual: str) -> tuple[list[Path], tuple[str, ...]]:
    """``(paths, notes)`` of the test files named; the ``usual`` one may be absent, as it is in most copies."""
    if list(names) == [usual] and not (root / usual).is_file():
        return [], (f"there is no {usual}, so there are no test rows; data.test names another file",)
    return [root / name for name in names if name], ()


def image_folder(root: Path, folder: str) -> Path:
    """``root/folder``; raises DataError where there is no such folder."""
    path = root / as_on_disk(root, folder)
    if not path.is_dir():
        raise DataError(f"The image folder {path} does not exist.")
    return path
