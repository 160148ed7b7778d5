"""Scores of labels that are classes, from weighted counts of true and predicted ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ensemble.metrics.metric import Metric, Weights, ratio
from ensemble.targets import Codes, Floats


def confusion_matrices(labels: Codes, predicted: Codes, classes: int, weights: Weights) -> Floats:
    """(draws, true, predicted) weighted counts."""
    cells = np.eye(classes * classes, dtype=np.float64)[labels * classes + predicted]
    return np.asarray((weights @ cells).reshape(-1, classes, classes), dtype=np.float64)


@dataclass(frozen=True)
class PerClass:
    """Arrays (..., classes). A class that neither occurs nor is predicted has NaN."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: Floats


def per_class(matrix: Floats) -> PerClass:
    """Precision, recall, F1 and support from (..., true, predicted) counts."""
    hit = np.diagonal(matrix, axis1=-2, axis2=-1)
    support, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(support > 0, hit / support, 0.0)
        precision = np.where(predicted > 0, hit / predicted, 0.0)
    return PerClass(precision, recall, f1_per_class(matrix), support)


def f1_per_class(matrix: Floats) -> Floats:
    """(..., classes) from (..., true, predicted) counts; NaN where a class neither occurs nor is predicted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * np.diagonal(matrix, axis1=-2, axis2=-1) / (matrix.sum(axis=-1) + matrix.sum(axis=-2)))


def macro_f1(counts: Floats) -> Floats:
    """Mean F1 over the classes that occur or are predicted, as scikit-learn's f1_score(average="macro")."""
    f1 = f1_per_class(counts)
    return ratio(np.nansum(f1, axis=-1), (~np.isnan(f1)).sum(axis=-1))


def weighted_f1(counts: Floats) -> Floats:
    """F1 averaged by support."""
    scores = per_class(counts)
    return ratio(np.nansum(scores.f1 * scores.support, axis=-1), scores.support.sum(axis=-1))


def accuracy(counts: Floats) -> Floats:
    """Share of rows whose label is the true one."""
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def f1_of_class(counts: Floats, position: int) -> Floats:
    """F1 of one class from (..., true, predicted) counts, as scikit-learn's f1_score(pos_label=..., zero_division=0):
    0 where the class neither occurs nor is predicted, NaN where nothing weighs."""
    hit = counts[..., position, position]
    either = counts[..., position, :].sum(axis=-1) + counts[..., :, position].sum(axis=-1)
    f1 = np.divide(2 * hit, either, out=np.zeros(np.shape(either)), where=either > 0)
    return np.asarray(np.where(counts.sum(axis=(-2, -1)) > 0, f1, np.nan))


def of_labels(name: str, of_counts: Callable[[Floats], Floats]) -> Metric:
    """A metric of the most probable class."""

    def score(labels: Codes, values: Floats, weights: Weights) -> Floats:
        predicted = np.asarray(values.argmax(axis=1), dtype=np.int64)
        return of_counts(confusion_matrices(labels, predicted, values.shape[1], weights))

    return Metric(name, score, of_counts=of_counts)
