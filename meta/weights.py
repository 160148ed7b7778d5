"""One weight per learner, on the simplex: the linear opinion pool with the greatest likelihood."""

import numpy as np

from ensemble.data import Codes, Floats
from meta.votes import SoftVote

ROUNDS = 300
SETTLED = 1e-6  # of a weight, in one round
LEAST = 1e-7  # of a probability, so that a sure and wrong learner is not impossible


class Weighted(SoftVote):
    """A weighted mean of the learners' probabilities; subclasses find ``weights_`` (learners,), which sum to one."""

    weights_: Floats

    def predict_proba(self, features: Floats) -> Floats:
        return np.asarray(np.einsum("rlc,l->rc", self._by_learner(features), self.weights_))


class Simplex(Weighted):
    """Weights of the greatest likelihood, by expectation maximisation: every round keeps them on the simplex and lowers
    the log-loss, which is convex in them (Jacobs et al. 1991, the mixture's weights alone), to within 1e-4 nats."""

    def fit(self, features: Floats, labels: Codes) -> "Simplex":
        self.classes_ = np.arange(self.classes)
        values = self._by_learner(features)
        # The likelihood of a row is the weighted mean of what the learners give its true class: nothing else matters.
        true = np.ascontiguousarray(np.take_along_axis(values, labels[:, None, None], axis=2)[:, :, 0].clip(LEAST))
        weights = np.full(self.learners, 1 / self.learners)
        for _ in range(ROUNDS):
            # E step: a learner answers for a row by its weight times its probability, over the sum of all learners'. M
            # step: the mean of that over the rows is its new weight (Dempster, Laird & Rubin 1977). So weights stay
            # positive and sum to one by themselves, where a gradient step would have to be projected.
            before, weights = weights, weights * (true.T @ (1 / (true @ weights))) / len(true)
            if np.abs(weights - before).max() < SETTLED:
                break
        self.weights_ = weights / weights.sum()  # but for rounding they do
        return self
