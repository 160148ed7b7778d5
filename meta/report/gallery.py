"""Posts shown in the report: their images as small data URIs, their texts cut to what fits a card."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble.modalities import get_modality
from meta.records import LabelIssue
from meta.wording import printable

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
    preview = get_modality("image").preview(relative, root, row)
    return f"data:{preview.media};base64,{b64encode(preview.data).decode()}" if preview.media else None, preview.problem
