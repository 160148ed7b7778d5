"""How sure predictions are against how often they are right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.metrics import METRICS, score
from ensemble.metrics.probabilities import BINS
from ensemble.predictions import Predictions
from ensemble.scoring import finite
from ensemble.targets import Labels


@dataclass(frozen=True)
class Reliability:
    """Bins of rows by confidence: its mean, the share that is right, how many; the expected calibration error."""

    confidence: Sequence[float]
    accuracy: Sequence[float]
    rows: Sequence[int]
    ece: float | None


def reliability(labels: Labels, predictions: Predictions) -> Reliability:
    """Mean probability of the most probable class and how often it is right, in bins of equal width; ``labels`` (rows
    of the predictions,) are in part unknown."""
    known = predictions.task.target.known(labels)
    values = predictions.values[known]
    confidence, right = values.max(axis=1, initial=0), values.argmax(axis=1) == labels[known]
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(bins, minlength=BINS)
    filled = np.flatnonzero(rows)
    return Reliability(
        confidence=(np.bincount(bins, confidence, BINS)[filled] / rows[filled]).tolist(),
        accuracy=(np.bincount(bins, right, BINS)[filled] / rows[filled]).tolist(),
        rows=rows[filled].tolist(),
        ece=finite(ece=score(METRICS["ece"], labels, predictions.values))["ece"],
    )
