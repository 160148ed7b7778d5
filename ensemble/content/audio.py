"""The modality audio: each cell is the path of a file below the dataset's folder, of a sound or of a video with one."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.content.clip_scan import SOUND_FILES
from ensemble.content.clips import RATE, Samples
from ensemble.content.copies import equal_pairs, without
from ensemble.content.file_cells import (
    LostFiles,
    counted,
    frequent_files,
    listed,
    lost_files,
    lost_lines,
    some_files,
    with_first,
)
from ensemble.content.images import Unreadable, resolve_inside
from ensemble.content.sounds import BANDS, COLUMNS, near_sounds, read_sound
from ensemble.errors import DataError
from ensemble.modalities import Cells, Media, Pairs, Preview, Scan
from ensemble.system.files import file_hash
from ensemble.system.progress import Track

QUIET = 1e-3  # of the greatest amplitude: 60 decibels below
ONE_FRAME = 0.025  # seconds that a speech encoder sees at once
PLAYED = 5.0  # seconds in a report
BITS = 24_000  # a second
BARS, BAR, HEIGHT = 80, 3, 48  # of a drawn waveform, pixels


class AudioAudit(LostFiles):
    """Sounds by what is odd about them; ``seconds`` are the shortest, the middle and the longest, ``rates`` and
    ``channels`` count files."""

    seconds: list[float]
    rates: dict[str, int]
    channels: dict[str, int]
    several_tracks: int
    silent: int
    silent_first: list[str]
    too_short: int
    too_short_first: list[str]
    damaged: int
    damaged_first: list[str]


class Audio:
    plural = "sounds"
    carries = ()
    copies_named: Mapping[str, str] = {
        "same_sound_groups": "groups of identical sounds",
        "near_sound_pairs": "near-identical pairs of sounds",
    }

    def key(self, cell: str, root: Path) -> str:
        """SHA-256 of the file."""
        return file_hash(root / cell)

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        return SOUND_FILES.scan(ids, cells, root, cache, track)

    def find_copies(self, cells: Cells, keys: Cells, scan: Scan) -> dict[str, Pairs]:
        """Files of equal bytes, and sounds that are the same to the ear; placeholders match nothing."""
        known = without(keys, self.find_placeholders(cells, keys))
        return {"same_sound": equal_pairs(known), "near_sound": near_pairs_of(known, scan, "seconds")}

    def find_placeholders(self, cells: Cells, keys: Cells) -> dict[str, npt.NDArray[np.int64]]:
        """Files that very many posts share."""
        return frequent_files("audio", cells, keys)

    def count_copies(self, pairs: Mapping[str, Pairs]) -> dict[str, int]:
        groups = np.unique(pairs["same_sound"][:, 0])  # each is named by its first row
        return {"same_sound_groups": len(groups), "near_sound_pairs": len(pairs["near_sound"])}

    def audit(self, frame: pd.DataFrame, cells: Cells, scan: Scan) -> AudioAudit:
        usable = (scan.frame["problem"].isna() & scan.frame["path"].notna()).to_numpy()
        seconds, peak = (scan.frame[name].fillna(0.0).to_numpy(dtype=np.float64) for name in ("seconds", "peak"))
        silent, short = usable & (peak < QUIET), usable & (seconds < ONE_FRAME)
        trouble = scan.frame["trouble"].where(usable, "")
        damaged = usable & (trouble != "").to_numpy()
        return {
            **lost_files(scan),
            "seconds": spread(seconds[usable]),
            "rates": counted([f"{rate:,} Hz" for rate in scan.frame["rate"][usable]]),
            "channels": counted(scan.frame["channels"][usable].tolist()),
            "several_tracks": int((scan.frame["tracks"][usable] > 1).sum()),
            "silent": int(silent.sum()),
            "silent_first": some_files(scan, silent),
            "too_short": int(short.sum()),
            "too_short_first": some_files(scan, short),
            "damaged": int(damaged.sum()),
            "damaged_first": some_files(scan, damaged, trouble.tolist()),
        }

    def audit_lines(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [
            *lost_lines(self.plural, found),
            ("sounds damaged (what came is used)", with_first(found["damaged"], found["damaged_first"])),
            ("length of sounds", in_words(found["seconds"])),
            ("sample rates", listed(found["rates"])),
            ("channels (their mean is used)", listed(found["channels"])),
            ("several sound tracks (one used)", f"{found['several_tracks']:,}"),
            ("silent sounds", with_first(found["silent"], found["silent_first"])),
            (f"sounds under {ONE_FRAME} s", with_first(found["too_short"], found["too_short_first"])),
        ]

    def preview(self, cell: str | None, root: Path, row: str) -> Preview:
        """The waveform, drawn, and the first seconds to play; or why there is neither."""
        if not cell:
            return Preview(problem="no sound")
        try:
            samples = read_sound(resolve_inside(root, cell, row, "audio")).samples
        except (Unreadable, DataError) as error:
            return Preview(problem="outside the audio folder" if isinstance(error, DataError) else str(error))
        return Preview(media=(waveform(samples), playable(samples)))


def near_pairs_of(keys: Sequence[Any], scan: Scan, length: str) -> Pairs:
    """Posts of near-identical sounds, each content once; ``length`` is the column of seconds."""
    known: pd.Series[Any] = pd.Series(list(keys), dtype=object)
    first = (known.notna() & ~known.duplicated() & scan.frame["print"].notna()).to_numpy()
    positions = np.flatnonzero(first)
    raw = b"".join(scan.frame["print"].iloc[positions])
    prints = np.frombuffer(raw, dtype=np.uint8).reshape(-1, BANDS, COLUMNS)
    return near_sounds(positions, prints, scan.frame[length].iloc[positions].to_numpy(dtype=np.float64))


def spread(seconds: npt.NDArray[np.float64]) -> list[float]:
    """The shortest, the middle and the longest; nothing of nothing."""
    return [round(float(np.quantile(seconds, share)), 3) for share in (0, 0.5, 1)] if len(seconds) else []


def in_words(seconds: Sequence[float]) -> str:
    return f"{seconds[0]:.2f} to {seconds[2]:.2f} s, half of them under {seconds[1]:.2f}" if seconds else ""


def waveform(samples: Samples) -> Media:
    """Bars as high as the sound is loud."""
    peaks = np.array([np.abs(part).max(initial=0.0) for part in np.array_split(samples, BARS)])
    heights = np.maximum(1, np.round(peaks / max(float(peaks.max()), QUIET) * HEIGHT)).astype(int)
    bars = "".join(f"M{n * BAR + 1} {(HEIGHT - h) / 2:g}v{h}" for n, h in enumerate(heights.tolist()))
    size = f'width="{BARS * BAR}" height="{HEIGHT}" viewBox="0 0 {BARS * BAR} {HEIGHT}"'
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><path d="{bars}" stroke="#6b7a8f" stroke-width="2"/></svg>'
    return Media("image/svg+xml", drawn.encode())


def playable(samples: Samples) -> Media:
    """The first PLAYED seconds as MP3, made from bare samples, so that nothing else of the file is in it."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=RATE, layout="mono")
        stream.bit_rate = BITS
        start = np.ascontiguousarray(samples[None, : round(PLAYED * RATE)])
        frame = av.AudioFrame.from_ndarray(start, format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Media("audio/mpeg", buffer.getvalue())
