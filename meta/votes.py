"""Votes of the learners themselves; unlike scikit-learn's VotingClassifier nothing is trained."""

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin

Floats = npt.NDArray[np.float64]

TIE_BREAK = 1e-3


class SoftVote(ClassifierMixin, BaseEstimator):
    """The plain mean of the learners' probabilities. Features are (rows, learners * classes), learners outermost."""

    def __init__(self, classes: int = 2, seed: int = 0) -> None:
        self.classes = classes
        self.seed = seed

    def fit(self, features: Floats, labels: npt.NDArray[np.int64], sample_weight: Floats | None = None) -> "SoftVote":
        self.classes_ = np.arange(self.classes)
        return self

    def predict_proba(self, features: Floats) -> Floats:
        return np.asarray(_by_learner(features, self.classes).mean(axis=1))


class HardVote(SoftVote):
    """Each learner votes for its most probable class; probabilities are the shares of votes.

    Equal shares are told apart by the mean probability, which has a weight of one in a thousand: less than any vote,
    so nothing but ties is decided by it. (scikit-learn would take the first class.)
    """

    def predict_proba(self, features: Floats) -> Floats:
        by_learner = _by_learner(features, self.classes)
        return np.asarray((1 - TIE_BREAK) * vote_shares(by_learner) + TIE_BREAK * by_learner.mean(axis=1))


def vote_shares(by_learner: Floats) -> Floats:
    """(rows, classes) shares of votes from (rows, learners, classes) probabilities."""
    votes = np.eye(by_learner.shape[2])[by_learner.argmax(axis=2)]
    return np.asarray(votes.mean(axis=1))


def count_ties(features: Floats, classes: int) -> int:
    """Rows in which the two most voted classes have equally many votes."""
    shares = np.sort(vote_shares(_by_learner(features, classes)), axis=1)
    return int(np.isclose(shares[:, -1], shares[:, -2]).sum())


def _by_learner(features: Floats, classes: int) -> Floats:
    return features.reshape(len(features), -1, classes)
