"""The small picture by which an image is compared with others: what is in it, without much plain ground around."""

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 96  # the words of a page of text can be told apart; at 64 only its lines
GROUND_SIDE = 256
PLAIN = 0.25  # of the strongest deviation from the ground, and at least PLAIN_GREY: more is content
PLAIN_GREY = 8
MOSTLY = 0.5

Thumbnails = npt.NDArray[np.uint8]  # (rows, SIDE, SIDE) grey levels


def content_thumbnail(image: Image.Image) -> Thumbnails:
    """(SIDE, SIDE) grey levels of the whole image; of its content alone where most of it is plain ground around."""
    grey = image.convert("L")
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=_content_box(grey)), dtype=np.uint8)


def _content_box(grey: Image.Image) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of what differs from the ground; None where that is most of the image."""
    small = np.asarray(grey.resize((GROUND_SIDE, GROUND_SIDE), Image.Resampling.BILINEAR), dtype=np.float32)
    ground = np.median(np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]]))
    distance = np.abs(small - ground)
    content = distance > max(PLAIN_GREY, PLAIN * distance.max())
    down, across = (np.flatnonzero(content.any(axis=axis)) for axis in (1, 0))
    if not len(down) or (np.ptp(down) + 1) * (np.ptp(across) + 1) >= MOSTLY * GROUND_SIDE**2:
        return None
    left, top, right, bottom = across[0], down[0], across[-1] + 1, down[-1] + 1
    width, height = grey.width / GROUND_SIDE, grey.height / GROUND_SIDE
    return float(left * width), float(top * height), float(right * width), float(bottom * height)
