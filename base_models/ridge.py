"""Ridge regressions of numbers and of ordered classes, every penalty at once, the best chosen inside the fit rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.sparse import csr_matrix
from scipy.special import ndtr

from ensemble.blocks import Features
from ensemble.data import Codes, Floats
from ensemble.folds import stratified_group_split

INNER_FOLDS = 3
SMALLEST = 0.1  # deviation of ordered classes: some doubt stays
# From features, targets and penalties to (width, penalties) coefficients and (penalties,) intercepts.
Path = Callable[[Any, Floats, Sequence[float]], tuple[Floats, Floats]]


class RidgeProbe:
    """Linear least squares with an L2 penalty, scikit-learn's alpha, chosen from ``penalties`` over inner folds.

    Where no feature varies, ``usual`` is predicted. Learned: ``coefficients_`` (width, 1), ``intercept_`` (1,),
    ``penalty_``, and ``error_``, the mean squared error over inner folds, NaN without any.
    """

    def __init__(self, penalties: Sequence[float], usual: float) -> None:
        self.penalties = penalties
        self.usual = usual

    def fit(self, features: Features, labels: Floats, groups: Codes, seed: int) -> "RidgeProbe":
        if not len(features) or not np.ptp(features, axis=0).any():
            self.coefficients_, self.intercept_ = np.zeros((features.shape[1], 1)), np.array([self.usual])
            self.penalty_, self.error_ = max(self.penalties), float("nan")
            return self
        wide = features.astype(np.float64)
        self.penalty_, self.error_ = best_penalty(ridge_path, wide, labels, groups, self.penalties, seed)
        self.coefficients_, self.intercept_ = ridge_path(wide, labels, [self.penalty_])
        return self

    def predictions(self, features: Features) -> Floats:
        """(rows, 1)."""
        return np.asarray(features @ self.coefficients_ + self.intercept_)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """All that predicting needs."""
        return {"coefficients": np.ascontiguousarray(self.coefficients_), "intercept": self.intercept_}

    def restore(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        self.coefficients_, self.intercept_ = tensors["coefficients"], tensors["intercept"]


class OrdinalProbe:
    """Ordered classes learned as the numbers 0, 1, 2: a ridge regression whose predictions are the middle of a normal
    distribution as wide as its errors on rows it had not seen; a class has what lies between the points half way to its
    neighbours (a linear model with cut points, as in ordered probit, whose cuts are fixed). Learned beside the
    regression: ``deviation_`` (1,), ``classes_`` (1,).
    """

    def __init__(self, penalties: Sequence[float], classes: int) -> None:
        self.penalties = penalties
        self.classes = classes

    def fit(self, features: Features, labels: Codes, groups: Codes, seed: int) -> "OrdinalProbe":
        usual = float(labels.mean()) if len(labels) else (self.classes - 1) / 2
        self.ridge_ = RidgeProbe(self.penalties, usual).fit(features, labels.astype(np.float64), groups, seed)
        # As much as if nothing had been learned, where nothing says how much is wrong.
        error = float(labels.var()) if np.isnan(self.ridge_.error_) and len(labels) else self.ridge_.error_
        self.deviation_ = np.array([max(np.sqrt(np.nan_to_num(error, nan=float(self.classes) ** 2)), SMALLEST)])
        self.classes_ = np.array([self.classes])
        return self

    def predictions(self, features: Features) -> Floats:
        """(rows, classes) probabilities."""
        cuts = np.arange(1, self.classes_[0]) - 0.5
        below = ndtr((cuts - self.ridge_.predictions(features)) / self.deviation_)
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """All that predicting needs."""
        return {**self.ridge_.tensors(), "deviation": self.deviation_, "classes": self.classes_}

    def restore(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        self.ridge_ = RidgeProbe(self.penalties, 0.0)
        self.ridge_.restore(tensors)
        self.deviation_, self.classes_ = tensors["deviation"], tensors["classes"]


def best_penalty(
    path: Path, features: Any, targets: Floats, groups: Codes, penalties: Sequence[float], seed: int
) -> tuple[float, float]:
    """That of the least mean squared error over inner folds, which keep ``groups`` whole, and this error; the first and
    NaN where there is nothing to choose by."""
    inner = stratified_group_split([], [], groups, [1 / INNER_FOLDS] * INNER_FOLDS, seed)
    errors, unseen = np.zeros(len(penalties)), 0
    for fold in range(INNER_FOLDS):
        held = inner == fold
        if held.any() and not held.all():
            coefficients, intercepts = path(features[~held], targets[~held], penalties)
            unseen += held.sum()
            errors += np.square(features[held] @ coefficients + intercepts - targets[held, None]).sum(axis=0)
    best = int(np.argmin(errors))
    return penalties[best], float(errors[best] / unseen) if unseen else float("nan")


def ridge_path(features: Floats, targets: Floats, penalties: Sequence[float]) -> tuple[Floats, Floats]:
    """In closed form, from one eigendecomposition of the smaller Gram matrix of the centred features X: with
    X'X = V S V' the coefficients are V (S + penalty)^-1 V' X'y, with XX' = U S U' they are X' U (S + penalty)^-1 U' y.
    """
    mean, level = features.mean(axis=0), targets.mean()
    centred, errors = features - mean, targets - level
    tall = centred.shape[0] >= centred.shape[1]
    values, vectors = eigh(centred.T @ centred if tall else centred @ centred.T)
    shrunk = 1 / (values.clip(0)[:, None] + np.asarray(penalties))
    if tall:
        coefficients = vectors @ (shrunk * (vectors.T @ (centred.T @ errors))[:, None])
    else:
        coefficients = centred.T @ (vectors @ (shrunk * (vectors.T @ errors)[:, None]))
    return coefficients, level - mean @ coefficients


def sparse_ridge_path(features: csr_matrix, targets: Floats, penalties: Sequence[float]) -> tuple[Floats, Floats]:
    """By conjugate gradients: the Gram matrix of many thousand rows would fill the memory."""
    from sklearn.linear_model import Ridge

    fitted = [Ridge(penalty, solver="sparse_cg", tol=1e-6).fit(features, targets) for penalty in penalties]
    return np.stack([model.coef_ for model in fitted], axis=1), np.array([model.intercept_ for model in fitted])
