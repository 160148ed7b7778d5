"""Posts shown in the report: their media as small data URIs, their texts cut to what fits a card."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ensemble.modalities import BOTH, MODALITIES, Preview, get_modality
from meta.records import LabelIssue
from meta.wording import printable

MAX_TEXT = 220
MAX_IMAGES = 120  # on the whole page, which stays under 5 MB


@dataclass(frozen=True)
class PostCard:
    """``image`` is a data URI, or None with the reason in ``problem``; ``more`` characters were cut from ``text``.
    ``further`` are the names and previews of other modalities that the post has."""

    post: LabelIssue
    text: str
    more: int
    image: str | None
    problem: str = ""
    further: tuple[tuple[str, Preview], ...] = ()


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
    further = tuple(_further(post, root))
    return PostCard(post, text[:MAX_TEXT], max(len(text) - MAX_TEXT, 0), image, problem, further)


def _further(post: Mapping[str, object], root: Path) -> Iterator[tuple[str, Preview]]:
    """What the post has beside text and image: sounds, videos, any modality more."""
    for name in MODALITIES:
        cell = post.get(name)
        if name not in BOTH and isinstance(cell, str):
            preview = get_modality(name).preview(cell, root, str(post["id"]))
            yield name, replace(preview, text=printable(preview.text)[:MAX_TEXT])


def thumbnail(root: Path, relative: str | None, row: str) -> tuple[str | None, str]:
    """A small JPEG as a data URI and no problem, or None and why there is no picture."""
    preview = get_modality("image").preview(relative, root, row)
    return preview.media[0].uri if preview.media else None, preview.problem
