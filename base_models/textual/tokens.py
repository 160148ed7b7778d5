"""Texts tokenised once, kept in the feature cache for every fold, epoch, task and learner of the same tokenizer."""

import logging
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import torch

from base_models.neural.sampling import Batch, Drawn
from base_models.textual.loading import load_tokenizer, tokenizer_identity
from ensemble.blocks import Array, Ragged
from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint

BLOCK = 4096
TOKENISED = 1  # of our own handling; raise it when the same text gives other tokens

log = logging.getLogger("ensemble")


class TokenSource:
    """The tokens of posts' texts, cut to ``max_length``, from ``cache``."""

    def __init__(self, model: str, lower: bool, max_length: int, cache: FeatureCache) -> None:
        self.model = model
        self.lower = lower
        self.max_length = max_length
        self.cache = cache

    @property
    def key(self) -> str:
        """Fingerprint of what decides the tokens but the texts."""
        return "tokens-" + fingerprint([TOKENISED, tokenizer_identity(self.model), self.lower, self.max_length])

    def fill(self, data: Dataset) -> None:
        """Tokenise every text that the cache does not hold."""
        label = f"blocks of {BLOCK} texts tokenised"
        texts = [text or "" for text in data.texts]
        self.cache.fill(self.key, data.text_hashes(), partial(self._tokenise, texts), BLOCK, label)

    def warn_of_cut(self, data: Dataset) -> None:
        """Once per process, where texts lose their ends."""
        kept = [array for array in self.cache.find(self.key, data.text_hashes()) if array is not None]
        warn_of_cut(self.model, sum(int(array[0]) >= len(array) for array in kept), len(kept), self.max_length)

    def of(self, data: Dataset) -> "TokenExamples":
        """The texts of these rows; a missing one is one padding token."""
        self.fill(data)
        padding = load_tokenizer(self.model).pad_token_id
        nothing = np.array([1, padding], np.int32)
        kept = self.cache.find(self.key, data.text_hashes())
        return TokenExamples([nothing if array is None else array for array in kept], padding)

    def _tokenise(self, texts: Sequence[str], rows: Sequence[int]) -> Ragged:
        """For each text the number of tokens it would have uncut, then its tokens: a text of none is one padding."""
        tokenizer = load_tokenizer(self.model)
        wanted = [texts[row].lower() if self.lower else texts[row] for row in rows]
        tokens = tokenizer(wanted, truncation=True, max_length=self.max_length, verbose=False)["input_ids"]
        lengths = [len(ids) for ids in tokens]
        full = [number for number, length in enumerate(lengths) if length >= self.max_length]
        if full:
            uncut = tokenizer([wanted[number] for number in full], verbose=False)["input_ids"]
            for number, ids in zip(full, uncut, strict=True):
                lengths[number] = len(ids)
        padding = tokenizer.pad_token_id
        return Ragged.of(
            [np.array([length, *(ids or [padding])], np.int32) for length, ids in zip(lengths, tokens, strict=True)]
        )


@lru_cache
def warn_of_cut(model: str, cut: int, texts: int, max_length: int) -> None:
    """Once per process, where some of so many texts lose their ends."""
    if cut:
        known = f"{model}: {cut:,} of {texts:,} texts are longer than max_length = {max_length} tokens"
        log.warning("%s and are cut; a larger max_length keeps them whole.", known)


class TokenExamples:
    """What a text network is fed with. ``uncut`` (texts,) is how many tokens each text had before it was cut."""

    def __init__(self, tokens: Sequence[Array], padding: int) -> None:
        self.uncut = np.array([array[0] for array in tokens], dtype=np.int64)
        self.lengths: npt.NDArray[np.int64] = np.array([len(array) - 1 for array in tokens], dtype=np.int64)
        self.padding = padding
        self._flat = np.concatenate([array[1:] for array in tokens]).astype(np.int64)
        self._starts = np.cumsum(self.lengths) - self.lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: Sequence[int]) -> Batch:
        """``input_ids`` and ``attention_mask`` (texts, tokens), padded on the right to the longest of these texts."""
        chosen = np.asarray(rows)
        lengths = self.lengths[chosen, None]
        positions = np.arange(lengths.max())
        real = positions < lengths
        ids = self._flat[np.where(real, self._starts[chosen, None] + positions, 0)]
        ids[~real] = self.padding
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(real.astype(np.int64))}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        return self.batch([row for _, _, row in drawn])


def count_texts(data: Dataset, examples: TokenExamples | None) -> Counter[str]:
    """What a job's record says of the texts of these rows; ``examples`` are those of the texts that are there."""
    texts = [text for text in data.texts if text is not None]
    return Counter(
        rows=len(data),
        missing=len(data) - len(texts),
        blank=sum(not text.strip() for text in texts),
        cut=0 if examples is None else int((examples.uncut > examples.lengths).sum()),
    )
