"""Weights against class imbalance, shared by base learners and meta-estimators."""

import numpy as np
import numpy.typing as npt


def class_weights(labels: npt.NDArray[np.int64], classes: int, balance: float) -> npt.NDArray[np.float64]:
    """(rows,) weights of mean one: class frequency to the power of minus ``balance``.

    0 leaves rows alone (best log-loss), 1 gives every class the same total (the papers' inverse frequency); one half
    is between accuracy and macro-F1.
    """
    frequency = np.bincount(labels, minlength=classes)
    weights = np.power(np.maximum(frequency, 1), -float(balance))[labels]
    return np.asarray(weights / weights.mean())
