"""One look at every file that a table names, whatever it holds. Kept in the cache, so it happens once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ensemble.content.images import resolve_inside
from ensemble.errors import DataError, StoreError
from ensemble.modalities import Cells, Scan
from ensemble.system.files import fingerprint, read_table, write_table
from ensemble.system.progress import Track

STAMP = ("path", "size", "modified")
GONE = (-1, -1)

Stamp = tuple[int, int]  # size and time of change; GONE of no file
Entry = tuple[Any, ...]


@dataclass(frozen=True)
class FileKind:
    """Files of one modality: ``name`` and ``plural`` for messages; ``look`` gives the ``columns`` of a file of a size,
    -1 where there is none. ``problem`` is one of the columns."""

    name: str
    plural: str
    columns: tuple[str, ...]
    look: Callable[[Path, int], Sequence[object]]

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        """One row per cell (a path relative to ``root``), in its order: ``path``, ``size``, ``modified`` and the
        columns, all missing where the cell is None.

        ``cache`` is the folder of earlier scans; files of unchanged size and time are not opened again. Raises
        DataError for a path that leaves ``root``, and where none of several files is there.
        """
        kept = None if cache is None else cache / f"{self.plural}-{fingerprint(str(root.resolve()))}.parquet"
        named = zip(ids, cells, strict=True)
        paths = [resolve_inside(root, path, row, self.name) for row, path in named if path is not None]
        known = self._read_kept(kept)
        stamps = {path: _stamp(path) for path in paths}
        if len(stamps) > 1 and all(stamp == GONE for stamp in stamps.values()):
            raise DataError(f"None of the {len(paths):,} {self.plural} is there; the first would be {paths[0]}.")
        new = {path: stamp for path, stamp in stamps.items() if (str(path), *stamp) not in known}
        for entry in track(self._entries(new), f"{self.plural} scanned", len(new)) if new else ():
            known[entry[:3]] = entry
        names = (*STAMP, *self.columns)
        if kept is not None and new:
            write_table(kept, pa.Table.from_pylist([dict(zip(names, entry, strict=True)) for entry in known.values()]))
        blank = (None,) * len(names)
        rows = [blank if path is None else known[str(root / path), *stamps[root / path]] for path in cells]
        return Scan(pd.DataFrame(rows, columns=list(names), dtype=object))

    def _entries(self, stamps: dict[Path, Stamp]) -> Iterator[Entry]:
        def entry(path: Path) -> Entry:
            return (str(path), *stamps[path], *self.look(path, stamps[path][0]))

        with ThreadPoolExecutor() as pool:  # decoders work without holding the interpreter's lock
            yield from pool.map(entry, stamps)

    def _read_kept(self, kept: Path | None) -> dict[Entry, Entry]:
        if kept is None or not kept.exists():
            return {}
        try:
            table = read_table(kept)
        except StoreError:  # only a cache: look again
            return {}
        names = (*STAMP, *self.columns)
        if tuple(table.column_names) != names:
            return {}
        rows = zip(*(table[name].to_pylist() for name in names), strict=True)
        return {row[:3]: row for row in rows}


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
        return (status.st_size, status.st_mtime_ns) if path.is_file() else GONE
    except OSError:
        return GONE
