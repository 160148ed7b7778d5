"""Means and votes of the learners' own probabilities; unlike scikit-learn's VotingClassifier nothing is trained.

Features are (rows, learners * classes), learners outermost; columns after these are other candidates' business.
"""

import numpy as np

from ensemble.data import Codes, Floats
from ensemble.metrics import metric_named, score

TIE_BREAK = 1e-3
FLOOR = 1e-4  # of probabilities under a logarithm: one sure learner must not outvote all others
QUANTILES = 257  # of a learner's column, kept to rank new rows among the fitted ones


class SoftVote:
    """The plain mean of the learners' probabilities."""

    def __init__(self, learners: int = 1, classes: int = 2, metric: str = "macro_f1") -> None:
        self.learners = learners
        self.classes = classes
        self.metric = metric

    def fit(self, features: Floats, labels: Codes) -> "SoftVote":
        self.classes_ = np.arange(self.classes)
        return self

    def predict_proba(self, features: Floats) -> Floats:
        return np.asarray(self._by_learner(features).mean(axis=1))

    def _by_learner(self, features: Floats) -> Floats:
        return by_learner(features, self.learners, self.classes)


class HardVote(SoftVote):
    """Each learner votes for its most probable class; probabilities are the shares of votes.

    Equal shares are told apart by the mean probability, which has a weight of one in a thousand: less than any vote,
    so nothing but ties is decided by it. (scikit-learn would take the first class.)
    """

    def predict_proba(self, features: Floats) -> Floats:
        values = self._by_learner(features)
        return np.asarray((1 - TIE_BREAK) * vote_shares(values) + TIE_BREAK * values.mean(axis=1))


class LogOddsMean(SoftVote):
    """The mean of log-probabilities, normalised: of two classes, the mean of log-odds (a logarithmic opinion pool)."""

    def predict_proba(self, features: Floats) -> Floats:
        values = np.exp(np.log(self._by_learner(features).clip(FLOOR)).mean(axis=1))
        return np.asarray(values / values.sum(axis=1, keepdims=True))


class RankMean(SoftVote):
    """The mean of ranks: each column becomes the share of fitted rows below it, so that scales do not matter."""

    def fit(self, features: Floats, labels: Codes) -> "RankMean":
        self.classes_ = np.arange(self.classes)
        shares = np.linspace(0, 1, QUANTILES)
        self.quantiles_ = np.quantile(features[:, : self.learners * self.classes], shares, axis=0)
        return self

    def predict_proba(self, features: Floats) -> Floats:
        shares = np.linspace(0, 1, QUANTILES)
        columns = [np.interp(features[:, c], grid, shares) for c, grid in enumerate(self.quantiles_.T)]
        ranks = self._by_learner(np.stack(columns, axis=1)).mean(axis=1) + TIE_BREAK
        return np.asarray(ranks / ranks.sum(axis=1, keepdims=True))


class BestSingle(SoftVote):
    """The one learner with the best score on the fitted rows."""

    def fit(self, features: Floats, labels: Codes) -> "BestSingle":
        self.classes_ = np.arange(self.classes)
        metric = metric_named(self.metric)
        values = self._by_learner(features)
        scores = [metric.sign * score(metric, labels, values[:, each]) for each in range(self.learners)]
        self.chosen_ = int(np.argmax(np.nan_to_num(scores, nan=-np.inf)))
        return self

    def predict_proba(self, features: Floats) -> Floats:
        return np.asarray(self._by_learner(features)[:, self.chosen_])


def by_learner(features: Floats, learners: int, classes: int) -> Floats:
    """(rows, learners, classes)"""
    return features[:, : learners * classes].reshape(len(features), learners, classes)


def vote_shares(values: Floats) -> Floats:
    """(rows, classes) shares of votes from (rows, learners, classes) probabilities."""
    votes = np.eye(values.shape[2])[values.argmax(axis=2)]
    return np.asarray(votes.mean(axis=1))


def count_ties(values: Floats) -> int:
    """Rows in which the two most voted classes have equally many votes, from (rows, learners, classes)."""
    shares = np.sort(vote_shares(values), axis=1)
    return int(np.isclose(shares[:, -1], shares[:, -2]).sum())
