"""Logistic regressions of classes on sparse features, the best of several strengths chosen inside the fit rows."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import softmax

from base_models.class_weights import class_weights
from base_models.strength_search import searched_rows
from ensemble.data import Codes, Floats
from ensemble.folds import stratified_group_split

INNER_SHARE = 0.2
ABSENT = -20.0
Model = tuple[Floats, Floats]  # (width, classes) coefficients and (classes,) intercepts


def fit_logistic(
    features: csr_matrix,
    labels: Codes | Floats,
    classes: int,
    groups: Codes,
    strengths: Sequence[float],
    balance: float,
    seed: int,
) -> tuple[Floats, Floats]:
    """(width, classes) coefficients and (classes,) intercepts under the best of ``strengths`` (scikit-learn's C) by
    log-loss on a fifth of the rows that are searched, ``groups`` whole.

    Of soft labels (rows, classes) each row stands once for each class, as heavy as this is probable, which is exact:
    cross-entropy is linear in what it learns."""
    if labels.ndim == 2:
        copies, named = np.nonzero(labels)
        heavy = np.asarray(labels[copies, named], dtype=np.float64)
        return _fit(features[copies], named, heavy, classes, groups[copies], strengths, seed)
    codes = np.asarray(labels, dtype=np.int64)
    return _fit(features, codes, class_weights(codes, classes, balance), classes, groups, strengths, seed)


def _fit(
    features: csr_matrix,
    labels: Codes,
    weights: Floats,
    classes: int,
    groups: Codes,
    strengths: Sequence[float],
    seed: int,
) -> Model:
    rows = searched_rows([labels], [classes], groups, seed)
    if len(rows) == len(labels):
        strength, _ = _search(features, labels, weights, groups, strengths, classes, seed)
        return _path(features, labels, weights, [strength], classes)[0]
    # What few rows have taught is near what all will teach: starting from there saved a third of the work.
    of_rows = features[rows], labels[rows], weights[rows], groups[rows]
    strength, start = _search(*of_rows, strengths, classes, seed)
    return _path(features, labels, weights, [strength], classes, start)[0]


def _search(
    features: csr_matrix,
    labels: Codes,
    weights: Floats,
    groups: Codes,
    strengths: Sequence[float],
    classes: int,
    seed: int,
) -> tuple[float, Model | None]:
    """The best strength, and what was learned with it on four fifths of these rows; without rows to choose by the
    first, and nothing."""
    from sklearn.metrics import log_loss

    held = stratified_group_split([labels], [classes], groups, [1 - INNER_SHARE, INNER_SHARE], seed) == 1
    if len(np.unique(labels)) < 2 or held.all() or not held.any():
        return strengths[0], None
    models = _path(features[~held], labels[~held], weights[~held], strengths, classes)
    seen = list(range(int(labels.max()) + 1))
    losses = [
        log_loss(
            labels[held],
            softmax((features[held] @ coefficients + intercept)[:, seen], axis=1),
            labels=seen,
            sample_weight=weights[held],
        )
        for coefficients, intercept in models
    ]
    best = int(np.argmin(losses))
    return strengths[best], models[best]


def _path(
    features: csr_matrix,
    labels: Codes,
    weights: Floats,
    strengths: Sequence[float],
    classes: int,
    start: Model | None = None,
) -> list[Model]:
    """Coefficients and intercepts for each strength, each fit starting from the one before, the first from ``start``.

    A class without rows has a score far below all others; a single class has no coefficients at all.
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels)
    model = LogisticRegression(solver="newton-cg", warm_start=True, tol=1e-5, max_iter=200)
    if start is not None and len(present) > 1:
        used = _used(present)
        model.coef_, model.intercept_ = start[0][:, used].T, np.where(start[1] > ABSENT, start[1], 0.0)[used]
    path = []
    for strength in strengths:
        coefficients = np.zeros((features.shape[1], classes))
        intercept = np.full(classes, ABSENT)
        intercept[present] = 0.0
        if len(present) > 1:
            model.set_params(C=strength).fit(features, labels, sample_weight=weights)
            used = _used(present)
            coefficients[:, used], intercept[used] = model.coef_.T, model.intercept_
        path.append((coefficients, intercept))
    return path


def _used(present: Codes) -> Codes:
    """The classes that scikit-learn has a row of coefficients for: of two only the second."""
    return present[1:] if len(present) == 2 else present
