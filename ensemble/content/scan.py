"""One look at every image of a dataset: content hash, thumbnail, damage. Kept beside the run, so it happens once."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ensemble.content.images import HASH_SIDE, ImageInfo, inspect_image, resolve_inside
from ensemble.data import Dataset
from ensemble.errors import DataError, StoreError
from ensemble.system.files import read_table, write_table
from ensemble.system.progress import Track, silent

COLUMNS = ("path", "size", "modified", "hash", "thumbnail", "width", "height", "mode", "frames", "problem")
MAX_BYTES = 256_000_000
Thumbnails = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scan:
    """One row per dataset row, in its order: the columns above, all missing where a post has no image."""

    frame: pd.DataFrame

    @property
    def problems(self) -> pd.DataFrame:
        """Rows whose image exists in the table but cannot be used: ``path``, ``problem``."""
        return self.frame.loc[self.frame["problem"].notna(), ["path", "problem"]]

    def thumbnails(self) -> tuple[npt.NDArray[np.int64], Thumbnails]:
        """``(positions, (rows, 16, 17) grey levels)`` of the rows with a readable image."""
        positions = np.flatnonzero(self.frame["thumbnail"].notna())
        raw = b"".join(self.frame["thumbnail"].iloc[positions])
        return positions, np.frombuffer(raw, dtype=np.uint8).reshape(-1, HASH_SIDE, HASH_SIDE + 1)


def scan(data: Dataset, kept: Path | None = None, track: Track = silent) -> tuple[Dataset, Scan]:
    """The dataset with ``image_hash`` filled and unusable images made missing, and what was seen.

    ``kept`` names a Parquet file of earlier looks; files of unchanged size and time are not opened again.
    """
    named = zip(data.ids, data.images, strict=True)
    paths = [resolve_inside(data.root, path, row) for row, path in named if path is not None]
    known = _read_kept(kept)
    stamps = {path: _stamp(path) for path in paths}
    if len(stamps) > 1 and all(stamp == (-1, -1) for stamp in stamps.values()):
        raise DataError(f"None of the {len(paths):,} images is there; the first would be {paths[0]}.")
    new = [path for path in stamps if (str(path), *stamps[path]) not in known]
    for entry in track(_entries(new, stamps), "images scanned", len(new)) if new else ():
        known[entry[:3]] = entry
    if kept is not None and new:
        write_table(kept, pa.Table.from_pylist([dict(zip(COLUMNS, entry, strict=True)) for entry in known.values()]))
    blank = (None,) * len(COLUMNS)
    rows = [blank if p is None else known[str(data.root / p), *stamps[data.root / p]] for p in data.images]
    seen = Scan(pd.DataFrame(rows, columns=list(COLUMNS), dtype=object))
    usable = seen.frame["hash"].notna() & seen.frame["problem"].isna()
    images = [path if ok else None for path, ok in zip(data.images, usable, strict=True)]
    hashes = [value if ok else None for value, ok in zip(seen.frame["hash"], usable, strict=True)]
    return data.with_columns(image=images, image_hash=hashes), seen


Entry = tuple[str, int, int, str | None, bytes | None, int, int, str, int, str | None]


def _entries(paths: list[Path], stamps: dict[Path, tuple[int, int]]) -> Iterator[Entry]:
    def entry(path: Path) -> Entry:
        if stamps[path] == (-1, -1):
            return (str(path), -1, -1, None, None, 0, 0, "", 0, "no such file")
        try:
            raw = path.read_bytes() if stamps[path][0] <= MAX_BYTES else b""
        except OSError as error:
            return (str(path), *stamps[path], None, None, 0, 0, "", 0, f"cannot be read ({error.strerror})")
        seen = inspect_image(raw) if raw else ImageInfo(None, problem=f"empty, or over {MAX_BYTES:,} bytes")
        thumbnail = None if seen.thumbnail is None else seen.thumbnail.tobytes()
        return (str(path), *stamps[path], hashlib.sha256(raw).hexdigest(), thumbnail, *astuple(seen)[1:])

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
