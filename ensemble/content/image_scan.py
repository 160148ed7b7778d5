"""One look at every image file: content hash, thumbnail, damage."""

import hashlib
from dataclasses import astuple
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.content.file_scan import FileKind
from ensemble.content.images import ImageInfo, inspect_image
from ensemble.content.thumbnails import SIDE, Thumbnails
from ensemble.modalities import Scan

COLUMNS = ("hash", "content", "width", "height", "mode", "frames", "problem")
MAX_BYTES = 256_000_000


def thumbnails(scan: Scan, column: str = "content") -> tuple[npt.NDArray[np.int64], Thumbnails]:
    """``(positions, (rows, SIDE, SIDE) grey levels)`` of the rows that have any."""
    positions = np.flatnonzero(scan.frame[column].notna())
    raw = b"".join(scan.frame[column].iloc[positions])
    return positions, np.frombuffer(raw, dtype=np.uint8).reshape(-1, SIDE, SIDE)


def _look(path: Path, size: int) -> tuple[object, ...]:
    try:
        raw = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        return _lost(f"cannot be read ({error.strerror})")
    empty = f"over {MAX_BYTES:,} bytes" if size else "an empty file"
    info = inspect_image(raw) if raw else ImageInfo(None, problem=empty)
    thumbnail = None if info.thumbnail is None else info.thumbnail.tobytes()
    return (hashlib.sha256(raw).hexdigest(), thumbnail, *astuple(info)[1:])


def _lost(problem: str) -> tuple[object, ...]:
    return (None, None, 0, 0, "", 0, problem)


IMAGE_FILES = FileKind("image", "an image", "images", COLUMNS, _look, _lost)
