"""One look at every image file: content hash, thumbnail, damage. Kept in the cache, so it happens once."""

import hashlib
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
from ensemble.errors import DataError, StoreError
from ensemble.modalities import Cells, Scan
from ensemble.system.files import read_table, write_table
from ensemble.system.folders import can_write
from ensemble.system.progress import Track, silent

COLUMNS = ("path", "size", "modified", "hash", "content", "width", "height", "mode", "frames", "problem")
MAX_BYTES = 256_000_000


def scan_images(ids: Sequence[str], cells: Cells, root: Path, kept: Path | None = None, track: Track = silent) -> Scan:
    """One row per cell (a path relative to ``root``), in its order: the columns above, all missing where it is None.

    ``kept`` names a Parquet file of earlier scans; files of unchanged size and time are not opened again. Raises
    DataError for a path that leaves ``root``, and where none of several files is there.
    """
    named = zip(ids, cells, strict=True)
    paths = [resolve_inside(root, path, row) for row, path in named if path is not None]
    known = _read_kept(kept)
    stamps = {path: _stamp(path) for path in paths}
    if len(stamps) > 1 and all(stamp == (-1, -1) for stamp in stamps.values()):
        raise DataError(f"None of the {len(paths):,} images is there; the first would be {paths[0]}.")
    new = [path for path in stamps if (str(path), *stamps[path]) not in known]
    for entry in track(_entries(new, stamps), "images scanned", len(new)) if new else ():
        known[entry[:3]] = entry
    if kept is not None and new and can_write(kept.parent):
        write_table(kept, pa.Table.from_pylist([dict(zip(COLUMNS, entry, strict=True)) for entry in known.values()]))
    blank = (None,) * len(COLUMNS)
    rows = [blank if path is None else known[str(root / path), *stamps[root / path]] for path in cells]
    return Scan(pd.DataFrame(rows, columns=list(COLUMNS), dtype=object))


def thumbnails(scan: Scan) -> tuple[npt.NDArray[np.int64], Thumbnails]:
    """``(positions, (rows, SIDE, SIDE) grey levels)`` of the rows with a readable image."""
    positions = np.flatnonzero(scan.frame["content"].notna())
    raw = b"".join(scan.frame["content"].iloc[positions])
    return positions, np.frombuffer(raw, dtype=np.uint8).reshape(-1, SIDE, SIDE)


Entry = tuple[str, int, int, str | None, bytes | None, int, int, str, int, str | None]


def _entries(paths: list[Path], stamps: dict[Path, tuple[int, int]]) -> Iterator[Entry]:
    def entry(path: Path) -> Entry:
        if stamps[path] == (-1, -1):
            return (str(path), -1, -1, None, None, 0, 0, "", 0, why_no_file(path))
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


def _read_kept(kept: Path | None) -> dict[tuple[str, int, int], Entry]:
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
