"""States of tokens under frozen encoders: computed once per text or image, for every fold, epoch, task and learner."""

import logging
from collections.abc import Callable, Sequence
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from base_models.neural.inference import device, predict_logits, rows_at_once
from base_models.neural.sampling import Batch, Drawn
from base_models.textual.tokens import TokenExamples, TokenSource
from base_models.visual.pixels import ImageExamples, Images, PixelSource
from base_models.weights import identity
from ensemble.blocks import Array, Ragged
from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint

BLOCK = 64
ENCODED = 1  # of our own handling; raise it when the same content gives other states

log = logging.getLogger("ensemble")


class StateSource:
    """Float16 states of posts' texts and images, from ``cache`` where they fit beside the decoded images; without
    ``tokens`` of images alone.

    ``load`` gives the encoders, called with ``pixels`` or with ``input_ids`` and ``attention_mask``; it is asked only
    where something is not known yet. ``settings`` are what else than the model's files decides what they give.
    """

    def __init__(
        self,
        model: str,
        load: Callable[[], nn.Module],
        tokens: TokenSource | None,
        pixels: PixelSource,
        cache: FeatureCache,
        settings: Sequence[object] = (),
    ) -> None:
        self.model = model
        self.load = load
        self.tokens = tokens
        self.pixels = pixels
        self.cache = cache
        self.settings = list(settings)

    @cached_property
    def text_key(self) -> str | None:
        if self.tokens is None:
            return None
        return "states-" + fingerprint([ENCODED, identity(self.model), self.tokens.key, *self.settings])

    @cached_property
    def image_key(self) -> str:
        size, mean, std = self.pixels.preprocessing.size, self.pixels.preprocessing.mean, self.pixels.preprocessing.std
        return "states-" + fingerprint(
            [ENCODED, identity(self.model), self.pixels.key, self.pixels.views, size, mean, std, *self.settings]
        )

    def fill(self, data: Dataset) -> bool:
        """Encode what the cache does not hold, as long as there is room; whether it now holds all."""
        absent = 0
        if self.tokens is not None and self.text_key is not None:
            encode = partial(self._encode_texts, self.tokens.of(data))
            absent += self._fill(self.text_key, data.text_hashes(), encode, "texts")
        encode = partial(self._encode_images, self.pixels.of(data))
        absent += self._fill(self.image_key, data.image_hashes(), encode, "images")
        if absent:
            log.warning(
                "The image cache has no room (run.image_bytes = %s): the encoders of %s run anew in every epoch.",
                f"{self.cache.image_bytes:,}",
                self.model,
            )
        return not absent

    def texts(self, data: Dataset) -> "TextStates | None":
        """The texts of these rows; None where some are not kept, or none is there."""
        states = None if self.text_key is None else self._kept(self.text_key, data.text_hashes())
        return None if states is None else TextStates(states)

    def images(self, data: Dataset, views: int) -> "ImageStates | None":
        """The images of these rows, which all have one; None where some are not kept, or none is there."""
        states = self._kept(self.image_key, data.image_hashes())
        return None if states is None else ImageStates([state for state in states if state is not None], views)

    def _fill(self, key: str, keys: Sequence[str | None], encode: Callable[[Sequence[int]], Ragged], what: str) -> int:
        """How many found no room. By a first block it is seen whether all will: some alone would serve nobody."""
        contents = list(dict.fromkeys(name for name in keys if name is not None))
        ahead, label = set(contents[:BLOCK]), f"blocks of {BLOCK} {what} encoded"
        self.cache.fill(key, [name if name in ahead else None for name in keys], encode, BLOCK, label)
        sizes = [states.nbytes for states in self.cache.find(key, contents) if states is not None]
        if sizes and np.mean(sizes) * (len(contents) - len(sizes)) <= self.cache.room():
            self.cache.fill(key, keys, encode, BLOCK, label)
        return self._absent(key, keys)

    def _kept(self, key: str, keys: Sequence[str | None]) -> list[Array | None] | None:
        whole = any(name is not None for name in keys) and not self._absent(key, keys)
        return self.cache.find(key, keys) if whole else None

    def _absent(self, key: str, keys: Sequence[str | None]) -> int:
        """How many contents have no states yet."""
        return sum(state is None for state in self.cache.find(key, keys)) - list(keys).count(None)

    @cached_property
    def _encoders(self) -> nn.Module:
        return self.load().to(device())

    def _encode_texts(self, texts: TokenExamples, rows: Sequence[int]) -> Ragged:
        """(tokens, width) each."""
        lengths = texts.lengths[np.asarray(rows)]
        even = _Even(self._encoders, int(lengths.max()))
        states = predict_logits(even, texts, rows, rows_at_once(None)).astype(np.float16)
        return Ragged.of([state[:length] for state, length in zip(states, lengths, strict=True)])

    def _encode_images(self, images: Images, rows: Sequence[int]) -> Ragged:
        """(views, patches + 1, width) each."""
        views = self.pixels.views
        examples = ImageExamples(images, self.pixels.preprocessing.size, views)
        states = predict_logits(self._encoders, examples, rows, max(1, rows_at_once(None) // views))
        return Ragged.of(list(_halved(states)))


class _Even(nn.Module):
    """States of texts of any batch, as long as the longest of all."""

    def __init__(self, encoders: nn.Module, longest: int) -> None:
        super().__init__()
        self.encoders = encoders
        self.longest = longest

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.encoders(**inputs)
        return F.pad(states, (0, 0, 0, self.longest - states.shape[1]))


def _halved(states: npt.NDArray[np.float32]) -> Array:
    """As float16; as they are where some are too large for it."""
    with np.errstate(over="ignore"):
        halves = states.astype(np.float16)
    return halves if np.isfinite(halves).all() else states


class TextStates:
    """What stands for texts; a missing one is one token of zeros."""

    def __init__(self, states: Sequence[Array | None]) -> None:
        width = next(state.shape[1] for state in states if state is not None)
        nothing = np.zeros((1, width), np.float16)
        self.states = [nothing if state is None else state for state in states]
        self.width = width
        self.lengths: npt.NDArray[np.int64] = np.array([len(state) for state in self.states], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.states)

    def batch(self, rows: Sequence[int]) -> Batch:
        """``text_states`` (texts, tokens, width) float16 and ``attention_mask`` (texts, tokens), padded on the right
        to the longest of these texts."""
        lengths = self.lengths[np.asarray(rows), None]
        mask = np.arange(lengths.max()) < lengths
        states = np.zeros((*mask.shape, self.width), np.float16)
        states[mask] = np.concatenate([self.states[row] for row in rows])
        return {"text_states": torch.from_numpy(states), "attention_mask": torch.from_numpy(mask.astype(np.int64))}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        return self.batch([row for _, _, row in drawn])


class ImageStates:
    """What stands for images: the states of their ``views``, which are all that are kept, or 1 for the centre."""

    def __init__(self, states: Sequence[Array], views: int) -> None:
        self.states = states
        self.views = views
        self.dtype = np.result_type(*{state.dtype for state in states})

    @property
    def lengths(self) -> None:
        """Images of one size are alike."""

    def __len__(self) -> int:
        return len(self.states)

    @property
    def blank(self) -> Batch:
        """One view of nothing."""
        return {"image_states": torch.from_numpy(np.zeros(self.states[0].shape[1:], self.dtype))}

    def batch(self, rows: Sequence[int]) -> Batch:
        """``image_states`` (rows, views, patches + 1, width), in half precision where their numbers are not too
        large."""
        views = [self._centre(row)[None] if self.views == 1 else self.states[row] for row in rows]
        return {"image_states": torch.from_numpy(np.stack(views))}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """``image_states`` (rows, patches + 1, width), of the same kind."""
        return {"image_states": torch.from_numpy(np.stack([self._centre(row) for *_, row in drawn]))}

    def _centre(self, row: int) -> Array:
        views = self.states[row]
        return np.asarray(views[4 if len(views) > 2 else 0])  # the corners come first, where there are any
