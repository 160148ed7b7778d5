"""The candidates for the stack, as factories ``(problem, **parameters) -> scikit-learn estimator``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from meta.estimators import LogProbabilities
from meta.greedy import Greedy
from meta.votes import BestSingle, HardVote, LogOddsMean, RankMean, SoftVote
from meta.weights import Simplex

# Parameters that are chosen together with the candidate, inside the folds; the first of equally good ones.
VARIANTS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "logistic_regression": ({"C": 0.01}, {"C": 0.1}, {"C": 1.0}),
    "decision_tree": ({"depth": 2}, {"depth": 4}),
}


@dataclass(frozen=True)
class StackSpec:
    """What a candidate has to know: how many learners and classes its columns are of, and what it is judged by."""

    learners: int
    classes: int
    metric: str
    seed: int


def best_single(problem: StackSpec) -> Any:
    return BestSingle(problem.learners, problem.classes, problem.metric)


def soft_vote(problem: StackSpec) -> Any:
    return SoftVote(problem.learners, problem.classes)


def hard_vote(problem: StackSpec) -> Any:
    return HardVote(problem.learners, problem.classes)


def log_odds_mean(problem: StackSpec) -> Any:
    return LogOddsMean(problem.learners, problem.classes)


def rank_mean(problem: StackSpec) -> Any:
    return RankMean(problem.learners, problem.classes)


def simplex(problem: StackSpec) -> Any:
    return Simplex(problem.learners, problem.classes)


def greedy(problem: StackSpec) -> Any:
    return Greedy(problem.learners, problem.classes, problem.metric, seed=problem.seed)


def logistic_regression(problem: StackSpec, C: float = 0.1) -> Any:
    """On log-probabilities, with a penalty that keeps correlated learners from opposite weights."""
    return Pipeline([("log", LogProbabilities()), ("regression", LogisticRegression(C=C, max_iter=1000))])


def decision_tree(problem: StackSpec, depth: int = 4) -> Any:
    """Shallow, since its features are few and alike."""
    return DecisionTreeClassifier(max_depth=depth, min_samples_leaf=20, random_state=problem.seed)


def random_forest(problem: StackSpec) -> Any:
    """100 trees with leaves of 20: as good here as 500 without limits, at a twentieth of the size on disk."""
    return RandomForestClassifier(n_estimators=100, min_samples_leaf=20, random_state=problem.seed, n_jobs=1)


def xgboost(problem: StackSpec) -> Any:
    """Small steps, shallow trees, on one thread so that results do not depend on the machine."""
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=100,
        max_depth=3,
        learning_rate=0.05,
        subsample=0.8,
        colsample_bytree=0.8,
        min_child_weight=5,
        tree_method="hist",
        n_jobs=1,
        random_state=problem.seed,
    )
