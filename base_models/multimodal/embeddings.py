"""Posts as embeddings of a frozen CLIP: each content is encoded once for every fold, epoch, task and learner."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from base_models.multimodal.clip_network import DualEncoder, make_dual_encoder, width_of
from base_models.neural.inference import device, predict_logits, rows_at_once
from base_models.neural.sampling import Batch, Drawn
from base_models.textual.tokens import TokenSource
from base_models.visual.pixels import ImageExamples, PixelSource
from base_models.weights import identity
from ensemble.blocks import Features
from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint

TEXT_BLOCK, IMAGE_BLOCK = 1024, 256
EMBEDDED = 1  # of our own handling; raise it when the same content gives another embedding


class Embeddings:
    """Of the ``looked_at`` modalities of posts, from ``cache``; of others, and where there is nothing, zeros.

    An image's is the mean over its views, made as long as one again. Nothing is loaded before the first content is
    encoded.
    """

    def __init__(
        self, model: str, tokens: TokenSource, pixels: PixelSource, looked_at: Collection[str], cache: FeatureCache
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.pixels = pixels
        self.looked_at = looked_at
        self.cache = cache

    def fill(self, data: Dataset) -> bool:
        """They find room everywhere."""
        self.texts(data)
        self.images(data, self.pixels.views)
        return True

    def texts(self, data: Dataset) -> "TextVectors":
        keys = data.text_hashes() if "text" in self.looked_at else [None] * len(data)
        return TextVectors(self._get("texts", self.tokens.key, keys, partial(self._encode_texts, data), TEXT_BLOCK))

    def images(self, data: Dataset, views: int) -> "ImageVectors":
        """Of however many ``views`` the mean, made once."""
        keys = data.image_hashes() if "image" in self.looked_at else [None] * len(data)
        size, mean, std = self.pixels.preprocessing.size, self.pixels.preprocessing.mean, self.pixels.preprocessing.std
        read = fingerprint([self.pixels.key, self.pixels.views, size, mean, std])
        return ImageVectors(self._get("images", read, keys, partial(self._encode_images, data), IMAGE_BLOCK))

    def prompts(self, sentences: Sequence[str]) -> Features:
        """(sentences, width) embeddings times the temperature by which CLIP compares."""
        frame = pd.DataFrame({"id": [str(number) for number in range(len(sentences))], "text": list(sentences)})
        posts = Dataset(frame.assign(image=None, part="train"), Path("."), ())
        encode = partial(self._encode_prompts, posts)
        return self._get("prompts", self.tokens.key, posts.text_hashes(), encode, TEXT_BLOCK)

    def _get(
        self, what: str, read: str, keys: Sequence[str | None], encode: Callable[[Sequence[int]], Features], block: int
    ) -> Features:
        """(rows, width)."""
        if not any(keys):
            return np.zeros((len(keys), width_of(self.model)), dtype=np.float32)
        name = f"clip-{what}-" + fingerprint([EMBEDDED, identity(self.model), read])
        vectors = self.cache.get(name, keys, encode, block, f"blocks of {block} {what} embedded")
        vectors[[key is None for key in keys]] = 0
        return vectors

    def _encode_texts(self, data: Dataset, rows: Sequence[int]) -> Features:
        examples = self.tokens.of(data.take(rows))
        return predict_logits(self._encoder(), examples, range(len(rows)), rows_at_once(None))

    def _encode_prompts(self, posts: Dataset, rows: Sequence[int]) -> Features:
        return self._encode_texts(posts, rows) * float(self._encoder().clip.logit_scale.exp())

    def _encode_images(self, data: Dataset, rows: Sequence[int]) -> Features:
        examples = ImageExamples(self.pixels.of(data.take(rows)), self.pixels.preprocessing.size, self.pixels.views)
        at_once = max(1, rows_at_once(None) // self.pixels.views)
        mean = predict_logits(self._encoder(), examples, range(len(rows)), at_once).mean(axis=1)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))

    def _encoder(self) -> DualEncoder:
        return load_encoder(self.model, fingerprint(identity(self.model)), self.tokens.max_length)


@lru_cache(maxsize=1)
def load_encoder(model: str, weights: str, max_length: int) -> DualEncoder:
    """Once per process and ``weights`` (their fingerprint)."""
    return make_dual_encoder(model, True, 0, max_length).eval().requires_grad_(False).to(device())


class TextVectors:
    """What a head is fed with for texts: (rows, width) embeddings."""

    def __init__(self, vectors: Features) -> None:
        self.vectors = torch.from_numpy(vectors)
        self.lengths: npt.NDArray[np.int64] = np.ones(len(vectors), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.vectors)

    def batch(self, rows: Sequence[int]) -> Batch:
        """``text`` (rows, width)."""
        return {"text": self.vectors[list(rows)]}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        return self.batch([row for _, _, row in drawn])


class ImageVectors:
    """What a head is fed with for images: (rows, width) embeddings, of one view each."""

    views = 1

    def __init__(self, vectors: Features) -> None:
        self.vectors = torch.from_numpy(vectors)

    @property
    def lengths(self) -> None:
        """All are alike."""

    @property
    def blank(self) -> Batch:
        return {"image": torch.zeros(self.vectors.shape[1])}

    def __len__(self) -> int:
        return len(self.vectors)

    def batch(self, rows: Sequence[int]) -> Batch:
        """``image`` (rows, 1, width)."""
        return {"image": self.vectors[list(rows), None]}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """``image`` (rows, width)."""
        return {"image": self.vectors[[row for _, _, row in drawn]]}
