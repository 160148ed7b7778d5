"""A block of features centred and scaled by what the rows that were fitted on have; missing rows are NaN."""

import numpy as np

from ensemble.blocks import Features


def mean_of(block: Features) -> Features:
    """(width,) of the known rows."""
    known = block[~np.isnan(block).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.zeros(block.shape[1], dtype=np.float32)


def scale_of(centred: Features) -> float:
    """The root of the mean squared row norm over known rows; 1 where there is nothing to scale."""
    norms = np.square(centred[~np.isnan(centred).any(axis=1)]).sum(axis=1)
    return float(np.sqrt(norms.mean())) if len(norms) and norms.mean() > 0 else 1.0


def standardise(block: Features, mean: Features, scale: float) -> Features:
    """Missing rows become zeros: the mean, which moves a probe in no direction."""
    if block.shape[1] != len(mean):  # without any known row it has no width of its own
        block = np.full((len(block), len(mean)), np.nan, dtype=np.float32)
    return np.nan_to_num((block - mean) / scale, nan=0.0)
