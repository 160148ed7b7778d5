"""Averages of the learners' own numbers: the mean, the median, the best one alone, and weighted means.

Features are (rows, learners); columns after these are other candidates' business.
"""

from collections.abc import Callable

import numpy as np

from ensemble.data import Floats
from ensemble.metrics import metric_named, score
from meta.greedy import BAGS, bagged_selection

KINK = 1e-3  # of the labels' spread: within it an absolute value is rounded off, so that it has a slope
SETTLED = 1e-10  # of a loss in units of the labels' spread


class Mean:
    """The plain mean, as of scikit-learn's VotingRegressor; nothing is trained."""

    def __init__(self, learners: int = 1, metric: str = "mae") -> None:
        self.learners = learners
        self.metric = metric

    def fit(self, features: Floats, labels: Floats) -> "Mean":
        return self

    def predict(self, features: Floats) -> Floats:
        return np.asarray(features[:, : self.learners].mean(axis=1))


class Median(Mean):
    """The learners' median: one that is far off does not count."""

    def predict(self, features: Floats) -> Floats:
        return np.asarray(np.median(features[:, : self.learners], axis=1))


class BestSingle(Mean):
    """The one learner with the best score on the fitted rows."""

    def fit(self, features: Floats, labels: Floats) -> "BestSingle":
        metric = metric_named(self.metric)
        scores = [metric.sign * score(metric, labels, features[:, [each]]) for each in range(self.learners)]
        self.chosen_ = int(np.argmax(np.nan_to_num(scores, nan=-np.inf)))
        return self

    def predict(self, features: Floats) -> Floats:
        return np.asarray(features[:, self.chosen_])


class WeightedMean(Mean):
    """Subclasses find ``weights_`` (learners,), at least 0, which sum to one."""

    weights_: Floats

    def predict(self, features: Floats) -> Floats:
        return np.asarray(features[:, : self.learners] @ self.weights_)


class Greedy(WeightedMean):
    """Greedy ensemble selection (Caruana et al. 2004) under the metric; weights are how often each was chosen."""

    def __init__(self, learners: int = 1, metric: str = "mae", bags: int = BAGS, seed: int = 0) -> None:
        super().__init__(learners, metric)
        self.bags = bags
        self.seed = seed

    def fit(self, features: Floats, labels: Floats) -> "Greedy":
        values = features[:, : self.learners].reshape(len(features), self.learners, 1)
        self.weights_ = bagged_selection(metric_named(self.metric), labels, values, self.bags, self.seed)
        return self


class Simplex(WeightedMean):
    """Weights on the simplex of the least loss, as the metric has it: absolute errors, one minus a correlation, else
    squared errors. By sequential quadratic programming (Kraft 1988) from equal weights: the first two of errors are
    convex, so what is found is the least there is."""

    def fit(self, features: Floats, labels: Floats) -> "Simplex":
        values = features[:, : self.learners]
        # As weights sum to one, moving and stretching labels and learners alike changes none of them.
        middle = np.median(labels)
        spread = float(np.abs(labels - middle).mean() or np.abs(values - middle).mean() or 1.0)
        values, true = (values - middle) / spread, (labels - middle) / spread
        loss = LOSSES.get(self.metric, squared)

        def at(weights: Floats) -> tuple[float, Floats]:
            value, slope = loss(values @ weights, true)
            return value, slope @ values

        equal = np.full(self.learners, 1 / self.learners)
        whole = {"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like}
        bounds = [(0.0, 1.0)] * self.learners
        options = {"maxiter": 500, "ftol": SETTLED}
        from scipy.optimize import minimize

        found = minimize(at, equal, jac=True, method="SLSQP", bounds=bounds, constraints=[whole], options=options).x
        weights = np.nan_to_num(found).clip(0)
        better = weights.sum() > 0 and at(weights / weights.sum())[0] < at(equal)[0]
        self.weights_ = weights / weights.sum() if better else equal
        return self


Loss = Callable[[Floats, Floats], tuple[float, Floats]]  # of values and truth: the loss and (rows,) its slope


def squared(values: Floats, true: Floats) -> tuple[float, Floats]:
    """Mean squared error."""
    errors = values - true
    return float((errors**2).mean()), 2 * errors / len(true)


def absolute(values: Floats, true: Floats) -> tuple[float, Floats]:
    """Mean absolute error, rounded off where it has a kink: too much by no more than KINK."""
    errors = values - true
    rounded = np.sqrt(errors**2 + KINK**2)
    return float(rounded.mean()), errors / rounded / len(true)


def correlation(values: Floats, true: Floats) -> tuple[float, Floats]:
    """Minus Pearson's r."""
    own, other = values - values.mean(), true - true.mean()
    lengths = np.sqrt((own @ own) * (other @ other))
    if not lengths:
        return 0.0, np.zeros(len(true))
    r = float(own @ other / lengths)
    return -r, r * own / (own @ own) - other / lengths


def concordance(values: Floats, true: Floats) -> tuple[float, Floats]:
    """Minus Lin's concordance: twice the covariance over both variances and the squared distance of the means."""
    own, other = values - values.mean(), true - true.mean()
    shift = values.mean() - true.mean()
    total = own @ own + other @ other + len(true) * shift**2
    if not total:
        return 0.0, np.zeros(len(true))
    score = float(2 * own @ other / total)
    return -score, 2 * (score * (own + shift) - other) / total


LOSSES: dict[str, Loss] = {
    "mae": absolute,
    "pearson": correlation,
    "spearman": correlation,
    "concordance": concordance,
}
