"""Sequences of states under a frozen encoder: computed once per content, for every fold, epoch, task and learner."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from base_models.sequences.layers import Layer, numbered
from ensemble.blocks import Array, Ragged
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint

KEPT = 1  # of our own handling; raise it when the same content gives other states

log = logging.getLogger("ensemble")


class SequenceEncoder(Protocol):
    """A frozen network that makes of each content a sequence: of a sound, a video's frames, a text's tokens."""

    model: str
    modality: str  # what of a post it encodes
    contents: str  # their name in messages: "sounds"
    block: int  # how many of them are encoded, and kept, together

    @property
    def key(self) -> str:
        """Fingerprint of everything that decides the states but contents and layer; loads nothing."""
        ...

    @property
    def layers(self) -> int:
        """How many blocks it has."""
        ...

    @property
    def width(self) -> int:
        """How long the last layer's states are."""
        ...

    def encode(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        """Of each layer the (steps, width) float16 states of each of these rows, in one pass; no steps where a content
        cannot be read. A content has the same states alone and in any company.

        Raises LearnerError for a layer there is not.
        """
        ...


class SequenceStates:
    """Float16 states (steps, width) of posts' contents, of one or several ``layers``, each kept in a folder of its own
    of ``cache`` as long as there is room. Raises LearnerError without a layer: of all of an encoder that tells none
    apart."""

    def __init__(self, encoder: SequenceEncoder, layers: Sequence[Layer], cache: FeatureCache) -> None:
        if not layers:
            raise LearnerError(f'{encoder.model}: its layers cannot be told apart; "last" is its only one.')
        self.encoder = encoder
        self.layers = tuple(layers)
        self.cache = cache

    @cached_property
    def numbered(self) -> tuple[Layer, ...]:
        """The layers, counted from the beginning, which takes a look at the network where one is counted from the
        end."""
        return tuple(
            numbered(layer, self.encoder.layers, self.encoder.model) if isinstance(layer, int) and layer < 0 else layer
            for layer in self.layers
        )

    @cached_property
    def keys(self) -> list[str]:
        """The name of each layer in the cache."""
        begin = f"states-{self.encoder.modality}-"
        return [begin + fingerprint([KEPT, self.encoder.key, layer]) for layer in self.numbered]

    def fill(self, data: Dataset) -> bool:
        """Encode what the cache does not hold, as long as there is room, all layers in one pass; whether it now holds
        all. A killed run goes on with the same blocks."""
        layers = dict(zip(self.keys, self.numbered, strict=True))

        def encode(keys: Sequence[str], rows: Sequence[int]) -> list[Ragged]:
            return self._encoded(data, rows, [layers[key] for key in keys])

        encoder, names = self.encoder, data.keys(self.encoder.modality)
        label = f"blocks of {encoder.block} {encoder.contents} encoded"
        self.cache.fill_together(list(layers), names, encode, encoder.block, label)
        known = {name for name in names if name is not None}
        return all(self.cache.count(key, known) == len(known) for key in layers)

    def find(self, data: Dataset) -> list[list[Array | None]]:
        """By layer, what the cache holds of each of these rows, memory-mapped; None where it holds nothing."""
        names = data.keys(self.encoder.modality)
        for key in self.keys:
            self.cache.count(key, ())  # what other processes have kept is seen from here on
        return [self.cache.find(key, names) for key in self.keys]

    def read(self, data: Dataset) -> list[list[Array | None]]:
        """By layer, the states of each of these rows, from the cache or else from the encoder; None where a post has no
        such content."""
        names = data.keys(self.encoder.modality)
        found = self.find(data)
        absent = [row for row, name in enumerate(names) if name is not None and any(of[row] is None for of in found)]
        if absent:
            for of, encoded in zip(found, self._encoded(data, absent, self.numbered), strict=True):
                for place, row in enumerate(absent):
                    of[row] = encoded[place]
        return found

    def _encoded(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        """By layer, straight from the encoder. Raises LearnerError where states are no finite numbers in float16."""
        made = self.encoder.encode(data, rows, layers)
        for layer, states in zip(layers, made, strict=True):
            if not np.isfinite(states.flat).all():
                raise LearnerError(
                    f"{self.encoder.model}, layer {layer}: states of {self.encoder.contents} are no finite numbers in "
                    "half precision; choose another layer."
                )
        return made


def warn_of_cut(encoder: SequenceEncoder) -> None:
    """Say of how many files that a clips' encoder has read the end was left out, and why."""
    cut: Mapping[Path, str] = getattr(encoder, "cut", {})
    for why, count in Counter(filter(None, cut.values())).items():
        log.warning("%s: %d of %d %s are cut: %s.", encoder.model, count, len(cut), encoder.contents, why)
