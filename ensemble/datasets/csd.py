"""Labels of the CMU SDK in ``.csd`` files, which are HDF5: the only door through which such files come in.

HDF5 can point into other files, in three ways: links, external storage, virtual datasets. None is followed here, and no
coding is undone that would have to be looked for among plugins.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.content.file_kinds import HEAD, what_starts
from ensemble.data import Floats
from ensemble.errors import DataError, first_line, some

ROOTS = ("Opinion Segment Labels", "All Labels")  # one column; sentiment and six emotions
SIGNATURE = b"\x89HDF\r\n\x1a\n"
CODINGS = {1, 2, 3, 32000}  # deflate, shuffle, checksums, LZF: what h5py itself writes and reads
MAX_VIDEOS, MAX_SEGMENTS, MAX_COLUMNS = 50_000, 10_000, 64
MAX_CHUNK = 1 << 24  # values that are decoded at once
MAX_VALUES = 10_000_000  # of all videos, of which many names may be one: CMU-MOSEI has 200,000


@dataclass(frozen=True)
class Segments:
    """Of one video: labels, (segments, columns), and begin and end of each segment, (segments, 2), in seconds."""

    labels: Floats
    intervals: Floats


def read_csd(path: Path) -> tuple[str, Mapping[str, Segments]]:
    """``(root, videos)``: the name of the file's labels, and each video's by its id.

    Raises DataError for what is no such file, and for one that points into others.
    """
    import h5py

    with _opened(path, h5py) as file:
        roots = [root for root in ROOTS if root in file]
        if not roots:
            raise _RefusedError(f"labels are under one of {list(ROOTS)}, and it has {some(file)}")
        data = _member(_member(file, roots[0], h5py.Group, h5py), "data", h5py.Group, h5py)
        if not 0 < len(data) <= MAX_VIDEOS:
            raise _RefusedError(f"it has labels of {len(data):,} videos; 1 to {MAX_VIDEOS:,} are read")
        found, values = {}, 0
        for video in data:
            found[video] = _segments(_member(data, video, h5py.Group, h5py), h5py)
            values += found[video].labels.size + found[video].intervals.size
            if values > MAX_VALUES:
                raise _RefusedError(f"its videos have over {MAX_VALUES:,} labels and times")
        return roots[0], found


class _RefusedError(Exception):
    """What of a file is not understood or not followed, as the end of a sentence."""


@contextmanager
def _opened(path: Path, h5py: Any) -> Iterator[Any]:
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        if not head.startswith(SIGNATURE):
            raise _RefusedError(f"it is {what_starts(head) or 'something else'}, no HDF5 file")
        with h5py.File(path, "r") as file:
            yield file
    except _RefusedError as error:
        raise DataError(f"{path}: not a .csd file that is read here: {error}.") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        raise DataError(f"{path}: not a readable .csd file ({first_line(error)[:200]}).") from error


def _member(group: Any, name: str, kind: Any, h5py: Any) -> Any:
    """What a group itself holds under a name; what it points to instead is refused."""
    where = f"{group.name.rstrip('/')}/{name}"[:120]
    if name not in group:
        raise _RefusedError(f"{where} is not there; {group.name[:80]} has {some(group)}")
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        kind_of_link = "another file" if isinstance(link, h5py.ExternalLink) else "another place"
        raise _RefusedError(f"{where} is a link to {kind_of_link}, which is not followed")
    member = group[name]
    if not isinstance(member, kind):
        raise _RefusedError(f"{where} is a {type(member).__name__.lower()}, not a {kind.__name__.lower()}")
    return member


def _segments(video: Any, h5py: Any) -> Segments:
    labels, intervals = (_numbers(video, name, h5py) for name in ("features", "intervals"))
    if len(labels) != len(intervals) or intervals.shape[1] != 2:
        found = f"{labels.shape} labels and {intervals.shape} intervals"
        raise _RefusedError(f"{video.name[:120]} has {found}; each segment needs a begin and an end")
    if not np.isfinite(intervals).all():
        raise _RefusedError(f"{video.name[:120]} has intervals that begin or end at no number")
    return Segments(labels, intervals)


def _numbers(video: Any, name: str, h5py: Any) -> Floats:
    """A small table of plain numbers, (rows, columns), that the file itself holds."""
    found = _member(video, name, h5py.Dataset, h5py)
    where, made = found.name[:120], found.id.get_create_plist()
    if made.get_external_count() or made.get_layout() == h5py.h5d.VIRTUAL:  # before its shape, which may open them
        raise _RefusedError(f"{where} keeps its numbers in other files, which are not opened")
    if found.dtype.kind not in "fiu" or found.ndim != 2:
        raise _RefusedError(f"{where} holds {found.dtype}, of {found.ndim} dimensions; two, of numbers, are right")
    if found.shape[0] > MAX_SEGMENTS or found.shape[1] > MAX_COLUMNS:
        raise _RefusedError(f"{where} is {found.shape}, over the limit of ({MAX_SEGMENTS:,}, {MAX_COLUMNS})")
    codings = {made.get_filter(n)[0] for n in range(made.get_nfilters())}
    if codings - CODINGS or np.prod(found.chunks or (1,), dtype=np.float64) > MAX_CHUNK:
        raise _RefusedError(f"{where} is coded in a way that is not read here (filters {sorted(codings)})")
    values = found[()]
    if values.dtype == np.float32:  # 2.4 is 2.4, as in tables, not the number nearest to it in 32 bits
        return np.array([[float(str(value)) for value in row] for row in values], dtype=np.float64).reshape(found.shape)
    return np.asarray(values, dtype=np.float64)
