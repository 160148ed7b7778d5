"""The candidates for a stack of numbers, as factories ``(spec, **parameters) -> scikit-learn regressor``."""

from typing import Any

from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeRegressor

from meta.averages import BestSingle, Greedy, Mean, Median, Simplex
from meta.candidates import StackSpec, boosting
from meta.estimators import PooledScaler


def best_single(spec: StackSpec) -> Any:
    return BestSingle(spec.learners, spec.metric)


def mean(spec: StackSpec) -> Any:
    return Mean(spec.learners, spec.metric)


def median(spec: StackSpec) -> Any:
    return Median(spec.learners, spec.metric)


def simplex(spec: StackSpec) -> Any:
    return Simplex(spec.learners, spec.metric)


def greedy(spec: StackSpec) -> Any:
    return Greedy(spec.learners, spec.metric, seed=spec.seed)


def ridge(spec: StackSpec, alpha: float = 100.0) -> Any:
    """On the learners' numbers at one common scale, so that the penalty means the same in any unit."""
    return Pipeline([("scale", PooledScaler(spec.learners)), ("ridge", Ridge(alpha=alpha))])


def decision_tree(spec: StackSpec, depth: int = 4) -> Any:
    """Shallow, since its features are few and alike."""
    return DecisionTreeRegressor(max_depth=depth, min_samples_leaf=20, random_state=spec.seed)


def random_forest(spec: StackSpec) -> Any:
    """As that of classes, but that a tree looks at a third of the columns for each split (Breiman 2001)."""
    return RandomForestRegressor(
        n_estimators=100, min_samples_leaf=20, max_features=1 / 3, random_state=spec.seed, n_jobs=1
    )


def xgboost(spec: StackSpec) -> Any:
    """As that of classes; absolute errors where these are judged."""
    from xgboost import XGBRegressor

    objective = "reg:absoluteerror" if spec.metric == "mae" else "reg:squarederror"
    return XGBRegressor(objective=objective, random_state=spec.seed, **boosting(spec))
