"""Posts shown in the report: their images as small data URIs, their texts cut to what fits a card."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from ensemble.content.images import Unreadable, open_image, resolve_inside
from ensemble.errors import DataError
from meta.records import LabelIssue
from meta.wording import printable

MAX_SIDE, MAX_BYTES = 240, 15_000
QUALITIES = (75, 60, 45, 30, 15)
MAX_TEXT = 220
MAX_IMAGES = 120  # on the whole page, which stays under 5 MB


@dataclass(frozen=True)
class PostCard:
    """``image`` is a data URI, or None with the reason in ``problem``; ``more`` characters were cut from ``text``."""

    post: LabelIssue
    text: str
    more: int
    image: str | None
    problem: str = ""


@dataclass(frozen=True)
class Gallery:
    """The first of ``total`` posts."""

    posts: Sequence[PostCard]
    total: int


def make_gallery(posts: Sequence[LabelIssue], root: Path, limit: int) -> Gallery:
    """The first ``limit`` posts, with images from below ``root``."""
    return Gallery([_card(post, root) for post in posts[:limit]], len(posts))


def posts_per_gallery(galleries: int) -> int:
    """How many posts each of so many galleries may show, so that the page stays small."""
    return max(min(MAX_IMAGES // max(galleries, 1), 8), 2)


def _card(post: LabelIssue, root: Path) -> PostCard:
    text = printable(post["text"] or "")
    image, problem = thumbnail(root, post["image"], str(post["id"]))
    return PostCard(post, text[:MAX_TEXT], max(len(text) - MAX_TEXT, 0), image, problem)


def thumbnail(root: Path, relative: str | None, row: str) -> tuple[str | None, str]:
    """A small JPEG as a data URI and no problem, or None and why there is no picture."""
    if not relative:
        return None, "no image"
    try:
        image = open_image(resolve_inside(root, relative, row), draft=MAX_SIDE)
    except (Unreadable, DataError) as error:
        return None, "outside the image folder" if isinstance(error, DataError) else str(error)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return "data:image/jpeg;base64," + b64encode(_compressed(Image.fromarray(np.asarray(image)))).decode(), ""


def _compressed(image: Image.Image) -> bytes:
    """JPEG bytes at the best quality that keeps to the size; made from bare pixels, so the file's EXIF is gone."""
    for quality in QUALITIES:
        buffer = BytesIO()
        image.save(buffer, format="JPEG", quality=quality, optimize=True)
        if buffer.tell() <= MAX_BYTES:
            break
    return buffer.getvalue()
