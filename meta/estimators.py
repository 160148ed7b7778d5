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
        return np.asarray(np.log(np.clip(features, self.floor, 1.0)))

    def __sklearn_is_fitted__(self) -> bool:
        return True


class ConstantClassifier(ClassifierMixin, BaseEstimator):
    """Where the fit rows have one class only there is nothing to fit: it has probability one."""

    def predict_proba(self, features: Floats) -> Floats:
        return np.ones((len(features), 1))
