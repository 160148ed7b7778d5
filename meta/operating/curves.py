"""What a threshold reaches on rows whose labels are known: precision, recall, and how far either can be believed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ensemble.data import Codes, Floats
from ensemble.metrics import DRAWS, LEVEL, resamples
from ensemble.scoring import Score, score_with_interval
from ensemble.targets import Mask


@dataclass(frozen=True)
class Curve:
    """From the highest threshold down, one for each different score: ``precision`` and ``recall`` of the rows at or
    above it, and how many ``rows`` these are."""

    threshold: Floats
    precision: Floats
    recall: Floats
    rows: Codes

    @classmethod
    def of(cls, scores: Floats, positive: Mask) -> "Curve":
        """A threshold lies in the middle between two scores: new ones lie there, too. Without a positive row there are
        none."""
        if not positive.any():
            nothing = np.zeros(0)
            return cls(nothing, nothing, nothing, nothing.astype(np.int64))
        order = np.argsort(-scores, kind="stable")
        ordered, hits = scores[order], np.cumsum(positive[order])
        last = np.r_[np.flatnonzero(np.diff(ordered)), len(ordered) - 1]  # of rows with one score
        below = np.r_[ordered[last[1:]], 0.0]
        return cls((ordered[last] + below) / 2, hits[last] / (last + 1), hits[last] / hits[-1], last + 1)

    def with_precision(self, least: float) -> int | None:
        """The place of most recall among thresholds of this precision, None where there is none."""
        return _best(self.precision >= least, self.recall)

    def with_recall(self, least: float) -> int | None:
        """The place of most precision among thresholds of this recall."""
        return _best(self.recall >= least, self.precision)


def _best(allowed: Mask, values: Floats) -> int | None:
    return int(np.where(allowed, values, -1.0).argmax()) if allowed.any() else None


def share(of: Mask, among: Mask, groups: Codes) -> Score:
    """Which part of the rows ``among`` is ``of``, with the interval of a bootstrap over groups."""
    draws = [_ratio(weights @ (of & among), weights @ among) for weights in drawn(groups)]
    value = float((of & among).sum() / among.sum()) if among.any() else float("nan")
    return score_with_interval(value, np.concatenate(draws))


def mean_of(values: Floats, groups: Codes) -> Score:
    """The mean with the interval of a bootstrap over groups."""
    draws = [_ratio(weights @ values, weights.sum(axis=1)) for weights in drawn(groups)]
    return score_with_interval(float(values.mean()) if len(values) else float("nan"), np.concatenate(draws))


def drawn(groups: Codes) -> "list[Floats]":
    """How often each row is drawn with its group."""
    return list(resamples(groups, np.ones(len(groups), dtype=bool), DRAWS))


def _ratio(total: Floats, weight: Floats) -> Floats:
    return np.asarray(np.divide(total, weight, out=np.full(np.shape(weight), np.nan), where=weight > 0))


def lower_bound(of: Mask, among: Mask, groups: Codes) -> float:
    """The lower end of Wilson's score interval (1927) of the share: it is below one also where all of a few are right,
    of which a bootstrap knows nothing. Each group counts as one trial, copies being no further evidence."""
    if not among.any():
        return 0.0
    _, local = np.unique(groups[among], return_inverse=True)
    rows = np.bincount(local)
    trials, rate = len(rows), float((np.bincount(local, of[among]) / rows).mean())
    from scipy.stats import norm  # a second that nothing else here needs

    z = float(norm.ppf((1 + LEVEL) / 2))
    middle, spread = rate + z**2 / (2 * trials), z * np.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    return float((middle - spread) / (1 + z**2 / trials))


def by_fold(fold: Codes, choose: Callable[[Mask], Callable[[Mask], Mask]]) -> Mask:
    """(rows,) what is chosen for each fold on the rows of the others; ``choose`` is given these and returns what
    answers for the held-out ones."""
    found = np.zeros(len(fold), dtype=bool)
    for held in (fold == each for each in np.unique(fold)):
        found[held] = choose(~held)(held)
    return found
