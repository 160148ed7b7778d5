"""Small scikit-learn estimators that trained candidates are made of."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

from ensemble.data import Floats


class LogProbabilities(TransformerMixin, BaseEstimator):
    """Natural logarithms of probabilities, held above ``floor``: a logistic regression on them can weigh experts."""

    def __init__(self, floor: float = 1e-4) -> None:
        self.floor = floor

    def fit(self, features: Floats, labels: object = None) -> "LogProbabilities":
        return self

    def transform(self, features: Floats) -> Floats:
        held = np.clip(features, self.floor, 1.0)
        return np.asarray(np.log(held, out=held))

    def __sklearn_is_fitted__(self) -> bool:
        return True


class ConstantClassifier(ClassifierMixin, BaseEstimator):
    """Where the fit rows have one class only there is nothing to fit: it has probability one."""

    def predict_proba(self, features: Floats) -> Floats:
        return np.ones((len(features), 1))


class PooledScaler(TransformerMixin, BaseEstimator):
    """Divides the learners' columns by one number, the root of their mean variance; columns after them by another.

    Not each by its own, as scikit-learn's StandardScaler does: a column that hardly varies says hardly anything, and
    the little it does is not to be magnified. A learner that predicts the mean of its fit rows varies from fold to fold
    only, against the mean of the fold it predicts.
    """

    def __init__(self, learners: int = 1) -> None:
        self.learners = learners

    def fit(self, features: Floats, labels: object = None) -> "PooledScaler":
        variance = features.var(axis=0)
        parts = np.where(np.arange(len(variance)) < self.learners, 0, 1)
        pooled = np.bincount(parts, variance, 2) / np.bincount(parts, minlength=2).clip(1)
        self.scale_ = np.sqrt(np.where(pooled > 0, pooled, 1.0))[parts]
        return self

    def transform(self, features: Floats) -> Floats:
        return np.asarray(features / self.scale_)
