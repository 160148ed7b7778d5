"""Training views: a random part of the image, perhaps mirrored, slightly turned; of seed, epoch and row alone."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from base_models.neural.sampling import Drawn, seed_of
from base_models.visual.views import Pixels, Preprocessing


class Augmentation:
    """RandomResizedCrop, RandomHorizontalFlip and RandomRotation of torchvision v2.

    ``scale`` is the share of the image's area a crop covers, ``ratio`` its width by its height, ``degrees`` how far it
    turns to either side; corners that turn into view are black.
    """

    def __init__(
        self, preprocessing: Preprocessing, scale: tuple[float, float], ratio: tuple[float, float], degrees: float
    ) -> None:
        interpolation = InterpolationMode(preprocessing.interpolation)
        self._draw: Callable[[Image.Image], Image.Image] = v2.Compose(
            [
                v2.RandomResizedCrop(preprocessing.size, scale, ratio, interpolation),
                v2.RandomHorizontalFlip(),
                v2.RandomRotation(degrees, InterpolationMode.BILINEAR),
            ]
        )

    def __call__(self, pixels: Pixels, drawn: Drawn) -> Pixels:
        """(height, width, 3) of an image of any size."""
        with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator
            torch.default_generator.manual_seed(seed_of(drawn))
            return np.asarray(self._draw(Image.fromarray(pixels)))
