"""Posts as pairs of a text and an image, either of which may be missing or, in training, hidden."""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from base_models.neural.sampling import Batch, Drawn, Examples
from base_models.textual.source import TextSource
from base_models.visual.pixels import ImageSource
from ensemble.data import Dataset

Flags = npt.NDArray[np.bool_]


class Texts(Examples, Protocol):
    """A row of them has a length."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]: ...


class Images(Examples, Protocol):
    """Of so many ``views``; ``blank`` is what one view without an image holds."""

    @property
    def views(self) -> int: ...

    @property
    def blank(self) -> Batch: ...


class PairExamples:
    """What a joint network is fed with: ``texts`` of all rows, ``images`` of the rows that ``has_image``, in order.

    In training each modality of a row that has both is hidden with probability ``modality_dropout`` / 2, never both;
    drawn again in the same epoch a row loses the same.
    """

    def __init__(
        self, texts: Texts, images: Images, has_text: Flags, has_image: Flags, modality_dropout: float
    ) -> None:
        self.texts = texts
        self.images = images
        self.has_text = has_text
        self.has_image = has_image
        self.modality_dropout = modality_dropout
        self._position = np.cumsum(has_image) - 1

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return self.texts.lengths

    def batch(self, rows: Sequence[int]) -> Batch:
        """What stands for texts (``input_ids`` and ``attention_mask``) and for images (``pixels`` (rows, views, height,
        width, 3) uint8), blank where ``has_image`` (rows,) is False, as the text is padding where ``has_text`` is."""
        chosen = np.asarray(rows)
        seen = self.has_image[chosen]
        images = self.images.batch(self._position[chosen[seen]].tolist()) if seen.any() else None
        return self._batch(chosen, self.has_text[chosen], seen, images, (self.images.views,))

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """The same with one view each, ``pixels`` (rows, height, width, 3)."""
        chosen = np.array([row for _, _, row in drawn])
        shown_text, shown_image = self._shown(drawn, chosen)
        seen = zip(drawn, shown_image, strict=True)
        positions = [(seed, epoch, int(self._position[row])) for (seed, epoch, row), shown in seen if shown]
        images = self.images.augmented(positions) if positions else None
        return self._batch(chosen, shown_text, shown_image, images, ())

    def _batch(
        self,
        chosen: npt.NDArray[np.int64],
        has_text: Flags,
        has_image: Flags,
        images: Batch | None,
        views: tuple[int, ...],
    ) -> Batch:
        flags = {"has_text": torch.from_numpy(has_text), "has_image": torch.from_numpy(has_image)}
        blank = self.images.blank.items()
        canvas = {name: view.new_zeros((len(chosen), *views, *view.shape)) for name, view in blank}
        for name, seen in (images or {}).items():
            canvas[name][flags["has_image"]] = seen
        return {**self.texts.batch(chosen.tolist()), **canvas, **flags}

    def _shown(self, drawn: Sequence[Drawn], chosen: npt.NDArray[np.int64]) -> tuple[Flags, Flags]:
        text, image = self.has_text[chosen], self.has_image[chosen]
        if not self.modality_dropout:
            return text, image
        chance = np.array([np.random.default_rng(draw).random() for draw in drawn])
        both = text & image
        hide_text = both & (chance < self.modality_dropout / 2)
        hide_image = both & (chance > 1 - self.modality_dropout / 2)
        return text & ~hide_text, image & ~hide_image


class EncodedSource(Protocol):
    """Contents that frozen encoders have seen once, for every fold, epoch, task and learner."""

    def fill(self, data: Dataset) -> bool:
        """Encode what the cache does not hold, as long as there is room; whether it now holds all."""
        ...

    def texts(self, data: Dataset) -> Texts | None:
        """None where some are not kept."""
        ...

    def images(self, data: Dataset, views: int) -> Images | None:
        """Of rows that all have one; None where some are not kept."""
        ...


class PairSource:
    """How posts reach a joint network: as ``encoded`` where they are kept so, else as tokens and pixels.

    ``modality_dropout`` is for training; ``looked_at`` are the modalities that the network has.
    """

    def __init__(
        self,
        texts: TextSource,
        images: ImageSource,
        modality_dropout: float,
        encoded: EncodedSource | None = None,
        looked_at: Collection[str] = ("text", "image"),
    ) -> None:
        self.texts = texts
        self.images = images
        self.modality_dropout = modality_dropout
        self.encoded = encoded
        self.looked_at = looked_at

    @property
    def views(self) -> int:
        return self.images.views

    def fill(self, data: Dataset) -> None:
        """Decoded images are not needed beside what encoders made of them."""
        if "text" in self.looked_at:
            self.texts.fill(data)
        if self.encoded is None or not self.encoded.fill(data):
            self.images.fill(data)

    def read(self, data: Dataset) -> Dataset:
        return self.texts.read(data)

    def known(self, data: Dataset) -> npt.NDArray[np.intp]:
        has_text, has_image = present(data)
        return np.flatnonzero((has_text & ("text" in self.looked_at)) | (has_image & ("image" in self.looked_at)))

    def count(self, data: Dataset, read: Dataset) -> dict[str, int]:
        has_text, has_image = present(data)
        return {"rows": len(data), "without_text": int((~has_text).sum()), "without_image": int((~has_image).sum())}

    def examples(self, read: Dataset, views: int, training: bool) -> PairExamples:
        has_text, has_image = present(read)
        seen = read.take(has_image)
        texts = None if self.encoded is None else self.encoded.texts(read)
        images = None if self.encoded is None else self.encoded.images(seen, views)
        return PairExamples(
            self.texts.examples(read, 1, training) if texts is None else texts,
            self.images.examples(seen, views, training) if images is None else images,
            has_text,
            has_image,
            self.modality_dropout if training else 0.0,
        )


def present(data: Dataset) -> tuple[Flags, Flags]:
    """(rows,) whether there is a text, and an image."""
    has_text = np.array([text is not None for text in data.texts], dtype=bool)
    return has_text, np.array([key is not None for key in data.image_hashes()], dtype=bool)
