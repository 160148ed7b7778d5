"""Weights against class imbalance, the smoothed frequencies of classes, labels as targets."""

import numpy as np

from ensemble.data import Codes, Floats
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


def targets_of(labels: Codes | Floats, classes: int, balance: float) -> tuple[Codes, Floats, Floats]:
    """Of (rows,) labels: themselves, (rows, classes) ones and zeros, ``class_weights``. Of soft labels, (rows, classes)
    probabilities: the likeliest, themselves, ones. They are weighed by nothing: who gave them has done so."""
    if labels.ndim == 2:
        return labels.argmax(axis=1), np.asarray(labels, dtype=np.float64), np.ones(len(labels))
    codes = np.asarray(labels, dtype=np.int64)
    return codes, np.eye(classes)[codes], class_weights(codes, classes, balance)


def smoothed_frequencies(labels: Codes | Floats, classes: int) -> Probabilities:
    """(classes,) shares of ``labels`` (-1 is no label), or of soft ones (rows, classes); one row added to each class so
    that none is impossible."""
    counts = (labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels[labels >= 0], minlength=classes)) + 1.0
    return np.asarray(counts / counts.sum())
