"""Posts shown in the report: their images as small data URIs, their texts cut to what fits a card."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ensemble.content.images import Unreadable, open_image, resolve_inside
from ensemble.errors import DataError
from meta.wording import printable

SIDE, BYTES = 240, 15_000
QUALITIES = (75, 60, 45, 30, 15)
LETTERS = 220
PICTURES = 120  # on the whole page, which stays under 5 MB


@dataclass(frozen=True)
class Post:
    """``image`` is a data URI, or None with the reason in ``problem``; ``more`` letters were cut from ``text``."""

    row: Mapping[str, Any]
    text: str
    more: int
    image: str | None
    problem: str = ""


def posts(rows: Sequence[Mapping[str, Any]], root: Path, limit: int) -> list[Post]:
    """The first ``limit`` rows of a list of suspicious or hard posts, with images from below ``root``."""
    return [_post(row, root) for row in rows[:limit]]


def room(lists: int) -> int:
    """Posts that each of so many lists may show, so that the page stays small."""
    return max(min(PICTURES // max(lists, 1), 8), 2)


def _post(row: Mapping[str, Any], root: Path) -> Post:
    text = printable(row["text"] or "")
    image, problem = picture(root, row["image"], str(row["id"]))
    return Post(row, text[:LETTERS], max(len(text) - LETTERS, 0), image, problem)


def picture(root: Path, relative: str | None, row: str) -> tuple[str | None, str]:
    """A small JPEG as a data URI and no problem, or None and why there is no picture."""
    if not relative:
        return None, "no image"
    try:
        image = open_image(resolve_inside(root, relative, row), draft=SIDE)
    except (Unreadable, DataError) as error:
        return None, "outside the image folder" if isinstance(error, DataError) else str(error)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return "data:image/jpeg;base64," + b64encode(_squeezed(Image.fromarray(np.asarray(image)))).decode(), ""


def _squeezed(image: Image.Image) -> bytes:
    """JPEG bytes at the best quality that keeps to the size; made from bare pixels, so the file's EXIF is gone."""
    for quality in QUALITIES:
        buffer = BytesIO()
        image.save(buffer, format="JPEG", quality=quality, optimize=True)
        if buffer.tell() <= BYTES:
            break
    return buffer.getvalue()
