"""The modality video: each cell is the path of a file of moving pictures below the dataset's folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from ensemble.content.audio import in_words, near_pairs_of, spread
from ensemble.content.clip_scan import VIDEO_FILES, read_stills
from ensemble.content.copies import equal_pairs, near_pairs, show_the_same, without
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
from ensemble.content.image import small_jpeg
from ensemble.content.image_scan import thumbnails
from ensemble.content.images import Unreadable, resolve_inside
from ensemble.content.sounds import alike_in_length
from ensemble.errors import DataError
from ensemble.modalities import Cells, Pairs, Preview, Scan
from ensemble.system.files import file_hash
from ensemble.system.progress import Track

APART = 0.2  # seconds by which sound and picture may differ in length
STILL_HEIGHT, STRIP = 120, 640  # pixels, of a frame and of all of them in a report


class VideoAudit(LostFiles):
    """Videos by what is odd about them; ``seconds`` are the shortest, the middle and the longest picture, ``rates``
    (frames a second) and ``sizes`` count files; ``apart`` are those whose sound and picture differ in length."""

    seconds: list[float]
    rates: dict[str, int]
    sizes: dict[str, int]
    varying_rate: int
    turned: int
    without_sound: int
    one_frame: int
    one_frame_first: list[str]
    apart: int
    apart_first: list[str]
    damaged: int
    damaged_first: list[str]


class Video:
    plural = "videos"
    carries = ("audio",)
    copies_named: Mapping[str, str] = {
        "same_video_groups": "groups of identical videos",
        "near_video_pairs": "near-identical pairs of videos",
    }

    def key(self, cell: str, root: Path) -> str:
        """SHA-256 of the file."""
        return file_hash(root / cell)

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        return VIDEO_FILES.scan(ids, cells, root, cache, track)

    def find_copies(self, cells: Cells, keys: Cells, scan: Scan) -> dict[str, Pairs]:
        """Files of equal bytes, and videos of about one length that show the same and sound the same; placeholders
        match nothing."""
        known = without(keys, self.find_placeholders(cells, keys))
        return {"same_video": equal_pairs(known), "near_video": _near_videos(known, scan)}

    def find_placeholders(self, cells: Cells, keys: Cells) -> dict[str, npt.NDArray[np.int64]]:
        """Files that very many posts share."""
        return frequent_files("video", cells, keys)

    def count_copies(self, pairs: Mapping[str, Pairs]) -> dict[str, int]:
        groups = np.unique(pairs["same_video"][:, 0])  # each is named by its first row
        return {"same_video_groups": len(groups), "near_video_pairs": len(pairs["near_video"])}

    def audit(self, frame: pd.DataFrame, cells: Cells, scan: Scan) -> VideoAudit:
        usable = (scan.frame["problem"].isna() & scan.frame["path"].notna()).to_numpy()
        shown = scan.frame[usable]
        picture, sound = (scan.frame[name].to_numpy(dtype=np.float64) for name in ("seconds", "sound_seconds"))
        one = usable & (scan.frame["frames"] == 1).to_numpy()
        apart = usable & (np.abs(picture - sound) > APART)
        lengths = [f"picture {long:.2f} s, sound {heard:.2f} s" for long, heard in zip(picture, sound, strict=True)]
        trouble = scan.frame["trouble"].where(usable, "")
        damaged = usable & (trouble != "").to_numpy()
        return {
            **lost_files(scan),
            "seconds": spread(picture[usable]),
            "rates": counted([f"{fps:.4g}" for fps in shown["fps"]]),
            "sizes": counted([f"{w}x{h}" for w, h in zip(shown["width"], shown["height"], strict=True)]),
            "varying_rate": int(shown["varies"].sum()),
            "turned": int((shown["turn"] != 0).sum()),
            "without_sound": int(shown["sound_seconds"].isna().sum()),
            "one_frame": int(one.sum()),
            "one_frame_first": some_files(scan, one),
            "apart": int(apart.sum()),
            "apart_first": some_files(scan, apart, lengths),
            "damaged": int(damaged.sum()),
            "damaged_first": some_files(scan, damaged, trouble.tolist()),
        }

    def audit_lines(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [
            *lost_lines(self.plural, found),
            ("videos damaged (what came is used)", with_first(found["damaged"], found["damaged_first"])),
            ("length of videos", in_words(found["seconds"])),
            ("frames a second", listed(found["rates"])),
            ("frame rate varies (read by time)", f"{found['varying_rate']:,}"),
            ("sizes of videos", listed(found["sizes"])),
            ("turned upright", f"{found['turned']:,}"),
            ("videos without sound", f"{found['without_sound']:,}"),
            ("videos of a single frame", with_first(found["one_frame"], found["one_frame_first"])),
            (f"sound and picture over {APART} s apart", with_first(found["apart"], found["apart_first"])),
        ]

    def preview(self, cell: str | None, root: Path, row: str) -> Preview:
        """Three frames side by side as a small JPEG, or why there are none."""
        if not cell:
            return Preview(problem="no video")
        try:
            stills = read_stills(resolve_inside(root, cell, row, "video"))
        except (Unreadable, DataError) as error:
            return Preview(problem="outside the video folder" if isinstance(error, DataError) else str(error))
        scales = [STILL_HEIGHT / still.height for still in stills]
        small = [s.resize((max(1, round(s.width * x)), STILL_HEIGHT)) for s, x in zip(stills, scales, strict=True)]
        strip = Image.new("RGB", (sum(still.width for still in small), STILL_HEIGHT))
        for n, still in enumerate(small):
            strip.paste(still, (sum(other.width for other in small[:n]), 0))
        return Preview(media=(small_jpeg(strip, STRIP),))


def _near_videos(keys: Sequence[Any], scan: Scan) -> Pairs:
    """Pairs whose three stills show the same; where both have sound, that is the same, too."""
    known: pd.Series[Any] = pd.Series(list(keys), dtype=object)
    positions, middle = thumbnails(scan, "middle")
    first = (known.notna() & ~known.duplicated()).to_numpy()[positions]
    pairs = near_pairs(positions[first], middle[first], scan.cache)
    seconds = scan.frame["seconds"].to_numpy(dtype=np.float64)
    pairs = pairs[alike_in_length(seconds[pairs[:, 0]], seconds[pairs[:, 1]])]
    for column in ("first", "last"):
        place = np.full(len(scan.frame), -1)
        place[positions] = np.arange(len(positions))
        greys = thumbnails(scan, column)[1]
        pairs = pairs[show_the_same(greys[place[pairs[:, 0]]], greys[place[pairs[:, 1]]])]
    heard = {tuple(pair) for pair in near_pairs_of(keys, scan, "seconds").tolist()}
    silent = scan.frame["print"].isna().to_numpy()
    agree = [silent[a] or silent[b] or (a, b) in heard for a, b in pairs.tolist()]
    chosen: Pairs = pairs[np.array(agree, dtype=bool)]
    return chosen
