"""One vector per sound or video, from the vectors of its steps."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from base_models.sequences.layers import Layer
from base_models.sequences.states import SequenceEncoder, SequenceStates, warn_of_cut
from ensemble.blocks import Array, Block, Features, Ragged
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache, Request
from ensemble.system.files import fingerprint

POOLED_AT_ONCE = 4  # contents: all layers of long ones take gigabytes
POOLED = 1  # raise it when the same states give other features
SequencePooling = Literal["mean", "mean_std", "max"]


def pool_steps(states: Array, pooling: SequencePooling) -> Features:
    """(width,) of (steps, width), or (2 width,) of "mean_std": the mean, then the deviation (statistics pooling)."""
    exact: Features = np.asarray(states, dtype=np.float32)
    mean: Features = exact.mean(axis=0)
    if pooling == "mean_std":
        return np.concatenate([mean, exact.std(axis=0)])
    return np.asarray(exact.max(axis=0)) if pooling == "max" else mean


class ClipEncoder(SequenceEncoder, Protocol):
    """Of sounds or videos; ``cut`` says of each file that it has read why its end was left out, "" where it was not."""

    cut: dict[Path, str]


class PooledStates:
    """Features of sounds or videos: the states of one layer, pooled over their steps."""

    def __init__(self, encoder: ClipEncoder, layer: Layer, pooling: SequencePooling, cache: FeatureCache) -> None:
        self.encoder = encoder
        self.states = SequenceStates(encoder, [layer], cache)
        self.pooling = pooling

    @property
    def key(self) -> str:
        """Their name in the cache."""
        return f"{self.encoder.modality}-" + fingerprint([POOLED, self.states.keys, self.pooling])

    def request(self, data: Dataset) -> Request:
        """What to ask of the cache for these rows."""
        encoder = self.encoder
        label = f"blocks of {encoder.block} {encoder.contents} pooled"
        return self.key, data.keys(encoder.modality), partial(self._pool, data), encoder.block, label

    def fill(self, data: Dataset) -> None:
        """Fill the cache with features; where they are not all there, from states, and where these are not, from one
        pass of the encoder. That pools every layer, so that learners of the others need none, and keeps the states of
        this one if they find room; if not, what is pooled has the same bits."""
        cache, (own,) = self.states.cache, self.states.numbered
        known = {name for name in data.keys(self.encoder.modality) if name is not None}
        if cache.count(self.key, known) == len(known):
            return
        if cache.count(self.states.keys[0], known) == len(known):
            cache.fill(*self.request(data))
            return
        every = dict.fromkeys([own, *range(self.encoder.layers + 1), "last"])
        try:
            self.fill_layers(data, list(every), kept=True)
        except LearnerError:  # of a layer that nobody asked for, unless it comes again
            self.fill_layers(data, [own], kept=True)

    def fill_layers(self, data: Dataset, layers: Sequence[Layer], kept: bool = False) -> None:
        """Fill the cache with features of several layers, in one pass of the encoder; ``kept``: and with the states of
        the first of them."""
        cache, pooled = self.states.cache, [self._of(layer) for layer in layers]
        keys = ([pooled[0].states.keys[0]] if kept else []) + [one.key for one in pooled]

        def encode(lacking: Sequence[str], rows: Sequence[int]) -> list[Block]:
            states = SequenceStates(self.encoder, layers, cache)
            made: dict[str, list[Any]] = {key: [] for key in keys}
            for start in range(0, len(rows), POOLED_AT_ONCE):
                found = states.read(data.take(rows[start : start + POOLED_AT_ONCE]))
                for one, sequences in zip(pooled, found, strict=True):
                    made[one.key].extend(map(self._pooled, sequences))
                if kept:
                    made[keys[0]].extend(found[0])
            return [Ragged.of(made[key]) if key == keys[0] and kept else _stacked(made[key]) for key in lacking]

        encoder = self.encoder
        label = f"blocks of {encoder.block} {encoder.contents} encoded"
        cache.fill_together(keys, data.keys(encoder.modality), encode, encoder.block, label)
        warn_of_cut(encoder)

    def _of(self, layer: Layer) -> "PooledStates":
        return PooledStates(self.encoder, layer, self.pooling, self.states.cache)

    def _pool(self, data: Dataset, rows: Sequence[int]) -> Features:
        (sequences,) = self.states.read(data.take(rows))
        return _stacked([self._pooled(states) for states in sequences])

    def _pooled(self, states: Array | None) -> Features | None:
        return None if states is None or not len(states) else pool_steps(states, self.pooling)


def _stacked(pooled: Sequence[Features | None]) -> Features:
    """(rows, features); NaN where a content cannot be read."""
    width = max(1 if features is None else len(features) for features in pooled)
    return np.stack([np.full(width, np.nan, np.float32) if each is None else each for each in pooled])
