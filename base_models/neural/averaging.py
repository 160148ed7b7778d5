"""Logits to probabilities, where a row was seen in several views the mean over them."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax

from ensemble.predictions import Probabilities

Average = Literal["log_probabilities", "probabilities", "logits"]


def average_views(logits: npt.NDArray[np.float32], average: Average) -> tuple[Probabilities, Probabilities]:
    """(rows, classes) probabilities of (rows, views, classes) logits, and their standard deviation over views; of
    (rows, classes) logits the softmax and zeros.

    The mean of log-probabilities, renormalised, is the normalised geometric mean of the views: no view can be outvoted
    on a class that it rules out. It equals that of logits, from which log-probabilities differ by a number per view
    that is the same for all classes, and that the last softmax takes away. The arithmetic mean ("probabilities") is a
    mixture, which one confident view moves less.
    """
    wide = logits.astype(np.float64)
    if wide.ndim == 2:
        values = softmax(wide, axis=1)
        return values, np.zeros_like(values)
    by_view = softmax(wide, axis=2)
    if average == "probabilities":
        values = by_view.mean(axis=1)
    else:
        values = softmax((wide if average == "logits" else log_softmax(wide, axis=2)).mean(axis=1), axis=1)
    return values, by_view.std(axis=1)
