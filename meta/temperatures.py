"""Temperatures: how much surer or less sure each learner should be (Guo et al. 2017), all learners at once."""

import numpy as np

from ensemble.data import Codes, Floats

FLOOR = 1e-6  # of probabilities under a logarithm
STEPS = 30
SHARPEST = 20.0  # times; the flattest is its inverse
STRIDE = 2.0  # a Newton step changes one by no more than this factor


def inverse_temperature(values: Floats, labels: Codes) -> Floats:
    """(learners,) inverse temperatures of least log-loss, from (rows, learners, classes) and known labels: Newton's
    method on a convex function of one number per learner."""
    # The likelihood of a softmax of b * log p is an exponential family in b: its slope is the mean of log p under the
    # sharpened probabilities minus that of the true class, its curvature the variance, which is never negative.
    logarithms = np.log(values.clip(FLOOR))
    true = np.take_along_axis(logarithms, labels[:, None, None], axis=2)[:, :, 0]
    found = np.ones(values.shape[1])
    for _ in range(STEPS):
        expected = sharpen(values, found)
        mean = (expected * logarithms).sum(axis=2)
        slope = (mean - true).mean(axis=0)
        curvature = ((expected * logarithms**2).sum(axis=2) - mean**2).mean(axis=0)
        moved = found - slope / curvature.clip(FLOOR)
        moved = moved.clip(found / STRIDE, found * STRIDE).clip(1 / SHARPEST, SHARPEST)
        if np.abs(moved - found).max() < FLOOR:
            break
        found = moved
    return found


def sharpen(values: Floats, by: Floats) -> Floats:
    """(rows, learners, classes) probabilities to the power of each learner's inverse temperature, normalised."""
    powers = values.clip(FLOOR) ** by[:, None]
    return np.asarray(powers / powers.sum(axis=2, keepdims=True))
