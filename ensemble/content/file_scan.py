"""One look at every file that a table names, whatever it holds. Kept in the cache, so it happens once."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ensemble.content.file_kinds import why_no_file
from ensemble.content.images import resolve_inside
from ensemble.errors import DataError, StoreError, shortened
from ensemble.modalities import Cells, Scan
from ensemble.system.files import fingerprint, read_table, write_table
from ensemble.system.folders import can_write
from ensemble.system.progress import Track

STAMP = ("path", "size", "modified")
NOWHERE = (-1, -1)
NO_PATH = "a web address, not a path"
WRITTEN_OUT = "as text, not a path"
ADDRESS = re.compile(r"(https?|ftp|s3|gs)://", re.IGNORECASE)
INLINE = re.compile(r"data:|[A-Za-z0-9+/=\s]{500,}$")  # base64, also without the words before it

Stamp = tuple[int, int]  # size and time of change; NOWHERE of no file
Entry = tuple[Any, ...]


@dataclass(frozen=True)
class FileKind:
    """Files of one modality: ``name``, ``one`` and ``plural`` for messages; ``look`` gives the ``columns`` of a file of
    a size, ``lost`` those of what cannot be looked at, for a reason. ``problem`` is one of the columns."""

    name: str
    one: str
    plural: str
    columns: tuple[str, ...]
    look: Callable[[Path, int], Sequence[object]]
    lost: Callable[[str], Sequence[object]]

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        """One row per cell (a path relative to ``root``), in its order: ``path`` (the cell itself), ``size``,
        ``modified`` and the columns, all missing where the cell is None.

        ``cache`` is the folder of earlier scans; files of unchanged size and time are not opened again. Raises
        DataError for a path that leaves ``root``, and where none of several files is there.
        """
        kept = None if cache is None else cache / f"{self.plural}-{fingerprint(str(root.resolve()))}.parquet"
        names = (*STAMP, *self.columns)
        named = [(row, cell) for row, cell in zip(ids, cells, strict=True) if cell is not None]
        if not named:
            return Scan(pd.DataFrame(dict.fromkeys(names), index=range(len(cells)), dtype=object))
        no_paths = {cell: problem for _, cell in named if (problem := self._no_path(cell)) is not None}
        paths = [resolve_inside(root, cell, row, self.name) for row, cell in named if cell not in no_paths]
        known = self._read_kept(kept)
        stamps = {path: _stamp(path) for path in paths}
        self._check_some([cell for _, cell in named], no_paths, stamps)
        new = {path: stamp for path, stamp in stamps.items() if (str(path), *stamp) not in known}
        for entry in track(self._entries(new), f"{self.plural} scanned", len(new)) if new else ():
            known[entry[:3]] = entry
        if kept is not None and new and can_write(kept.parent):
            write_table(kept, pa.Table.from_pylist([dict(zip(names, entry, strict=True)) for entry in known.values()]))
        blank = (None,) * len(names)
        found = {cell: (*NOWHERE, *self.lost(problem)) for cell, problem in no_paths.items()}
        found |= {cell: known[str(root / cell), *stamps[root / cell]][1:] for _, cell in named if cell not in no_paths}
        rows = [blank if cell is None else (cell, *found[cell]) for cell in cells]
        return Scan(pd.DataFrame(rows, columns=list(names), dtype=object), cache)

    def _no_path(self, cell: str) -> str | None:
        """What a cell is that cannot be the path of a file; None where it may be one."""
        if ADDRESS.match(cell):
            return NO_PATH
        return f"{self.one} {WRITTEN_OUT}" if INLINE.match(cell) else None

    def _check_some(self, named: Sequence[str], no_paths: Mapping[str, str], stamps: Mapping[Path, Stamp]) -> None:
        """Raises DataError where none of several files is there, or none of several cells names one."""
        if len(stamps) > 1 and all(stamp == NOWHERE for stamp in stamps.values()):
            count = sum(cell not in no_paths for cell in named)
            raise DataError(f"None of the {count:,} {self.plural} is there; the first would be {next(iter(stamps))}.")
        if len(named) > 1 and not stamps:
            cell, problem = next(iter(no_paths.items()))
            raise DataError(
                f"None of the {len(named):,} {self.plural} names a file: the first is {problem} "
                f"({shortened(cell, 50)}). Nothing is fetched or decoded from text: put files into a folder and their "
                f"paths here, or leave data.{self.name} out."
            )

    def _entries(self, stamps: dict[Path, Stamp]) -> Iterator[Entry]:
        def entry(path: Path) -> Entry:
            stamp = stamps[path]
            there = self.lost(why_no_file(path, self.one)) if stamp == NOWHERE else self.look(path, stamp[0])
            return (str(path), *stamp, *there)

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
        return (status.st_size, status.st_mtime_ns) if path.is_file() else NOWHERE
    except OSError:
        return NOWHERE
