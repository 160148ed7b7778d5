"""Posts shown in the report: their images as small data URIs, their texts cut to what fits a card."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble.modalities import get_modality
from meta.wording import plain

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
    text = plain(row["text"] or "")
    image, problem = picture(root, row["image"], str(row["id"]))
    return Post(row, text[:LETTERS], max(len(text) - LETTERS, 0), image, problem)


def picture(root: Path, relative: str | None, row: str) -> tuple[str | None, str]:
    """A small JPEG as a data URI and no problem, or None and why there is no picture."""
    preview = get_modality("image").preview(relative, root, row)
    return f"data:{preview.media};base64,{b64encode(preview.data).decode()}" if preview.media else None, preview.problem
