"""Weights against class imbalance, and the smoothed frequencies of classes."""

import numpy as np

from ensemble.data import Codes
from ensemble.predictions import Probabilities


def weight_per_class(labels: Codes, classes: int, balance: float) -> Probabilities:
    """(classes,) frequency to the power of minus ``balance``, of mean one over the rows; finite for an absent class."""
    frequency = np.bincount(labels, minlength=classes)
    weights = np.power(np.maximum(frequency, 1), -float(balance))
    return np.asarray(weights / weights[labels].mean())


def class_weights(labels: Codes, classes: int, balance: float) -> Probabilities:
    """(rows,) weights of mean one: class frequency to the power of minus ``balance``.

    0 leaves rows alone (best log-loss), 1 gives every class the same total (the papers' inverse frequency); one half
    is between accuracy and macro-F1.
    """
    return weight_per_class(labels, classes, balance)[labels]


def smoothed_frequencies(labels: Codes, classes: int) -> Probabilities:
    """(classes,) shares of ``labels`` (-1 is no label), one row added to each class so that none is impossible."""
    counts = np.bincount(labels[labels >= 0], minlength=classes) + 1.0
    return np.asarray(counts / counts.sum())
