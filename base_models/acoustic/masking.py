"""Time masks: spans of a sound that a step of the training does not hear."""

from dataclasses import dataclass

import numpy as np

from base_models.neural.sampling import Drawn, seed_of
from ensemble.blocks import Features
from ensemble.errors import LearnerError


@dataclass(frozen=True)
class TimeMasks:
    """``count`` spans of up to ``share`` of the sound each, anywhere in it, that may overlap; never the whole sound.

    SpecAugment's (Park et al. 2019), which has the sound's mean stand there.
    """

    count: int
    share: float

    def __post_init__(self) -> None:
        if self.count * self.share >= 1:
            raise LearnerError(
                f"acoustic: {self.count} time masks of up to {self.share:g} of a sound could hide all of it; time_masks "
                "times mask_share must be below 1."
            )

    def __call__(self, inputs: Features, drawn: Drawn) -> Features:
        """(steps, ...) inputs with the masks of this seed, epoch and row; those that are given stay as they are."""
        random = np.random.default_rng(seed_of(drawn))
        masked, mean = inputs.copy(), inputs.mean(axis=0)
        for _ in range(self.count):
            width = random.integers(int(self.share * len(inputs)) + 1)
            start = random.integers(len(inputs) - width + 1)
            masked[start : start + width] = mean
        return masked
