"""One vector per sound or video, from the vectors of its steps."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from base_models.sequences.layers import Layer
from base_models.sequences.states import SequenceEncoder, SequenceStates
from ensemble.blocks import Array, Features
from ensemble.data import Dataset
from ensemble.features import FeatureCache, Request
from ensemble.system.files import fingerprint

POOLED = 1  # raise it when the same states give other features
SequencePooling = Literal["mean", "mean_std", "max"]

log = logging.getLogger("ensemble")


def pool_steps(states: Array, pooling: SequencePooling) -> Features:
    """(width,) of (steps, width), or (2 width,) of "mean_std": the mean, then the deviation (statistics pooling)."""
    exact: Features = np.asarray(states, dtype=np.float32)
    mean: Features = exact.mean(axis=0)
    if pooling == "mean_std":
        return np.concatenate([mean, exact.std(axis=0)])
    return np.asarray(exact.max(axis=0)) if pooling == "max" else mean


class ClipEncoder(SequenceEncoder, Protocol):
    """Of sounds or videos, which it cuts to ``max_seconds``, or to fewer; ``cut`` says of each file that it has read
    whether it was longer."""

    max_seconds: float
    cut: dict[Path, bool]

    @property
    def seconds(self) -> float:
        """To which it cuts."""
        ...


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
        """Fill the cache with features, and first, where they are not all there, with states. Where these find no room,
        the encoder is asked anew: what is pooled has the same bits."""
        request = self.request(data)
        known = {name for name in request[1] if name is not None}
        if self.states.cache.count(self.key, known) == len(known):
            return
        self.states.fill(data)
        self.states.cache.fill(*request)
        self._warn_of_cut()

    def _pool(self, data: Dataset, rows: Sequence[int]) -> Features:
        """(rows, features); NaN where a content cannot be read."""
        (sequences,) = self.states.read(data.take(rows))
        pooled = [
            None if states is None or not len(states) else pool_steps(states, self.pooling) for states in sequences
        ]
        width = max(1 if features is None else len(features) for features in pooled)
        return np.stack([np.full(width, np.nan, np.float32) if each is None else each for each in pooled])

    def _warn_of_cut(self) -> None:
        encoder, cut = self.encoder, sum(self.encoder.cut.values())
        if cut:
            known = f"{encoder.model}: {cut:,} of {len(encoder.cut):,} {encoder.contents} are longer than"
            if encoder.seconds < encoder.max_seconds:
                log.warning("%s %g seconds, all that it takes, and are cut.", known, encoder.seconds)
            else:
                why = "and are cut; a larger max_seconds keeps them whole"
                log.warning("%s max_seconds = %g %s.", known, encoder.max_seconds, why)
