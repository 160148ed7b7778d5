"""Features of several encoders on one scale: the middle and the size of each block, where rows may be missing."""

import numpy as np

from ensemble.blocks import Features


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
