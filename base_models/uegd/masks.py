"""Spans of a sequence of states that a training step does not see (SpecAugment, Park et al. 2019, as in UEGD)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.blocks import Array
from ensemble.data import Codes


@dataclass(frozen=True)
class Spans:
    """How many spans of one axis are masked; each is shorter than ``share`` of it, and may be empty."""

    count: int
    share: float


@dataclass(frozen=True)
class Masks:
    """``frames`` and ``features`` of a sequence that are masked; the paper's are at most two of 20 % and ten of 2 %."""

    frames: Spans = Spans(2, 0.2)
    features: Spans = Spans(10, 0.02)

    def draw(self, lengths: Codes, layers: int, width: int, random: Sequence[np.random.Generator]) -> Codes:
        """(rows, layers, spans, 2) starts and ends, those of frames first, for sequences of (rows,) ``lengths``; each
        layer of a row draws its own, from that row's generator."""
        in_time = np.arange(self.frames.count + self.features.count) < self.frames.count
        sizes = np.where(in_time, lengths[:, None, None], width)
        longest = (np.where(in_time, self.frames.share, self.features.share) * sizes).astype(np.int64)
        chances = np.stack([generator.random((2, layers, len(in_time))) for generator in random], axis=1)
        widths = (chances[0] * longest).astype(np.int64)
        starts = (chances[1] * (sizes - widths + 1)).astype(np.int64)
        return np.stack((starts, starts + widths), axis=3)

    def apply(self, states: Array, lengths: Codes, means: Array, random: Sequence[np.random.Generator]) -> None:
        """Fill spans of (rows, layers, frames, width) states, of which ``lengths`` are real, with the (rows, layers)
        mean of their layer, in place."""
        _, layers, _, width = states.shape
        spans = self.draw(lengths, layers, width, random).tolist()
        for row, length, of_row, drawn in zip(states, lengths.tolist(), means.tolist(), spans, strict=True):
            for layer, mean, own in zip(row[:, :length], of_row, drawn, strict=True):
                for start, end in own[: self.frames.count]:
                    layer[start:end] = mean
                for start, end in own[self.frames.count :]:
                    layer[:, start:end] = mean
