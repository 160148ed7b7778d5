"""A support vector machine on dense features, its cost chosen inside the fit rows, its decisions made probabilities."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.svm import SVC

from base_models.class_weights import class_weights
from ensemble.blocks import Features
from ensemble.data import Codes, Floats
from ensemble.folds import stratified_group_split

Machines = tuple[Floats, Floats]  # (rows, pairs) dual coefficients and (pairs,) offsets

INNER_FOLDS = 3
ROWS_AT_ONCE = 1024
ABSENT = -20.0  # the level of a class without rows: exp(-20) is 2e-9 of a probability


class KernelSVM:
    """A machine for each pair of classes under the radial kernel exp(-|x - y|^2 / mean |x|^2), as scikit-learn's SVC
    with ``gamma="scale"``.

    Its probabilities are a softmax of a linear function of the pairs' decisions (Platt 1999, for several classes),
    fitted on rows that the machines had not seen; the cost of ``costs`` with the least log-loss there is taken.
    ``balance`` is the power of the inverse class frequency that weighs a row. Takes 8 bytes for each pair of fit rows.
    """

    def __init__(self, costs: Sequence[float], balance: float, classes: int) -> None:
        self.costs = costs
        self.balance = balance
        self.classes = classes

    def fit(self, features: Features, labels: Codes, groups: Codes, seed: int) -> "KernelSVM":
        """``features`` (rows, width) should be centred, ``labels`` are (rows,) in 0..classes-1."""
        classes = self.classes
        if not len(features):
            return self._fit_nothing(features, classes)
        self.spread_ = np.array([max(float(np.square(features).sum(axis=1).mean()), 1e-12)])
        kernel = self._kernel(features, features)
        weights = class_weights(labels, classes, self.balance)
        inner = stratified_group_split([labels], [classes], groups, [1 / INNER_FOLDS] * INNER_FOLDS, seed)
        losses, calibrations = [], []
        for cost in self.costs:
            # Decisions on rows that a machine was fitted on are pushed to its margins and would make the calibration
            # too sure (Platt 1999, section 2.2): it is fitted on decisions out of fold.
            unseen = np.zeros((len(labels), _pairs(classes)))
            for fold in np.unique(inner):
                held = inner == fold
                coefficients, offset = _train(kernel, labels, classes, weights * ~held, cost)
                unseen[held] = kernel[held] @ coefficients + offset
            slopes, levels = _calibrate(unseen, labels, classes, weights)
            values = softmax(unseen @ slopes + levels, axis=1)
            losses.append(log_loss(labels, values, sample_weight=weights, labels=list(range(classes))))
            calibrations.append((slopes, levels))
        best = int(np.argmin(losses))
        self.cost_ = float(self.costs[best])
        self.slopes_, self.levels_ = calibrations[best]
        coefficients, self.offset_ = _train(kernel, labels, classes, weights, self.cost_)
        support = coefficients.any(axis=1)
        self.support_, self.coefficients_ = features[support], coefficients[support]
        return self

    def _fit_nothing(self, features: Features, classes: int) -> "KernelSVM":
        """Without rows all classes are equal."""
        self.cost_, self.spread_ = float(self.costs[0]), np.ones(1)
        self.support_, self.coefficients_ = features, np.zeros((0, _pairs(classes)))
        self.offset_, self.slopes_ = np.zeros(_pairs(classes)), np.zeros((_pairs(classes), classes))
        self.levels_ = np.zeros(classes)
        return self

    def predictions(self, features: Features) -> Floats:
        """(rows, classes) probabilities."""
        parts = [features[start : start + ROWS_AT_ONCE] for start in range(0, len(features), ROWS_AT_ONCE)]
        decisions = [self._kernel(part, self.support_) @ self.coefficients_ + self.offset_ for part in parts]
        values = [softmax(decision @ self.slopes_ + self.levels_, axis=1) for decision in decisions]
        return np.concatenate([np.zeros((0, len(self.levels_))), *values])

    def tensors(self) -> dict[str, npt.NDArray[np.floating]]:
        """All that predicting needs."""
        kept = {
            "support": self.support_,
            "coefficients": self.coefficients_,
            "offset": self.offset_,
            "slopes": self.slopes_,
            "levels": self.levels_,
            "spread": self.spread_,
        }
        return {name: np.ascontiguousarray(value) for name, value in kept.items()}

    def restore(self, tensors: Mapping[str, npt.NDArray[np.floating]]) -> None:
        for name in ("support", "coefficients", "offset", "slopes", "levels", "spread"):
            setattr(self, f"{name}_", tensors[name])

    def _kernel(self, ours: Features, theirs: Features) -> Floats:
        """(our rows, their rows)."""
        # |x - y|^2 = |x|^2 + |y|^2 - 2 xy, which rounding may bring below zero.
        distance = np.square(ours).sum(axis=1)[:, None] + np.square(theirs).sum(axis=1) - 2 * ours @ theirs.T
        return np.asarray(np.exp(-np.maximum(distance, 0).astype(np.float64) / self.spread_))


def _pairs(classes: int) -> int:
    return classes * (classes - 1) // 2


def _train(kernel: Floats, labels: Codes, classes: int, weights: Floats, cost: float) -> Machines:
    """On the rows with a weight. A pair of which one class has no such row decides nothing: all zeros."""
    coefficients, offset = np.zeros((len(labels), _pairs(classes))), np.zeros(_pairs(classes))
    for pair, both in enumerate(combinations(range(classes), 2)):
        rows = np.flatnonzero(np.isin(labels, both) & (weights > 0))
        if len(np.unique(labels[rows])) == 2:
            # A row's weight multiplies its cost, the bound of its dual coefficient.
            machine = SVC(C=cost, kernel="precomputed", cache_size=500)
            machine.fit(kernel[np.ix_(rows, rows)], labels[rows], sample_weight=weights[rows])
            coefficients[rows[machine.support_], pair] = machine.dual_coef_[0]
            offset[pair] = machine.intercept_[0]
    return coefficients, offset


def _calibrate(decisions: Floats, labels: Codes, classes: int, weights: Floats) -> tuple[Floats, Floats]:
    """(pairs, classes) slopes and (classes,) levels of the softmax; a class without rows is far below all others."""
    present = np.unique(labels)
    slopes, levels = np.zeros((decisions.shape[1], classes)), np.full(classes, ABSENT)
    levels[present] = 0.0
    if len(present) > 1:
        # Platt's sigmoid for several classes: a softmax whose scores are linear in the decisions of all pairs.
        model = LogisticRegression(solver="newton-cg", tol=1e-6, max_iter=300)
        model.fit(decisions, labels, sample_weight=weights)
        used = present[1:] if len(present) == 2 else present  # of two classes there is one row of coefficients
        slopes[:, used], levels[used] = model.coef_.T, model.intercept_
    return slopes, levels
