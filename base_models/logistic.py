"""Logistic regressions of classes on sparse features, the best of several strengths chosen inside the fit rows."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from base_models.class_weights import class_weights
from ensemble.data import Codes, Floats
from ensemble.folds import stratified_group_split

INNER_SHARE = 0.2
ABSENT = -20.0


def fit_logistic(
    features: csr_matrix,
    labels: Codes,
    classes: int,
    groups: Codes,
    strengths: Sequence[float],
    balance: float,
    seed: int,
) -> tuple[Floats, Floats]:
    """(width, classes) coefficients and (classes,) intercepts under the best of ``strengths`` (scikit-learn's C) by
    log-loss on a fifth of the rows, ``groups`` whole."""
    inner = stratified_group_split([labels], [classes], groups, [1 - INNER_SHARE, INNER_SHARE], seed)
    weights = class_weights(labels, classes, balance)
    strength = _best_strength(features, labels, weights, inner == 1, strengths)
    return _path(features, labels, weights, [strength], classes)[0]


def _best_strength(
    features: csr_matrix, labels: Codes, weights: Floats, held: np.ndarray, strengths: Sequence[float]
) -> float:
    classes = int(labels.max()) + 1
    if len(np.unique(labels)) < 2 or held.all() or not held.any():
        return strengths[0]
    models = _path(features[~held], labels[~held], weights[~held], strengths, classes)
    losses = [
        log_loss(
            labels[held],
            softmax(features[held] @ coefficients + intercept, axis=1),
            labels=list(range(classes)),
            sample_weight=weights[held],
        )
        for coefficients, intercept in models
    ]
    return strengths[int(np.argmin(losses))]


def _path(
    features: csr_matrix, labels: Codes, weights: Floats, strengths: Sequence[float], classes: int
) -> list[tuple[Floats, Floats]]:
    """Coefficients and intercepts for each strength, each fit starting from the one before.

    A class without rows has a score far below all others; a single class has no coefficients at all.
    """
    present = np.unique(labels)
    model = LogisticRegression(solver="newton-cg", warm_start=True, tol=1e-5, max_iter=200)
    path = []
    for strength in strengths:
        coefficients = np.zeros((features.shape[1], classes))
        intercept = np.full(classes, ABSENT)
        intercept[present] = 0.0
        if len(present) > 1:
            model.set_params(C=strength).fit(features, labels, sample_weight=weights)
            binary = len(present) == 2  # one row of coefficients, for the second class
            used = present[1:] if binary else present
            coefficients[:, used], intercept[used] = model.coef_.T, model.intercept_
        path.append((coefficients, intercept))
    return path
