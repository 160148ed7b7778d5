"""Opening images that strangers posted: the only door through which image files come in."""

import os
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, PngImagePlugin, features

from ensemble.content.file_kinds import HEAD, why_no_file, why_unreadable
from ensemble.content.thumbnails import content_thumbnail
from ensemble.errors import DataError

# Formats whose decoders are in Pillow itself; none that starts another program (EPS does).
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
if features.check("avif"):  # wheels have it, a Pillow built without libavif does not
    FORMATS += ("AVIF",)
PngImagePlugin.MAX_TEXT_CHUNK = 16_000_000  # painting programs keep whole recipes in a comment
MAX_PIXELS = 64_000_000
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)  # refused below, in one line
DRAFT_SIDE = 256


class Unreadable(Exception):
    """One image cannot be used; the row goes on without it. The text is the reason."""


def resolve_inside(root: Path, relative: str, row: str, kind: str = "image") -> Path:
    """The path of a file below ``root``; raises DataError for one that leads out of it.

    Links that lie below the root are its owner's and followed: whole folders of images are often links to another disk.
    """
    path, written = root / relative, Path(os.path.abspath(root / relative))
    below = written.is_relative_to(os.path.abspath(root))
    if "\0" in relative or not (below or path.resolve().is_relative_to(root.resolve())):
        said = f"{kind} path {relative[:100]!r} leaves the {kind} folder {root}"
        raise DataError(f"Row {row!r}: {said}; it must stay inside.")
    return path


def open_image(source: Path | bytes, draft: int | None = None) -> Image.Image:
    """An upright RGB image, transparency on white, the first frame of an animation.

    With ``draft``, a JPEG is decoded at a fraction of its size, both sides at least this many pixels: much faster.

    Raises Unreadable for what is no image, is damaged, or would be larger than MAX_PIXELS once decoded.
    """
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Unreadable(f"{image.width}x{image.height} pixels, over the limit of {MAX_PIXELS:,}")
            if draft is not None:
                image.draft("RGB", (draft, draft))
            return to_rgb(ImageOps.exif_transpose(image))
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"over the limit of {MAX_PIXELS:,} pixels") from error
    except FileNotFoundError as error:
        raise Unreadable(why_no_file(Path(error.filename))) from error
    except Exception as error:  # decoders raise anything on damage: KeyError, TypeError, struct.error
        raise Unreadable(_reason(source, error)) from error


def _reason(source: Path | bytes, error: Exception) -> str:
    """Why a decoder gave up, as far as the first bytes or its own words tell."""
    truncated = any(word in str(error).lower() for word in ("truncated", "broken", "unexpected end"))
    return why_unreadable(source[:HEAD] if isinstance(source, bytes) else _first_bytes(source), truncated)


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB of any mode: 16-bit scaled, palettes expanded, transparency laid on white."""
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        peak = _white(image.mode, float(values.max(initial=0.0)))
        image = Image.fromarray((values.clip(0, peak) * (255.0 / peak)).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _white(mode: str, brightest: float) -> float:
    """What white is in a mode of more than eight bits, which the file does not say."""
    if mode.startswith("I;16") or brightest > 255:
        return 65535.0
    return 1.0 if mode == "F" and brightest <= 1 else 255.0


@dataclass(frozen=True)
class ImageInfo:
    """What one glance at an image gives: a thumbnail to compare, and why it is unusual, if it is.

    ``thumbnail`` is of its content; None when ``problem`` says why it cannot be read.
    """

    thumbnail: npt.NDArray[np.uint8] | None
    width: int = 0
    height: int = 0
    mode: str = ""
    frames: int = 1
    problem: str | None = None


def inspect_image(raw: bytes) -> ImageInfo:
    """Decode once, as small as the format allows, and describe; width and height are of the file."""
    try:
        image = open_image(raw, draft=DRAFT_SIDE)
        with Image.open(BytesIO(raw), formats=FORMATS) as original:
            (width, height), mode, frames = original.size, original.mode, _frames(original)
    except Unreadable as error:
        return ImageInfo(None, problem=str(error))
    return ImageInfo(content_thumbnail(image), width, height, mode, frames)


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # damage behind the first frame, which is the one we use
        return 1
