"""A regularised logistic probe on dense features, its strength chosen inside the fit rows.

All strengths x inner folds x classes are solved at once: one eigendecomposition of the features, shared by every task
that is fitted on the same rows, then matrix products in which each problem is a few columns.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax

from base_models.class_weights import smoothed_frequencies, targets_of
from ensemble.blocks import Features
from ensemble.data import Codes, Floats
from ensemble.folds import stratified_group_split

INNER_FOLDS = 3
STEPS = 300
TOLERANCE = 2e-4
REMEMBERED = 12  # decompositions: of so many folds
SMALLEST = 1e-6  # of the largest eigenvalue: directions below it are rounding noise in float32


class LogisticProbe:
    """Multinomial logistic regression with an L2 penalty chosen from ``penalties`` by log-loss over inner folds.

    Features should be scaled so that rows have a mean squared norm near one. ``balance`` is the power of the inverse
    class frequency that weighs a row. Where no feature varies, class frequencies are predicted.
    Learned: ``coefficients_`` (width, classes), ``intercept_`` (classes,), ``penalty_``.
    """

    def __init__(self, penalties: Sequence[float], balance: float, classes: int) -> None:
        self.penalties = penalties
        self.balance = balance
        self.classes = classes

    def fit(self, features: Features, labels: Codes | Floats, groups: Codes, seed: int) -> "LogisticProbe":
        """Of soft labels (rows, classes) the cross-entropy is the same, without weights."""
        classes = self.classes
        basis = decompose(features) if len(features) else None
        if basis is None or not len(basis.scale):  # nothing tells one row from another
            return self._fit_frequencies(features, labels)
        likeliest, shares, weights = targets_of(labels, classes, self.balance)
        inner = stratified_group_split([likeliest], [classes], groups, [1 / INNER_FOLDS] * INNER_FOLDS, seed)
        grid = len(self.penalties)
        # Columns: every penalty without each inner fold, then every penalty on all rows.
        keep = [weights * (inner != fold) for fold in range(INNER_FOLDS)] + [weights]
        problems = np.repeat(np.stack(keep, axis=1), grid, axis=1).astype(np.float32)
        penalties = np.tile(np.asarray(self.penalties, dtype=np.float32), INNER_FOLDS + 1)
        targets = shares.astype(np.float32)
        coefficients, intercepts = solve(basis.left, basis.scale, targets, problems, penalties)
        losses = np.zeros(grid)
        for column in range(INNER_FOLDS * grid):
            held = inner == column // grid
            scores = log_softmax(basis.left[held] @ coefficients[:, column] + intercepts[column], axis=1)
            losses[column % grid] -= weights[held] @ (targets[held] * scores).sum(axis=1)
        best = int(np.argmin(losses))
        chosen = INNER_FOLDS * grid + best
        self.penalty_ = float(self.penalties[best])
        # From the basis back: features - mean = left * scale @ right, so scores are features @ right' / scale @ c.
        self.coefficients_ = basis.right.T @ (coefficients[:, chosen] / basis.scale[:, None])
        self.intercept_ = intercepts[chosen] - basis.mean @ self.coefficients_
        return self

    def _fit_frequencies(self, features: Features, labels: Codes | Floats) -> "LogisticProbe":
        self.penalty_ = float(max(self.penalties))
        self.coefficients_ = np.zeros((features.shape[1], self.classes), dtype=np.float32)
        self.intercept_ = np.log(smoothed_frequencies(labels, self.classes)).astype(np.float32)
        return self

    def predictions(self, features: Features) -> npt.NDArray[np.float64]:
        """(rows, classes) probabilities."""
        scores = features @ self.coefficients_ + self.intercept_
        return np.asarray(softmax(scores.astype(np.float64), axis=1))

    def tensors(self) -> dict[str, npt.NDArray[np.floating]]:
        """All that predicting needs."""
        return {"coefficients": np.ascontiguousarray(self.coefficients_), "intercept": self.intercept_}

    def restore(self, tensors: Mapping[str, npt.NDArray[np.floating]]) -> None:
        for name in ("coefficients", "intercept"):
            setattr(self, f"{name}_", tensors[name])


@dataclass(frozen=True)
class Basis:
    """Centred features as ``left * scale @ right``: ``left`` (rows, rank) orthonormal, ``right`` (rank, width)."""

    mean: Features
    left: Features
    scale: Features
    right: Features


def decompose(features: Features) -> Basis:
    """The eigendecomposition of the centred features, remembered for the next task on the same rows."""
    key = f"{features.shape} {hashlib.blake2b(np.ascontiguousarray(features).data).hexdigest()}"
    if key in _bases:
        _bases.move_to_end(key)
        return _bases[key]
    from scipy.linalg import eigh  # late: who predicts needs none

    mean = features.mean(axis=0)
    centred = features - mean
    # The singular value decomposition, by the smaller of the two Gram matrices: X'X = V S^2 V' and XX' = U S^2 U'.
    tall = len(centred) >= centred.shape[1]
    values, vectors = eigh(centred.T @ centred if tall else centred @ centred.T)
    kept = values > values[-1] * SMALLEST
    scale = np.sqrt(values[kept]).astype(np.float32)
    vectors = vectors[:, kept].astype(np.float32)
    if tall:
        basis = Basis(mean, centred @ vectors / scale, scale, np.ascontiguousarray(vectors.T))
    else:
        basis = Basis(mean, vectors, scale, vectors.T @ centred / scale[:, None])
    _bases[key] = basis
    while len(_bases) > REMEMBERED:
        _bases.popitem(last=False)
    return basis


_bases: "OrderedDict[str, Basis]" = OrderedDict()


def solve(
    left: Features, scale: Features, targets: Features, weights: Features, penalties: Features
) -> tuple[Features, Features]:
    """Minimise, for each problem p, sum_i weights[i, p] * cross_entropy_i + penalties[p] / 2 * |coefficients_p|^2.

    ``left`` (rows, rank) has orthonormal columns, ``targets`` (rows, classes) one-hot or soft, ``weights`` (rows,
    problems).
    Returns coefficients of ``left`` (rank, problems, classes) and intercepts (problems, classes). Accelerated gradient
    descent with restarts: the softmax Hessian is at most one half, so in this basis its bound is diagonal and gives
    the step without a line search (Boehning 1992; O'Donoghue and Candes 2015). All problems
    stop when the step of each is below TOLERANCE of its coefficients, or after STEPS.
    """
    rows, classes = targets.shape
    problems = weights.shape[1]
    # In the coordinates of the orthonormal ``left`` a coefficient is ``scale`` times that of the features, so the same
    # penalty weighs it 1 / scale^2. The Hessian of the loss is at most max(weights) / 2 (Boehning 1992: that of the
    # softmax is at most 1/2, and left'left = 1), of the intercepts sum(weights) / 2; one over it is a safe step.
    shrink = (penalties[None, :] / scale[:, None] ** 2)[:, :, None]
    step = 1.0 / (weights.max(axis=0)[None, :, None] / 2 + shrink)
    level_step = (2.0 / weights.sum(axis=0).clip(1e-6))[:, None]  # an inner fold may leave no row to fit on
    here = np.zeros((len(scale), problems, classes), dtype=np.float32)
    level = np.zeros((problems, classes), dtype=np.float32)
    ahead, level_ahead = here, level
    momentum = np.ones((problems, 1), dtype=np.float32)
    for _ in range(STEPS):
        scores = (left @ ahead.reshape(len(scale), -1)).reshape(rows, problems, classes) + level_ahead
        residual = (softmax(scores, axis=2) - targets[:, None, :]) * weights[:, :, None]
        slope = (left.T @ residual.reshape(rows, -1)).reshape(ahead.shape) + shrink * ahead
        level_slope = residual.sum(axis=0)
        new, new_level = ahead - step * slope, level_ahead - level_step * level_slope
        moved, level_moved = new - here, new_level - level
        # Restart by gradient (O'Donoghue and Candes 2015, eq. 13): where the move went uphill, momentum begins anew.
        uphill = (np.einsum("rpc,rpc->p", slope, moved) + (level_slope * level_moved).sum(axis=1) > 0)[:, None]
        # Nesterov's sequence: t' = (1 + sqrt(1 + 4 t^2)) / 2, the next look-ahead is (t - 1) / t' times the move.
        grown = np.where(uphill, 1.0, (1 + np.sqrt(1 + 4 * momentum**2)) / 2).astype(np.float32)
        speed = np.where(uphill, 0.0, (momentum - 1) / grown).astype(np.float32)
        ahead, level_ahead = new + speed * moved, new_level + speed * level_moved
        here, level, momentum = new, new_level, grown
        change = np.sqrt(np.square(step * slope).sum(axis=(0, 2)) / np.square(new).sum(axis=(0, 2)).clip(1e-12))
        if change.max() < TOLERANCE:
            break
    return here, level
