"""Posts as pairs of a text and an image, either of which may be missing or, in training, hidden."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from base_models.neural.sampling import Batch, Drawn, Examples

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
        self._place = np.cumsum(has_image) - 1

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
        images = self.images.batch(self._place[chosen[seen]].tolist()) if seen.any() else None
        return self._batch(chosen, self.has_text[chosen], seen, images, (self.images.views,))

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """The same with one view each, ``pixels`` (rows, height, width, 3)."""
        chosen = np.array([row for _, _, row in drawn])
        shown_text, shown_image = self._shown(drawn, chosen)
        seen = zip(drawn, shown_image, strict=True)
        places = [(seed, epoch, int(self._place[row])) for (seed, epoch, row), shown in seen if shown]
        images = self.images.augmented(places) if places else None
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
        canvas = {name: one.new_zeros((len(chosen), *views, *one.shape)) for name, one in blank}
        for name, seen in (images or {}).items():
            canvas[name][flags["has_image"]] = seen
        return {**self.texts.batch(chosen.tolist()), **canvas, **flags}

    def _shown(self, drawn: Sequence[Drawn], chosen: npt.NDArray[np.int64]) -> tuple[Flags, Flags]:
        text, image = self.has_text[chosen], self.has_image[chosen]
        if not self.modality_dropout:
            return text, image
        chance = np.array([np.random.default_rng(one).random() for one in drawn])
        both = text & image
        hide_text = both & (chance < self.modality_dropout / 2)
        hide_image = both & (chance > 1 - self.modality_dropout / 2)
        return text & ~hide_text, image & ~hide_image
