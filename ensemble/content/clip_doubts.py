"""What speaks against clips that can all be read: lengths unlike their intervals, and two clips with one content."""

import numpy as np
import numpy.typing as npt

from ensemble.content.duplicates import Duplicates
from ensemble.data import Dataset
from ensemble.errors import some
from ensemble.modalities import Scans, get_modality

OF_CLIPS = ("same_video", "near_video", "same_sound", "near_sound")  # of Duplicates.pairs
APART = (
    0.5  # seconds by which a file may differ from the interval it was cut by: cuts fall on frames, sounds are padded
)
SHOWN = 3


def clip_doubts(data: Dataset, scans: Scans, copies: Duplicates) -> list[str]:
    """A line each; nothing where the table has neither intervals nor groups."""
    return [*interval_doubts(data, scans), *_shared_in_groups(data, copies)]


def interval_doubts(data: Dataset, scans: Scans) -> list[str]:
    """Intervals of no length, and files that are longer or shorter than theirs (the column ``seconds``)."""
    if "seconds" not in data.frame or "seconds" in data.task_names:
        return []
    wanted = data.frame["seconds"].to_numpy(dtype=np.float64)
    empty = np.flatnonzero(wanted <= 0)
    lines = (
        [f"clips whose interval has no length: {len(empty):,} ({some(data.ids[empty], SHOWN)})"] if len(empty) else []
    )
    seen: list[list[str | None]] = []
    for name in ("video", "audio"):
        if name not in scans or (cells := data.cells(name)) in seen:  # one file is looked at once
            continue
        seen.append(cells)
        found = scans[name].frame["seconds"].to_numpy(dtype=np.float64)
        usable = np.array([cell is not None for cell in cells]) & (wanted > 0)
        apart = np.flatnonzero(usable & (np.abs(found - wanted) > APART))
        if len(apart):
            plural = get_modality(name).plural
            shown = [f"{data.ids[row]} {found[row]:.1f} s of {wanted[row]:.1f}" for row in apart[:SHOWN]]
            lines.append(
                f"{plural} whose length is over {APART} s from their interval's: {len(apart):,} of {usable.sum():,} "
                f"({', '.join(shown)}{', ...' if len(apart) > SHOWN else ''})"
            )
    return lines


def _shared_in_groups(data: Dataset, copies: Duplicates) -> list[str]:
    """Clips of one group, such as those cut from one video, of which one holds what another does."""
    pairs = _pairs(copies)
    if "group" not in data.frame or not len(pairs):
        return []
    group = data.frame["group"].to_numpy(dtype=object)
    shared = [f"{data.ids[a]} and {data.ids[b]}" for a, b in pairs.tolist() if group[a] and group[a] == group[b]]
    if not shared:
        return []
    more = ", ..." if len(shared) > SHOWN else ""
    said = f"pairs of clips of one group with the same content: {len(shared):,} ({', '.join(shared[:SHOWN])}{more})"
    return [f"{said}; in one file of each, most likely, is another clip than its name says"]


def _pairs(copies: Duplicates) -> npt.NDArray[np.int64]:
    """(n, 2) rows of pairs whose sound or moving picture is the same, each once."""
    found = [copies.pairs[name] for name in OF_CLIPS if name in copies.pairs]
    return np.unique(np.concatenate([np.empty((0, 2), dtype=np.int64), *found]), axis=0)
