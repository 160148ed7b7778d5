"""The trained meta-estimators and their parameters, as factories ``(classes, seed) -> scikit-learn estimator``."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

Floats = npt.NDArray[np.float64]


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


class Certain(ClassifierMixin, BaseEstimator):
    """Where the fit rows have one class only there is nothing to fit: it has probability one."""

    def predict_proba(self, features: Floats) -> Floats:
        return np.ones((len(features), 1))


def logistic_regression(classes: int, seed: int) -> Any:
    """On log-probabilities, with a penalty that keeps correlated learners from opposite weights."""
    return Pipeline([("log", LogProbabilities()), ("regression", LogisticRegression(C=0.1, max_iter=1000))])


def decision_tree(classes: int, seed: int) -> Any:
    """Shallow, since its features are few and alike."""
    return DecisionTreeClassifier(max_depth=4, min_samples_leaf=20, random_state=seed)


def random_forest(classes: int, seed: int) -> Any:
    """100 trees with leaves of 20: as good here as 500 without limits, at a twentieth of the size on disk."""
    return RandomForestClassifier(n_estimators=100, min_samples_leaf=20, random_state=seed, n_jobs=1)


def xgboost(classes: int, seed: int) -> Any:
    """Small steps, shallow trees, on one thread so that results do not depend on the machine."""
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=100, max_depth=3, learning_rate=0.05, subsample=0.8, colsample_bytree=0.8, min_child_weight=5,
        tree_method="hist", n_jobs=1, random_state=seed,
    )  # fmt: skip
