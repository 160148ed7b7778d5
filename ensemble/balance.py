"""Weights against class imbalance, shared by base learners and meta-estimators."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ensemble.errors import LearnerError


def weight_per_class(labels: npt.NDArray[np.int64], classes: int, balance: float) -> npt.NDArray[np.float64]:
    """(classes,) frequency to the power of minus ``balance``, of mean one over the rows; finite for an absent class."""
    frequency = np.bincount(labels, minlength=classes)
    weights = np.power(np.maximum(frequency, 1), -float(balance))
    return np.asarray(weights / weights[labels].mean())


def smoothed_frequencies(labels: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
    """(classes,) shares of ``labels`` (-1 is no label), one row added to each class so that none is impossible."""
    counts = np.bincount(labels[labels >= 0], minlength=classes) + 1.0
    return np.asarray(counts / counts.sum())


def class_weights(labels: npt.NDArray[np.int64], classes: int, balance: float) -> npt.NDArray[np.float64]:
    """(rows,) weights of mean one: class frequency to the power of minus ``balance``.

    0 leaves rows alone (best log-loss), 1 gives every class the same total (the papers' inverse frequency); one half
    is between accuracy and macro-F1.
    """
    return weight_per_class(labels, classes, balance)[labels]


def check_grid(learner: str, name: str, values: Sequence[float], balance: float) -> None:
    """Raises LearnerError unless there is a positive value to choose and ``balance`` is between 0 and 1."""
    if not values or min(values) <= 0:
        raise LearnerError(f"{learner}: {name} must hold positive numbers, got {list(values)}.")
    if not 0 <= balance <= 1:
        raise LearnerError(f"{learner}: balance must be between 0 (none) and 1 (inverse frequency), got {balance}.")
