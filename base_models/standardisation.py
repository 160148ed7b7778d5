"""Features of several encoders on one scale, side by side, where rows may be missing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.blocks import Features


class Standardisation:
    """Each block (rows, width) of features is centred and scaled by the fit rows to a mean squared norm of one; rows
    that are NaN become zeros: the mean, which moves a probe in no direction. Learned: ``means_`` and ``scales_``."""

    def fit(self, blocks: Sequence[Features]) -> "Standardisation":
        self.means_ = [mean_of(block) for block in blocks]
        self.scales_ = [scale_of(block - mean) for block, mean in zip(blocks, self.means_, strict=True)]
        return self

    def transform(self, blocks: Sequence[Features]) -> Features:
        """(rows, all widths) side by side."""
        parts = [
            np.nan_to_num((widened(block, mean) - mean) / scale, nan=0.0)
            for block, mean, scale in zip(blocks, self.means_, self.scales_, strict=True)
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        means = {f"mean{number}": mean for number, mean in enumerate(self.means_)}
        return {**means, "scales": np.array(self.scales_, dtype=np.float32)}

    @classmethod
    def restored(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> "Standardisation":
        made = cls()
        made.scales_ = tensors["scales"].tolist()
        made.means_ = [tensors[f"mean{number}"] for number in range(len(made.scales_))]
        return made


def mean_of(block: Features) -> Features:
    known = block[~np.isnan(block).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.zeros(block.shape[1], dtype=np.float32)


def scale_of(centred: Features) -> float:
    """The root of the mean squared row norm over known rows; 1 where there is nothing to scale."""
    norms = np.square(centred[~np.isnan(centred).any(axis=1)]).sum(axis=1)
    return float(np.sqrt(norms.mean())) if len(norms) and norms.mean() > 0 else 1.0


def widened(block: Features, mean: Features) -> Features:
    """A block without any known row has no width of its own."""
    if block.shape[1] == len(mean):
        return block
    return np.full((len(block), len(mean)), np.nan, dtype=np.float32)
