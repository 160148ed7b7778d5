"""Views of one decoded image for inference: the centre, four corners, and their mirror images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Views = npt.NDArray[np.float32]

COUNTS = (1, 2, 5, 10)
RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
WIDEST_CORNER_CROP = 0.875  # corners of a full-size crop would all be the centre


@dataclass(frozen=True)
class Preprocessing:
    """What an encoder wants of its images: ``size`` (height, width) in pixels, channel means and deviations in 0..1.

    The image is resized so that a crop of ``size`` covers ``crop_share`` of its shorter side.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    crop_share: float


def make_views(image: Image.Image, how: Preprocessing, count: int) -> Views:
    """(count, 3, height, width) normalised crops of an RGB image.

    1 is the centre; 2 adds its mirror image; 5 is the four corners and the centre; 10 adds their mirror images.
    """
    height, width = how.size
    share = how.crop_share if count <= 2 else min(how.crop_share, WIDEST_CORNER_CROP)
    scale = max(height / share / image.height, width / share / image.width)
    resized = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
    pixels = np.asarray(image.resize(resized, RESAMPLING[how.interpolation]), dtype=np.float32)
    mean, std = np.array(how.mean, np.float32) * 255, np.array(how.std, np.float32) * 255
    normalised = ((pixels - mean) / std).transpose(2, 0, 1)
    down, right = normalised.shape[1] - height, normalised.shape[2] - width
    centre = (round(down / 2), round(right / 2))
    corners = [(0, 0), (0, right), (down, 0), (down, right)]
    places = [centre] if count <= 2 else [*corners, centre]
    sides = [normalised, normalised[..., ::-1]] if count in (2, 10) else [normalised]
    crops = [side[:, top : top + height, left : left + width] for side in sides for top, left in places]
    return np.stack(crops)
