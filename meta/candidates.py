"""The candidates for a stack of classes, as factories ``(spec, **parameters) -> scikit-learn estimator``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meta.greedy import Greedy
from meta.many_rows import CELLS
from meta.votes import BestSingle, HardVote, LogOddsMean, RankMean, SoftVote
from meta.weights import Simplex

# Parameters that are chosen together with the candidate, inside the folds; the first of equally good ones.
VARIANTS: Mapping[str, tuple[Mapping[str, float], ...]] = {
    "logistic_regression": ({"C": 0.01}, {"C": 0.1}, {"C": 1.0}),
    "decision_tree": ({"depth": 2}, {"depth": 4}),
    "ridge": ({"alpha": 100.0}, {"alpha": 10.0}),
}

LARGE = 50_000  # rows
NEWTON_NUMBERS = 500  # its step takes their square from every row

# Small steps, shallow trees.
BOOSTING: Mapping[str, Any] = {
    "n_estimators": 100,
    "max_depth": 3,
    "learning_rate": 0.05,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "min_child_weight": 5,
    "tree_method": "hist",
    "n_jobs": 1,
}
BINS = 64


@dataclass(frozen=True)
class StackSpec:
    """What a candidate has to know: how many learners its columns are of, how many of each (``classes``, or one where
    the target is a number), the metric that counts, the kind of target, how many ``rows`` there are in all."""

    learners: int
    classes: int
    metric: str
    seed: int
    kind: str = "classification"
    rows: int = 0


def best_single(spec: StackSpec) -> Any:
    return BestSingle(spec.learners, spec.classes, spec.metric)


def soft_vote(spec: StackSpec) -> Any:
    return SoftVote(spec.learners, spec.classes)


def hard_vote(spec: StackSpec) -> Any:
    return HardVote(spec.learners, spec.classes)


def log_odds_mean(spec: StackSpec) -> Any:
    return LogOddsMean(spec.learners, spec.classes)


def rank_mean(spec: StackSpec) -> Any:
    return RankMean(spec.learners, spec.classes)


def simplex(spec: StackSpec) -> Any:
    return Simplex(spec.learners, spec.classes)


def greedy(spec: StackSpec) -> Any:
    return Greedy(spec.learners, spec.classes, spec.metric, seed=spec.seed)


def logistic_regression(spec: StackSpec, C: float = 0.1) -> Any:
    """On log-probabilities, with a penalty that keeps correlated learners from opposite weights."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    from meta.estimators import LogProbabilities

    regression = LogisticRegression(C=C, max_iter=1000, solver=_solver(spec))
    return Pipeline([("log", LogProbabilities()), ("regression", regression)])


def _solver(spec: StackSpec) -> str:
    """Newton's method on large tables, where the numbers that are learned are few beside them: a third to a half of the
    time, and nearer to the optimum. Below, results stay those that L-BFGS has always given."""
    numbers = (spec.learners * spec.classes + 1) * spec.classes
    return "newton-cholesky" if _large(spec) and numbers <= NEWTON_NUMBERS else "lbfgs"


def _large(spec: StackSpec) -> bool:
    return spec.rows > LARGE or spec.rows * spec.learners * spec.classes > CELLS


def decision_tree(spec: StackSpec, depth: int = 4) -> Any:
    """Shallow, since its features are few and alike."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=depth, min_samples_leaf=20, random_state=spec.seed)


def random_forest(spec: StackSpec) -> Any:
    """100 trees with leaves of 20: as good here as 500 without limits, at a twentieth of the size on disk."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=100, min_samples_leaf=20, random_state=spec.seed, n_jobs=1)


def xgboost(spec: StackSpec) -> Any:
    """On one thread, so that results do not depend on the machine."""
    from xgboost import XGBClassifier

    return XGBClassifier(random_state=spec.seed, **boosting(spec))


def boosting(spec: StackSpec) -> Mapping[str, Any]:
    """On large tables a split is sought among 64 places of a column, not 256, in half to two thirds of the time."""
    return {**BOOSTING, "max_bin": BINS} if _large(spec) else BOOSTING
