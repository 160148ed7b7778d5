"""Spans of a sequence of states that a training step does not see (SpecAugment, Park et al. 2019, as in UEGD)."""

from dataclasses import dataclass

import numpy as np

from ensemble.blocks import Array


@dataclass(frozen=True)
class Spans:
    """How many spans of one axis are masked; each is shorter than ``share`` of it, and may be empty."""

    count: int
    share: float

    def draw(self, size: int, layers: int, random: np.random.Generator) -> list[list[tuple[int, int]]]:
        """Starts and ends, of each layer its own; none where the longest would be empty."""
        longest = int(self.share * size)
        if not (longest and self.count):
            return [[] for _ in range(layers)]
        widths = random.integers(longest, size=(layers, self.count))
        starts = random.integers(size - widths + 1)
        return [list(zip(*both, strict=True)) for both in zip(starts.tolist(), (starts + widths).tolist(), strict=True)]


@dataclass(frozen=True)
class Masks:
    """``frames`` and ``features`` of a sequence that are masked; the paper's are at most two of 20 % and ten of 2 %."""

    frames: Spans = Spans(2, 0.2)
    features: Spans = Spans(10, 0.02)

    def apply(self, states: Array, random: np.random.Generator) -> None:
        """Fill spans of (layers, frames, width) states with the mean of their layer, in place."""
        layers, frames, width = states.shape
        in_time = self.frames.draw(frames, layers, random)
        across = self.features.draw(width, layers, random)
        means = states.mean(axis=(1, 2), dtype=np.float32)
        for layer, mean, times, features in zip(states, means, in_time, across, strict=True):
            for start, end in features:
                layer[:, start:end] = mean
            for start, end in times:
                layer[start:end] = mean
