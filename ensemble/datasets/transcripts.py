"""Transcripts of the CMU SDK: what is said in each segment of a video, as CMU-MOSI and as CMU-MOSEI have it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble.content.encodings import decode_all, read_bytes
from ensemble.content.images import resolve_inside
from ensemble.errors import DataError

FOLDER = "Raw/Transcript/Segmented"
NUMBERED, TIMED = "_DELIM_", "___"


@dataclass(frozen=True)
class Line:
    """One segment: what it is called within its video, its text, and where it begins and ends (seconds; None where
    that is not told)."""

    clip: str
    text: str
    interval: tuple[float, float] | None = None


def read_transcripts(root: Path, videos: Sequence[str]) -> tuple[dict[str, list[Line]], tuple[str, ...]]:
    """``(lines, notes)``: of each video that has a transcript its lines, in order.

    In ``Combined`` they are CMU-MOSEI's, ``video___segment___begin___end___text``; beside it CMU-MOSI's,
    ``segment_DELIM_text``. Raises DataError for a line that is neither.
    """
    timed = (root / FOLDER / "Combined").is_dir()
    folder, ending = (root / FOLDER / "Combined", ".txt") if timed else (root / FOLDER, ".annotprocessed")
    paths = [resolve_inside(folder, f"{video}{ending}", video, "transcript") for video in videos]
    texts, _, notes = decode_all([read_bytes(path) for path in paths])
    found: dict[str, list[Line]] = {}
    for video, path, text in zip(videos, paths, texts, strict=True):
        if text is not None:
            read = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
            found[video] = [_timed(video, line, path, n) if timed else _numbered(line, path, n) for n, line in read]
    return found, notes


def _numbered(line: str, path: Path, number: int) -> Line:
    clip, mark, text = line.strip().partition(NUMBERED)
    if not mark or not clip.isdecimal():
        raise DataError(f"{path}: line {number} is {line[:60]!r}; it must be a segment's number, {NUMBERED}, its text.")
    return Line(clip, text.strip())


def _timed(video: str, line: str, path: Path, number: int) -> Line:
    """Ids of videos may hold the mark themselves, and so may texts."""
    parts = line.strip().removeprefix(f"{video}{TIMED}").split(TIMED, 3)
    try:
        clip, begin, end, text = parts
        interval = max(0.0, float(begin)), max(0.0, float(end))  # some begin before 0
        if not clip.isdecimal() or not all(map(math.isfinite, interval)):
            raise ValueError
    except ValueError as error:
        right = TIMED.join(("video", "segment", "begin", "end", "text"))
        raise DataError(f"{path}: line {number} is {line[:60]!r}; it must be {right}, of this video.") from error
    return Line(clip, text.strip(), interval)
