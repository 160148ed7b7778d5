"""Views of one decoded image for inference: the centre, four corners, and their mirror images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Views = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
WIDEST_CORNER_CROP = 0.875  # corners of a full-size crop would all be the centre
LONGEST = 8  # times the shorter side; what is longer (or a trap) is cut to its middle


@dataclass(frozen=True)
class Preprocessing:
    """What an encoder wants of its images: ``size`` (height, width) in pixels, channel means and deviations in 0..1.

    The image is resized so that a crop of ``size`` covers ``crop_share`` of its shorter side; where it is ``squashed``,
    of both its sides, whatever their proportion.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    crop_share: float
    squashed: bool = False

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Preprocessing":
        """From timm's data configuration of a model."""
        interpolation = config["interpolation"] if config["interpolation"] in RESAMPLING else "bicubic"
        mean, std = tuple(config["mean"]), tuple(config["std"])  # lists where they come from a folder's JSON
        return cls(tuple(config["input_size"][1:]), mean, std, interpolation, config["crop_pct"])

    @classmethod
    def restored(cls, record: dict[str, Any]) -> "Preprocessing":
        """From JSON of its fields."""
        fields: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in record.items()}
        return cls(**fields)


def resize(image: Image.Image, preprocessing: Preprocessing, views: int) -> Image.Image:
    """An RGB image, resized so that ``views`` crops can be cut from it, its sides in proportion if not squashed."""
    rows, columns = covered(preprocessing, views)
    if preprocessing.squashed:
        return image.resize((round(columns), round(rows)), RESAMPLING[preprocessing.interpolation])
    if max(image.size) > LONGEST * min(image.size):
        image = _middle(image)
    height, width = preprocessing.size
    scale = max(rows / image.height, columns / image.width)
    resized = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
    return image.resize(resized, RESAMPLING[preprocessing.interpolation])


def covered(preprocessing: Preprocessing, views: int) -> tuple[float, float]:
    """Height and width that a resized image covers, so that ``views`` crops can be cut from it."""
    share = preprocessing.crop_share if views <= 2 else min(preprocessing.crop_share, WIDEST_CORNER_CROP)
    return preprocessing.size[0] / share, preprocessing.size[1] / share


def _middle(image: Image.Image) -> Image.Image:
    longest = LONGEST * min(image.size)
    width, height = min(image.width, longest), min(image.height, longest)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def cut(
    pixels: npt.NDArray[Any], size: tuple[int, int], count: int, into: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """(count, height, width, channels) crops of (rows, columns, channels), written ``into`` an array if there is one.

    1 is the centre; 2 adds its mirror image; 5 is the four corners and the centre; 10 adds their mirror images, in the
    order of torchvision's TenCrop.
    """
    height, width = size
    down, right = pixels.shape[0] - height, pixels.shape[1] - width
    centre = (round(down / 2), round(right / 2))
    corners = [(0, 0), (0, right), (down, 0), (down, right)]
    positions = [centre] if count <= 2 else [*corners, centre]
    plain = [pixels[top : top + height, left : left + width] for top, left in positions]
    if count in (1, 5):
        return np.stack(plain, out=into)
    mirrored = np.ascontiguousarray(pixels[:, ::-1])  # once, for five crops would turn it pixel by pixel
    turned = [mirrored[top : top + height, left : left + width] for top, left in positions]
    return np.stack([*plain, *turned], out=into)


def make_views(image: Image.Image, preprocessing: Preprocessing, count: int) -> Views:
    """(count, 3, height, width) normalised crops of an RGB image."""
    pixels = np.asarray(resize(image, preprocessing, count), dtype=np.float32)
    mean, std = np.array(preprocessing.mean, np.float32) * 255, np.array(preprocessing.std, np.float32) * 255
    return cut((pixels - mean) / std, preprocessing.size, count).transpose(0, 3, 1, 2)
