"""The modality image: each cell is the path of a file below the dataset's folder."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NotRequired, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image as Picture

from ensemble.content.copies import equal_pairs, near_pairs, without
from ensemble.content.file_cells import LostFiles, frequent_files, lost_files, lost_lines
from ensemble.content.image_scan import IMAGE_FILES, thumbnails
from ensemble.content.images import Unreadable, open_image, resolve_inside
from ensemble.content.neighbours import ALL, FOUND_IN_CELLS
from ensemble.errors import DataError
from ensemble.modalities import Cells, Media, Pairs, Preview, Scan
from ensemble.system.files import file_hash
from ensemble.system.progress import Track

MAX_SIDE, MAX_BYTES = 240, 15_000  # of a preview
QUALITIES = (75, 60, 45, 30, 15)


class ImageAudit(LostFiles):
    """Images by what is odd about them, the first few by name; ``modes`` counts readable ones by Pillow's mode.
    ``near_pairs_found`` is there where images are too many to compare all: the share of near-identical ones found."""

    modes: dict[str, int]
    animated: int
    near_pairs_found: NotRequired[float]


class Image:
    plural = "images"
    carries = ()
    copies_named: Mapping[str, str] = {
        "same_image_groups": "groups of identical images",
        "near_image_pairs": "near-identical image pairs",
    }

    def key(self, cell: str, root: Path) -> str:
        """SHA-256 of the file."""
        return file_hash(root / cell)

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        return IMAGE_FILES.scan(ids, cells, root, cache, track)

    def find_copies(self, cells: Cells, keys: Cells, scan: Scan) -> dict[str, Pairs]:
        """Files of equal bytes, and pictures that show the same; placeholders match nothing."""
        known = pd.Series(without(keys, self.find_placeholders(cells, keys)), dtype=object)
        positions, grey = thumbnails(scan)
        first = (known.notna() & ~known.duplicated()).to_numpy()[positions]
        near = near_pairs(positions[first], grey[first], scan.cache)
        return {"same_image": equal_pairs(known.tolist()), "near_image": near}

    def find_placeholders(self, cells: Cells, keys: Cells) -> dict[str, npt.NDArray[np.int64]]:
        """Files that very many posts share."""
        return frequent_files("image", cells, keys)

    def count_copies(self, pairs: Mapping[str, Pairs]) -> dict[str, int]:
        groups = np.unique(pairs["same_image"][:, 0])  # each is named by its first row
        return {"same_image_groups": len(groups), "near_image_pairs": len(pairs["near_image"])}

    def audit(self, frame: pd.DataFrame, cells: Cells, scan: Scan) -> ImageAudit:
        readable = scan.frame[scan.frame["content"].notna()]
        counts = {
            **lost_files(scan),
            "modes": {str(mode): int(count) for mode, count in readable["mode"].value_counts().items()},
            "animated": int((readable["frames"] > 1).sum()),
            **({"near_pairs_found": FOUND_IN_CELLS} if readable["hash"].nunique() > ALL else {}),
        }
        return cast(ImageAudit, counts)

    def audit_lines(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        lines = [
            *lost_lines(self.plural, found),
            ("image modes", ", ".join(f"{mode} {count:,}" for mode, count in found["modes"].items())),
            ("animated (first frame used)", f"{found['animated']:,}"),
        ]
        if "near_pairs_found" in found:
            share = f"about {100 * found['near_pairs_found']:.1f} %"
            lines.append((f"near-identical pairs found, of over {ALL:,} images", share))
        return lines

    def preview(self, cell: str | None, root: Path, row: str) -> Preview:
        """A small JPEG, or why there is none."""
        if not cell:
            return Preview(problem="no image")
        try:
            image = open_image(resolve_inside(root, cell, row), draft=MAX_SIDE)
        except (Unreadable, DataError) as error:
            return Preview(problem="outside the image folder" if isinstance(error, DataError) else str(error))
        return Preview(media=(small_jpeg(image),))


def small_jpeg(image: Picture.Image, side: int = MAX_SIDE) -> Media:
    """At most ``side`` wide and high, at the best quality that keeps to the size; made from bare pixels, so the file's
    EXIF is gone."""
    image.thumbnail((side, side), Picture.Resampling.LANCZOS)
    image = Picture.fromarray(np.asarray(image))
    for quality in QUALITIES:
        buffer = BytesIO()
        image.save(buffer, format="JPEG", quality=quality, optimize=True)
        if buffer.tell() <= MAX_BYTES:
            break
    return Media("image/jpeg", buffer.getvalue())
