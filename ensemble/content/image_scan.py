"""One look at every image file: content hash, thumbnail, damage. Kept in the cache, so it happens once."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ensemble.content.file_kinds import why_no_file
from ensemble.content.images import ImageInfo, inspect_image, resolve_inside
from ensemble.content.thumbnails import SIDE, Thumbnails
from ensemble.errors import DataError, StoreError, shortened
from ensemble.modalities import Cells, Scan
from ensemble.system.files import read_table, write_table
from ensemble.system.folders import can_write
from ensemble.system.progress import Track, silent

COLUMNS = ("path", "size", "modified", "hash", "content", "width", "height", "mode", "frames", "problem")
MAX_BYTES = 256_000_000
NO_PATH = "a web address, not a path"
WRITTEN_OUT = "an image as text, not a path"
ADDRESS = re.compile(r"(https?|ftp|s3|gs)://", re.IGNORECASE)
INLINE = re.compile(r"data:|[A-Za-z0-9+/=\s]{500,}$")  # base64, also without the words before it


def scan_images(ids: Sequence[str], cells: Cells, root: Path, kept: Path | None = None, track: Track = silent) -> Scan:
    """One row per cell (a path relative to ``root``), in its order: the columns above, all missing where it is None;
    ``path`` is the cell itself.

    ``kept`` names a Parquet file of earlier scans; files of unchanged size and time are not opened again. Raises
    DataError for a path that leaves ``root``, and where none of several files is there.
    """
    named = [(row, cell) for row, cell in zip(ids, cells, strict=True) if cell is not None]
    no_paths = {cell: problem for _, cell in named if (problem := no_path(cell)) is not None}
    paths = [resolve_inside(root, cell, row) for row, cell in named if cell not in no_paths]
    known = _read_kept(kept)
    stamps = {path: _stamp(path) for path in paths}
    if len(stamps) > 1 and all(stamp == (-1, -1) for stamp in stamps.values()):
        raise DataError(f"None of the {len(paths):,} images is there; the first would be {paths[0]}.")
    if len(named) > 1 and not paths:
        cell, problem = next(iter(no_paths.items()))
        raise DataError(
            f"None of the {len(named):,} images names a file: the first is {problem} ({shortened(cell, 50)}). Nothing "
            "is fetched or decoded from text: put files into a folder and their paths here, or leave data.image out."
        )
    new = [path for path in stamps if _key(path, stamps) not in known]
    for entry in track(_entries(new, stamps), "images scanned", len(new)) if new else ():
        known[entry[:3]] = entry
    if kept is not None and new and can_write(kept.parent):
        write_table(kept, pa.Table.from_pylist([dict(zip(COLUMNS, entry, strict=True)) for entry in known.values()]))
    blank = (None,) * len(COLUMNS)
    found = {cell: _lost(cell, problem) for cell, problem in no_paths.items()}
    found |= {cell: known[_key(root / cell, stamps)] for _, cell in named if cell not in no_paths}
    rows = [blank if cell is None else (cell, *found[cell][1:]) for cell in cells]
    return Scan(pd.DataFrame(rows, columns=list(COLUMNS), dtype=object))


def no_path(cell: str) -> str | None:
    """What a cell is that cannot be the path of a file; None where it may be one."""
    if ADDRESS.match(cell):
        return NO_PATH
    return WRITTEN_OUT if INLINE.match(cell) else None


def thumbnails(scan: Scan) -> tuple[npt.NDArray[np.int64], Thumbnails]:
    """``(positions, (rows, SIDE, SIDE) grey levels)`` of the rows with a readable image."""
    positions = np.flatnonzero(scan.frame["content"].notna())
    raw = b"".join(scan.frame["content"].iloc[positions])
    return positions, np.frombuffer(raw, dtype=np.uint8).reshape(-1, SIDE, SIDE)


Key = tuple[str, int, int]
Entry = tuple[str, int, int, str | None, bytes | None, int, int, str, int, str | None]


def _key(path: Path, stamps: dict[Path, tuple[int, int]]) -> Key:
    return (str(path), *stamps[path])


def _lost(cell: str, problem: str) -> Entry:
    return (cell, -1, -1, None, None, 0, 0, "", 0, problem)


def _entries(paths: list[Path], stamps: dict[Path, tuple[int, int]]) -> Iterator[Entry]:
    def entry(path: Path) -> Entry:
        if stamps[path] == (-1, -1):
            return _lost(str(path), why_no_file(path))
        try:
            raw = path.read_bytes() if stamps[path][0] <= MAX_BYTES else b""
        except OSError as error:
            return (str(path), *stamps[path], None, None, 0, 0, "", 0, f"cannot be read ({error.strerror})")
        empty = f"over {MAX_BYTES:,} bytes" if stamps[path][0] else "an empty file"
        info = inspect_image(raw) if raw else ImageInfo(None, problem=empty)
        thumbnail = None if info.thumbnail is None else info.thumbnail.tobytes()
        return (str(path), *stamps[path], hashlib.sha256(raw).hexdigest(), thumbnail, *astuple(info)[1:])

    with ThreadPoolExecutor() as pool:  # Pillow decodes without holding the interpreter's lock
        yield from pool.map(entry, paths)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
        return (status.st_size, status.st_mtime_ns) if path.is_file() else (-1, -1)
    except OSError:
        return (-1, -1)


def _read_kept(kept: Path | None) -> dict[Key, Entry]:
    if kept is None or not kept.exists():
        return {}
    try:
        table = read_table(kept)
    except StoreError:  # only a cache: look again
        return {}
    if tuple(table.column_names) != COLUMNS:
        return {}
    rows = zip(*(table[name].to_pylist() for name in COLUMNS), strict=True)
    return {(row[0], row[1], row[2]): row for row in rows}
