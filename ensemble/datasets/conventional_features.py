"""Conventional features of clips (Facet, COVAREP, GloVe and the like): published pickles made into one plain table."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.datasets.cmu import PARTS
from ensemble.datasets.pickled_arrays import MAX_DIMENSIONS, array_of, plain, read_arrays, text_of
from ensemble.errors import DataError, first_line, some
from ensemble.system.files import temporary_for, unwritable

FILE = "features.parquet"
NAMES = {"text": "text", "audio": "audio", "acoustic": "audio", "covarep": "audio"}
NAMES |= {"vision": "video", "visual": "video", "video": "video", "facet": "video"}
LABELS = ("regression_labels", "labels", "label")
IN_BRACKETS = re.compile(r"(.+)\[(\d+)\]")
ROWS_AT_ONCE = 256
MAX_GROWTH, SPARE = 4, 100_000_000  # times the file, and bytes: an array may be named again and again
Matrix = np.ndarray[Any, np.dtype[np.float32]]


class Features(TypedDict):
    """Of one modality: the ``width`` of its vectors; the fewest ``frames`` of a clip, the most, and the middle."""

    width: int
    frames: list[int]


class Converted(TypedDict):
    """What was written: the ``file``, ``rows`` by part, ``features`` by modality, and what was done to them."""

    file: str
    rows: dict[str, int]
    features: dict[str, Features]
    notes: list[str]


@dataclass(frozen=True)
class Clip:
    """``features`` are (frames, width) by modality; ``padded`` names those whose length nothing tells."""

    id: str
    part: str
    label: float | None
    text: str | None
    features: Mapping[str, Any]
    padded: frozenset[str]


@dataclass
class _Counts:
    """What is said of the clips that have been written."""

    rows: Counter[str] = field(default_factory=Counter)
    widths: dict[str, int] = field(default_factory=dict)
    lengths: dict[str, list[int]] = field(default_factory=dict)
    cut: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    bytes: int = 0


def convert_features(path: Path, out: Path) -> Converted:
    """Write ``out/features.parquet``: a row per clip, ``id, part, label, text`` and of each modality (frames, width).

    Raises DataError for a pickle that holds anything but arrays, or in another layout than MMSA's and MulT's (a dict of
    arrays by part) or MISA's and MAG-BERT's (a list of clips by part); and where the file is already there.
    """
    file = out / FILE
    if file.exists():
        raise DataError(f"{file} is already there; delete it, or give --out another name.")
    content = read_arrays(path)
    parts = {PARTS[name.lower()]: found for name, found in _items(content) if name.lower() in PARTS}
    if not parts:
        held = some([name[:40] for name, _ in _items(content)]) or type(plain(content)).__name__
        raise DataError(f"{path} has {held}; it must have parts called {', '.join(map(repr, PARTS))}.")
    clips = (clip for part, found in parts.items() for clip in _clips(found, part, path))
    counts = _Counts()
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(clips, file, counts, MAX_GROWTH * path.stat().st_size + SPARE, path)
    except OSError as error:
        raise unwritable(file, error) from error
    features = {
        name: Features(width=counts.widths[name], frames=np.quantile(lengths, [0, 1, 0.5]).astype(int).tolist())
        for name, lengths in counts.lengths.items()
    }
    return Converted(file=str(file), rows=dict(counts.rows), features=features, notes=_notes(counts))


def _items(content: Any) -> list[tuple[str, Any]]:
    return [(str(name), value) for name, value in content.items()] if isinstance(content, dict) else []


def _clips(found: Any, part: str, path: Path) -> Iterator[Clip]:
    if isinstance(found, dict):
        return _of_arrays(found, part, path)
    if isinstance(found, list | tuple):
        return (_of_one(one, part, n, path) for n, one in enumerate(found))
    raise DataError(f"{path}: its part {part!r} is a {type(plain(found)).__name__}; a dict or a list is read.")


def _of_arrays(found: Mapping[str, Any], part: str, path: Path) -> Iterator[Clip]:
    """Of MMSA and MulT: arrays of all clips, ``<name>_lengths`` beside them or not."""
    keys = {NAMES[name.lower()]: name for name, _ in _items(found) if name.lower() in NAMES}
    arrays = {name: plain(found[key]) for name, key in keys.items()}
    lengths = {name: plain(found.get(f"{key}_lengths")) for name, key in keys.items()}
    named = {name: plain(found[name]) for name in ("id", "raw_text", *LABELS) if name in found}
    rows = {name: len(value) for name, value in (arrays | named).items()}
    if not arrays or len(set(rows.values())) != 1:
        said = str(rows) if arrays else some([name[:40] for name, _ in _items(found)])
        right = "arrays of equally many clips are read, called text, audio, vision"
        raise DataError(f"{path}: its part {part!r} has {said}; {right}.")
    label = next((named[name] for name in LABELS if name in named), None)
    told = {name: value for name, value in lengths.items() if value is not None}
    for row in range(next(iter(rows.values()))):
        features = {name: plain(value[row]) for name, value in arrays.items()}
        features |= {name: features[name][: int(value[row])] for name, value in told.items()}
        yield Clip(
            _id_of(named["id"][row]) if "id" in named else f"{part}_{row}",
            part,
            None if label is None else _number(label[row]),
            text_of(named["raw_text"][row]) if "raw_text" in named else None,
            features,
            frozenset(arrays) - frozenset(told),
        )


def _of_one(found: Any, part: str, row: int, path: Path) -> Clip:
    """Of MISA and MAG-BERT: ((words, visual, acoustic, ...), label, segment)."""
    try:
        (words, video, audio, *_), label, name = found
    except (TypeError, ValueError) as error:
        where = f"{path}: clip {row} of its part {part!r}"
        raise DataError(f"{where} is not ((words, visual, acoustic), label, segment).") from error
    features = {"video": plain(video), "audio": plain(audio)}
    words = plain(words)
    vectors = isinstance(words, np.ndarray) and words.ndim == 2
    text = " ".join(map(text_of, words)) if isinstance(words, list) and isinstance(words[0], str) else None
    return Clip(_id_of(name), part, _number(label), text, features | ({"text": words} if vectors else {}), frozenset())


def _id_of(value: Any) -> str:
    """``video_clip`` for MMSA's ``video$_$clip`` and MAG-BERT's ``video[clip]``; of several values all, joined."""
    name = text_of(value).replace("$_$", "_")
    found = IN_BRACKETS.fullmatch(name)
    return f"{found[1]}_{found[2]}" if found else name


def _number(value: Any) -> float | None:
    """Of several the first, which is the sentiment."""
    for _ in range(MAX_DIMENSIONS):
        value = value[0] if isinstance(value, list | tuple) and value else value
    with suppress(TypeError, ValueError):
        found = np.ravel(array_of(value).astype(np.float64))
        return float(found[0]) if len(found) and np.isfinite(found[0]) else None
    return None


def _write(clips: Iterator[Clip], file: Path, counts: _Counts, limit: int, path: Path) -> None:
    """Raises DataError, and leaves nothing, for clips that cannot be in one table."""
    temporary, writer = temporary_for(file), None
    try:
        while batch := list(islice(clips, ROWS_AT_ONCE)):
            table = _table(batch, counts, limit, path)
            writer = writer or pq.ParquetWriter(temporary, table.schema)
            writer.write_table(table)
        if writer is None:
            raise DataError(f"{path} has no clips.")
        writer.close()
        temporary.replace(file)
    except (pa.ArrowException, MemoryError) as error:
        raise DataError(f"{path} cannot be written as a table ({first_line(error)[:200]}).") from error
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DataError(f"{path} has clips that are not understood ({first_line(error)[:200]}).") from error
    finally:
        if writer is not None:
            writer.close()
        temporary.unlink(missing_ok=True)


def _table(clips: Sequence[Clip], counts: _Counts, limit: int, path: Path) -> pa.Table:
    """(clips) rows; each modality is a list of frames, lists of equally many numbers."""
    columns: dict[str, Any] = {
        "id": pa.array([clip.id for clip in clips], pa.string()),
        "part": pa.array([clip.part for clip in clips], pa.string()),
        "label": pa.array([clip.label for clip in clips], pa.float64()),
        "text": pa.array([clip.text for clip in clips], pa.string()),
    }
    names = sorted(clips[0].features)
    for clip in clips:
        if sorted(clip.features) != (sorted(counts.widths) or names):
            held = f"has features of {sorted(clip.features)}, others of {sorted(counts.widths) or names}"
            raise DataError(f"{path}: clip {clip.id[:60]!r} {held}.")
    for name in names:
        sequences = [_frames(clip, name, counts, limit, path) for clip in clips]
        offsets = np.cumsum([0, *map(len, sequences)], dtype=np.int32)
        flat = pa.array(np.concatenate(sequences).ravel(), pa.float32())
        frames = pa.FixedSizeListArray.from_arrays(flat, counts.widths[name])
        columns[f"{name}_features"] = pa.ListArray.from_arrays(pa.array(offsets), frames)
    counts.rows.update(clip.part for clip in clips)
    return pa.table(columns)


def _frames(clip: Clip, name: str, counts: _Counts, limit: int, path: Path) -> Matrix:
    """(frames, width) finite numbers of one clip, without the zeros that fill it up."""
    where = f"{path}: clip {clip.id[:60]!r}"
    found = array_of(clip.features[name])
    if found.dtype.kind not in "biuf" or found.ndim not in (1, 2):
        raise DataError(f"{where} has {name} of {found.dtype} and {found.ndim} dimensions; frames of numbers are read.")
    made = np.array(np.atleast_2d(found), dtype=np.float32)
    if made.shape[1] != counts.widths.setdefault(name, made.shape[1]) or not made.shape[1]:
        raise DataError(f"{where} has {name} of the width {made.shape[1]}, others of {counts.widths[name]}.")
    counts.bytes += made.nbytes
    if counts.bytes > limit:
        raise DataError(f"{path}: its features would take over {limit:,} bytes, far more than the file itself.")
    odd = ~np.isfinite(made)
    made[odd] = 0
    counts.odd[name] += int(odd.sum())
    if name in clip.padded:
        full = np.flatnonzero(made.any(axis=1))
        kept = made[full[0] : full[-1] + 1] if len(full) else made[:0]
        counts.cut[name] += len(made) - len(kept)
        made = kept
    counts.lengths.setdefault(name, []).append(len(made))
    return made


def _notes(counts: _Counts) -> list[str]:
    cut = [f"{name}: {n:,} frames of zeros before and after clips, cut off" for name, n in counts.cut.items() if n]
    odd = [f"{name}: {n:,} values that are no finite numbers, now 0" for name, n in counts.odd.items() if n]
    none = {name: sum(not length for length in lengths) for name, lengths in counts.lengths.items()}
    return [*cut, *odd, *(f"{name}: nothing in {n:,} clips" for name, n in none.items() if n)]
