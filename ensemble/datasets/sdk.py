"""CMU-MOSI and CMU-MOSEI as the CMU SDK has them: labels in a ``.csd`` file, transcripts, lists of the videos of each
part; put together as the table of clips that others publish."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ensemble.content.encodings import read_bytes
from ensemble.data import Floats
from ensemble.datasets.cells import strings
from ensemble.datasets.csd import ROOTS, Segments, read_csd
from ensemble.datasets.tables import ENCODING, NOTES, read_frame
from ensemble.datasets.transcripts import FOLDER, Line, read_transcripts
from ensemble.errors import DataError, first_line, some

LISTS = {"standard_train_fold": "train", "standard_valid_fold": "valid", "standard_test_fold": "test"}
MAX_LIST = 1_000_000  # bytes
CLOSE = 0.05  # seconds between an interval of the labels and the same one of the transcript
Row = tuple[str, str, str, str, float]


def read_sdk(path: Path, root: Path, parts: str | None) -> pd.DataFrame:
    """A row per labelled segment: ``video_id, clip_id, text, label, seconds, mode``; what was assumed in ``attrs``.

    ``parts`` is a file below ``root``: the SDK's own of lists of videos (``cmu_mosi_std_folds.py``; it is read, not
    run), or a table with ``video_id`` and ``mode``. Without it all segments are for training. Raises DataError.
    """
    name, videos = read_csd(path)
    modes = None if parts is None else _read_parts(root / parts)
    known = [video for video in videos if modes is None or video in modes]
    lines, notes = read_transcripts(root, known)
    timed = any(line.interval for found in lines.values() for line in found)
    rows: list[Row] = []
    lost: list[str] = []
    for video in known:
        found = _clips(video, videos[video], lines.get(video, [] if timed else None), timed, path)
        rows += [row for row in found if row is not None]
        lost += [video for row in found if row is None]
    columns = ["video_id", "clip_id", "text", "label", "seconds"]
    table = pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(1, len(rows) + 1, name="row"), dtype=object)
    table["mode"] = [modes[video] if modes else "train" for video in table["video_id"]]
    notes += _of_parts(modes, list(videos), parts) + _of_transcripts(lost, lines, known)
    notes += ("of its labels the sentiment is read, not the six emotions",) * (name == ROOTS[1])
    table.attrs |= {ENCODING: "utf-8", NOTES: tuple(f"{path.name}: {note}" for note in notes)}
    return table


def _clips(video: str, segments: Segments, lines: Sequence[Line] | None, timed: bool, path: Path) -> list[Row | None]:
    """One video's labelled segments; None for one that no line is about where lines tell their time: then nothing else
    says which clip it is."""
    intervals = np.maximum(segments.intervals, 0)  # some begin before 0
    seconds = (intervals[:, 1] - intervals[:, 0]).tolist()
    labels = ["" if np.isnan(label) else repr(float(label)) for label in segments.labels[:, 0]]
    if timed:
        found = [_nearest(interval, lines or []) for interval in intervals]
    else:
        found = list(_in_order(video, intervals[:, 0], lines, path))
    clips = zip(found, labels, seconds, strict=True)
    return [(video, line.clip, line.text, label, length) if line else None for line, label, length in clips]


def _in_order(video: str, begins: Floats, lines: Sequence[Line] | None, path: Path) -> list[Line]:
    """The line of each segment, of which the first is 1; raises DataError where that cannot be told."""
    if (np.diff(begins) < 0).any():
        raise DataError(f"{path}: the intervals of video {video!r} do not ascend, so which clip is which is not told.")
    numbers = list(range(1, len(begins) + 1))
    if lines is None:
        return [Line(str(number), "") for number in numbers]
    by_number = {int(line.clip): line for line in lines}
    if len(by_number) < len(lines) or sorted(by_number) != numbers:
        said = f"video {video!r} has {len(begins):,} labels and a transcript of {len(lines):,} lines"
        raise DataError(f"{path}: {said}, numbered otherwise: which belongs to which cannot be told.")
    return [by_number[number] for number in numbers]


def _nearest(interval: Floats, lines: Sequence[Line]) -> Line | None:
    apart = [float(np.abs(np.subtract(line.interval or (0.0, 0.0), interval)).max()) for line in lines]
    nearest = min(range(len(lines)), key=apart.__getitem__, default=None)
    return None if nearest is None or apart[nearest] > CLOSE else lines[nearest]


def _read_parts(path: Path) -> dict[str, str]:
    """The mode of each video."""
    if path.suffix == ".py":
        modes = [(video, mode) for mode, videos in _lists(path).items() for video in videos]
    else:
        table = read_frame(path, ["video_id", "mode"])
        modes = list(zip(strings(table["video_id"], path), strings(table["mode"], path), strict=True))
    found = {video: mode for video, mode in modes if video and mode}
    twice = [video for video, mode in modes if video and mode and found[video] != mode]
    if twice:
        raise DataError(f"{path}: videos are in several parts: {some(dict.fromkeys(twice))}; each must be in one.")
    return found


def _lists(path: Path) -> dict[str, Sequence[str]]:
    """The lists of a Python file, which is parsed and never run; raises DataError where they are no lists of texts."""
    raw = read_bytes(path)
    if raw is None:
        raise DataError(f"No such file: {path}.")
    found: dict[str, Sequence[str]] = {}
    try:
        for node in ast.parse(raw[:MAX_LIST]).body:
            names = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
            if isinstance(node, ast.Assign) and len(names) == 1 and names[0] in LISTS:
                found[LISTS[names[0]]] = ast.literal_eval(node.value)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise DataError(f"{path}: not a file of lists of videos ({first_line(error)[:100]}).") from error
    texts = all(isinstance(videos, list) and all(isinstance(one, str) for one in videos) for videos in found.values())
    if len(found) < len(LISTS) or not texts:
        raise DataError(f"{path}: it must have {', '.join(LISTS)}, each a list of ids of videos.")
    return found


def _of_parts(modes: Mapping[str, str] | None, videos: Sequence[str], parts: str | None) -> tuple[str, ...]:
    """Which videos have labels and no part, or a part and no labels."""
    if modes is None:
        return ("all clips are for training; data.parts names a file that says which are not",)
    apart = [video for video in videos if video not in modes]
    notes = [f"{len(apart):,} videos are left out, as {parts} has no part for them ({some(apart)})"] if apart else []
    for mode in dict.fromkeys(modes.values()):
        lost = [video for video, of in modes.items() if of == mode and video not in videos]
        notes += [f"{len(lost):,} videos of the part {mode!r} have no labels ({some(lost)})"] if lost else []
    return tuple(notes)


def _of_transcripts(lost: Sequence[str], lines: Mapping[str, object], videos: Sequence[str]) -> tuple[str, ...]:
    """Which labels are left out, and which texts lack."""
    if lost:
        said = f"{len(lost):,} labels are left out: no line of a transcript has their interval"
        return (f"{said} (videos {some(dict.fromkeys(lost))})",)
    if not lines:
        return (f"there are no transcripts in {FOLDER}, so clips are without texts, numbered by their intervals",)
    bare = [video for video in videos if video not in lines]
    return (f"{len(bare):,} videos have no transcript ({some(bare)})",) if bare else ()
