"""The modality image: each cell is the path of a file below the dataset's folder."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image as Picture

from ensemble.content.copies import equal_pairs, is_frequent, near_pairs, positions_by_key, without
from ensemble.content.file_kinds import GONE
from ensemble.content.image_scan import NO_PATH, WRITTEN_OUT, scan_images, thumbnails
from ensemble.content.images import Unreadable, open_image, resolve_inside
from ensemble.errors import DataError, shortened
from ensemble.modalities import Cells, Pairs, Preview, Scan
from ensemble.system.files import file_hash, fingerprint
from ensemble.system.progress import Track

FEW = 5
MAX_SIDE, MAX_BYTES = 240, 15_000  # of a preview
QUALITIES = (75, 60, 45, 30, 15)


class ImageAudit(TypedDict):
    """Images by what is odd about them, the first few by name; ``modes`` counts readable ones by Pillow's mode."""

    missing: int
    missing_first: list[str]
    unreadable: int
    unreadable_first: list[str]
    modes: dict[str, int]
    animated: int


class Image:
    plural = "images"
    copies_named: Mapping[str, str] = {
        "same_image_groups": "groups of identical images",
        "near_image_pairs": "near-identical image pairs",
    }

    def key(self, cell: str, root: Path) -> str:
        """SHA-256 of the file."""
        return file_hash(root / cell)

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        kept = None if cache is None else cache / f"images-{fingerprint(str(root.resolve()))}.parquet"
        return scan_images(ids, cells, root, kept, track)

    def find_copies(self, cells: Cells, keys: Cells, scan: Scan) -> dict[str, Pairs]:
        """Files of equal bytes, and pictures that show the same; placeholders match nothing."""
        known = pd.Series(without(keys, self.find_placeholders(cells, keys)), dtype=object)
        positions, grey = thumbnails(scan)
        first = (known.notna() & ~known.duplicated()).to_numpy()[positions]
        return {"same_image": equal_pairs(known.tolist()), "near_image": near_pairs(positions[first], grey[first])}

    def find_placeholders(self, cells: Cells, keys: Cells) -> dict[str, npt.NDArray[np.int64]]:
        """Files that very many posts share."""
        found = positions_by_key(keys).values()
        return {f"image {cells[rows[0]]}": rows for rows in found if is_frequent(len(rows), len(cells))}

    def count_copies(self, pairs: Mapping[str, Pairs]) -> dict[str, int]:
        groups = np.unique(pairs["same_image"][:, 0])  # each is named by its first row
        return {"same_image_groups": len(groups), "near_image_pairs": len(pairs["near_image"])}

    def audit(self, frame: pd.DataFrame, cells: Cells, scan: Scan) -> ImageAudit:
        gone = scan.problems["problem"].isin([GONE, NO_PATH, WRITTEN_OUT])
        unreadable = scan.problems[~gone]
        readable = scan.frame[scan.frame["content"].notna()]
        return {
            "missing": int(scan.frame["path"].isna().sum() + gone.sum()),
            "missing_first": [shortened(str(path), 50) for path in scan.problems[gone]["path"].head(FEW)],
            "unreadable": len(unreadable),
            "unreadable_first": [
                f"{shortened(str(row.path), 50)}: {row.problem}" for row in unreadable.head(FEW).itertuples()
            ],
            "modes": {str(mode): int(count) for mode, count in readable["mode"].value_counts().items()},
            "animated": int((readable["frames"] > 1).sum()),
        }

    def audit_lines(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [
            ("images missing", _with_first(found["missing"], found["missing_first"])),
            ("images unreadable", _with_first(found["unreadable"], found["unreadable_first"])),
            ("image modes", ", ".join(f"{mode} {count:,}" for mode, count in found["modes"].items())),
            ("animated (first frame used)", f"{found['animated']:,}"),
        ]

    def preview(self, cell: str | None, root: Path, row: str) -> Preview:
        """A small JPEG, or why there is none."""
        if not cell:
            return Preview(problem="no image")
        try:
            image = open_image(resolve_inside(root, cell, row), draft=MAX_SIDE)
        except (Unreadable, DataError) as error:
            return Preview(problem="outside the image folder" if isinstance(error, DataError) else str(error))
        image.thumbnail((MAX_SIDE, MAX_SIDE), Picture.Resampling.LANCZOS)
        return Preview(media="image/jpeg", data=_compressed(Picture.fromarray(np.asarray(image))))


def _compressed(image: Picture.Image) -> bytes:
    """JPEG bytes at the best quality that keeps to the size; made from bare pixels, so the file's EXIF is gone."""
    for quality in QUALITIES:
        buffer = BytesIO()
        image.save(buffer, format="JPEG", quality=quality, optimize=True)
        if buffer.tell() <= MAX_BYTES:
            break
    return buffer.getvalue()


def _with_first(count: int, first: Sequence[str]) -> str:
    return f"{count:,}" + (f" ({', '.join(first)}{', ...' if count > len(first) else ''})" if first else "")
