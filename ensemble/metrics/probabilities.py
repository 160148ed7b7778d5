"""Scores of probabilities, as batches of row weights: their loss, their calibration, their ranks."""

from collections.abc import Callable

import numpy as np

from ensemble.metrics.metric import ratio
from ensemble.targets import Codes, Floats, Mask

BINS = 15
OfOneClass = Callable[[Floats, Mask, Floats], Floats]  # scores, which rows are of the class, weights


def log_loss(labels: Codes, values: Floats, weights: Floats) -> Floats:
    """Mean negative log-probability of the true class, in nats; probabilities are held above 1e-7."""
    true = np.take_along_axis(values, labels[:, None], axis=1)[:, 0]
    return ratio(weights @ -np.log(true.clip(1e-7)), weights.sum(axis=1))


def brier(labels: Codes, values: Floats, weights: Floats) -> Floats:
    """Mean squared distance between the probabilities and the true class, summed over classes (Brier 1950): 0 to 2."""
    distance = ((values - np.eye(values.shape[1])[labels]) ** 2).sum(axis=1)
    return ratio(weights @ distance, weights.sum(axis=1))


def calibration_error(labels: Codes, values: Floats, weights: Floats) -> Floats:
    """Expected calibration error: the mean gap between the largest probability and accuracy, over BINS bins of equal
    width (Guo et al. 2017)."""
    sure = values.max(axis=1)
    into = np.eye(BINS)[np.minimum((sure * BINS).astype(np.int64), BINS - 1)]
    gaps = weights @ (into * (sure - (values.argmax(axis=1) == labels))[:, None])
    return ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def roc_auc(labels: Codes, values: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve: of the second class where there are two, else one against the rest, macro-averaged.

    NaN where no class has both positive and negative rows.
    """
    return against_the_rest(_area, 1, labels, values, weights)


def against_the_rest(of_one: OfOneClass, positive: int, labels: Codes, values: Floats, weights: Floats) -> Floats:
    """The score of the positive class where there are two, else the mean over the classes that have one."""
    columns = [positive] if values.shape[1] == 2 else range(values.shape[1])
    scores = np.array([of_one(values[:, column], labels == column, weights) for column in columns])
    known = ~np.isnan(scores)
    return np.where(known.any(axis=0), np.where(known, scores, 0).sum(axis=0) / known.sum(axis=0).clip(1), np.nan)


def _area(score: Floats, positive: Mask, weights: Floats) -> Floats:
    """Weighted Mann-Whitney statistic; equal scores count half."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])
    ordered = weights[:, order]
    up = np.add.reduceat(ordered * positive[order], starts, axis=1)
    down = np.add.reduceat(ordered * ~positive[order], starts, axis=1)
    below = np.cumsum(down, axis=1) - down / 2
    total = up.sum(axis=1) * down.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(total > 0, (up * below).sum(axis=1) / total, np.nan))


def average_precision_of(score: Floats, positive: Mask, weights: Floats) -> Floats:
    """(draws,) precision averaged over the recall that each threshold adds, as scikit-learn's average_precision_score;
    NaN where no positive row weighs."""
    precision, gained = _thresholds(score, positive, weights)
    total = gained.sum(axis=1)
    return ratio((precision * gained).sum(axis=1), total)


def recall_at(precision: float, score: Floats, positive: Mask, weights: Floats) -> Floats:
    """(draws,) the greatest recall among the thresholds with at least this precision, 0 where none has it; NaN where no
    positive row weighs."""
    reached, gained = _thresholds(score, positive, weights)
    hits = np.where(reached >= precision, np.cumsum(gained, axis=1), 0.0)
    return ratio(hits.max(axis=1), gained.sum(axis=1))


def _thresholds(score: Floats, positive: Mask, weights: Floats) -> tuple[Floats, Floats]:
    """(draws, thresholds) from the highest score down: the precision of all rows at or above, and the positive weight
    that this threshold adds; rows of equal score share one."""
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) < 0])
    ordered = weights[:, order]
    gained = np.add.reduceat(ordered * positive[order], starts, axis=1)
    weight = np.cumsum(np.add.reduceat(ordered, starts, axis=1), axis=1)
    precision = np.divide(np.cumsum(gained, axis=1), weight, out=np.zeros(weight.shape), where=weight > 0)
    return precision, gained
