"""Time masks: spans of a sound that a step of the training does not hear."""

from dataclasses import dataclass

import numpy as np

from base_models.neural.sampling import Drawn, seed_of
from ensemble.blocks import Features


@dataclass(frozen=True)
class TimeMasks:
    """``count`` spans of up to ``share`` of the sound each, anywhere in it, that may overlap; the two multiplied are
    below 1, so that something is always heard.

    SpecAugment's (Park et al. 2019), where the sound's mean stands for what is hidden.
    """

    count: int
    share: float

    def __call__(self, inputs: Features, drawn: Drawn) -> Features:
        """(steps, ...) inputs with the masks of this seed, epoch and row; those that are given stay as they are."""
        random = np.random.default_rng(seed_of(drawn))
        masked, mean = inputs.copy(), inputs.mean(axis=0)
        for _ in range(self.count):
            width = random.integers(int(self.share * len(inputs)) + 1)
            start = random.integers(len(inputs) - width + 1)
            masked[start : start + width] = mean
        return masked
