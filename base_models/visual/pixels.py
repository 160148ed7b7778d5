"""Images decoded and resized once, kept as uint8 in the feature cache for every fold, epoch, task and learner."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from base_models.neural.sampling import Batch, Drawn
from base_models.visual.augmentation import Augmentation
from base_models.visual.views import Pixels, Preprocessing, covered, cut, resize
from ensemble.blocks import Ragged
from ensemble.content.images import Unreadable, open_image
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint

BLOCK = 256
DECODED = 1  # of our own decoding and resizing; raise it when the same image gives other pixels
NOTHING = np.zeros((0, 0, 3), dtype=np.uint8)

log = logging.getLogger("ensemble")


class PixelSource:
    """(rows, columns, 3) pixels of posts' images, ready for ``views`` crops, from ``cache`` where they fit."""

    def __init__(self, preprocessing: Preprocessing, views: int, cache: FeatureCache) -> None:
        self.preprocessing = preprocessing
        self.views = views
        self.cache = cache

    @property
    def key(self) -> str:
        """Fingerprint of what decides the pixels: the size images are resized to, and how."""
        decisive = [DECODED, covered(self.preprocessing, self.views), self.preprocessing.interpolation]
        return "pixels-" + fingerprint([*decisive, "squashed"] if self.preprocessing.squashed else decisive)

    def fill(self, data: Dataset) -> None:
        """Decode every image that the cache does not hold, as long as there is room."""
        paths = [data.root / (path or "") for path in data.images]
        keys = data.image_hashes()
        label = f"blocks of {BLOCK} images decoded"
        self.cache.fill(self.key, keys, partial(self._decode, paths), BLOCK, label)
        absent = sum(pixels is None for pixels in self.cache.find(self.key, keys)) - keys.count(None)
        if absent:
            log.warning(
                "The image cache is full (run.image_bytes = %s): %d of %d images are decoded at every use.",
                f"{self.cache.image_bytes:,}",
                absent,
                len(keys) - keys.count(None),
            )

    def of(self, data: Dataset) -> "Images":
        """The images of these rows."""
        return Images(self, [data.root / (path or "") for path in data.images], data.image_hashes())

    def read(self, path: Path) -> Pixels:
        """Decode one image; empty where it cannot be read."""
        try:
            return np.asarray(resize(open_image(path), self.preprocessing, self.views))
        except Unreadable:
            return NOTHING

    def _decode(self, paths: Sequence[Path], rows: Sequence[int]) -> Ragged:
        return Ragged.of([self.read(paths[row]) for row in rows])


class Images:
    """Random access to the pixels of rows."""

    def __init__(self, source: PixelSource, paths: Sequence[Path], keys: Sequence[str | None]) -> None:
        self.source = source
        self.paths = paths
        self.keys = keys
        self._cached = source.cache.find(source.key, keys)

    def __getitem__(self, row: int) -> Pixels:
        """(rows, columns, 3) uint8; raises LearnerError where the image has gone since it was scanned."""
        cached = self._cached[row]
        pixels = self.source.read(self.paths[row]) if cached is None else cached
        if not pixels.size:
            raise LearnerError(
                f"{self.paths[row]} could be read when scanned and cannot be now; run the command again."
            )
        return pixels


class ImageExamples:
    """What an image network is fed with: drawn views for training, cut ones otherwise."""

    def __init__(
        self, images: Images, size: tuple[int, int], views: int, augmentation: Augmentation | None = None
    ) -> None:
        self.images = images
        self.size = size
        self.views = views
        self.augmentation = augmentation

    @property
    def lengths(self) -> None:
        """Images of one size are alike."""

    @property
    def blank(self) -> Batch:
        """One view of nothing."""
        return {"pixels": torch.zeros((*self.size, 3), dtype=torch.uint8)}

    def __len__(self) -> int:
        return len(self.images.keys)

    def batch(self, rows: Sequence[int]) -> Batch:
        """``pixels`` (rows, views, height, width, 3) uint8."""
        views = np.empty((len(rows), self.views, *self.size, 3), dtype=np.uint8)
        for row, into in zip(rows, views, strict=True):
            cut(self.images[row], self.size, self.views, into)
        return {"pixels": torch.from_numpy(views)}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """``pixels`` (rows, height, width, 3) uint8; the centre where nothing is drawn."""
        if self.augmentation is None:
            return {"pixels": torch.from_numpy(np.stack([cut(self.images[row], self.size, 1)[0] for *_, row in drawn]))}
        views = [self.augmentation(self.images[draw[2]], draw) for draw in drawn]
        return {"pixels": torch.from_numpy(np.stack(views))}


class ImageSource:
    """How images reach a network: decoded once, cut into ``pixels.views`` to predict, and to train augmented, or cut
    to the centre without an ``augmentation``."""

    def __init__(self, pixels: PixelSource, augmentation: Augmentation | None = None) -> None:
        self.pixels = pixels
        self.augmentation = augmentation

    @property
    def views(self) -> int:
        return self.pixels.views

    def fill(self, data: Dataset) -> None:
        self.pixels.fill(data)

    def read(self, data: Dataset) -> Dataset:
        return data

    def known(self, data: Dataset) -> npt.NDArray[np.intp]:
        return np.flatnonzero([key is not None for key in data.image_hashes()])

    def count(self, data: Dataset, read: Dataset) -> dict[str, int]:
        return {}

    def examples(self, read: Dataset, views: int, training: bool) -> ImageExamples:
        augmentation = self.augmentation if training else None
        return ImageExamples(self.pixels.of(read), self.pixels.preprocessing.size, views, augmentation)
