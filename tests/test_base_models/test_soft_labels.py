"""Learners of soft labels: what a teacher says of each row, in place of one label."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import softmax
from support.regressions import MOOD, regression_data
from support.world import SENTIMENT, toy_table

from base_models.frozen import Frozen
from base_models.logistic import fit_logistic
from base_models.probe import LogisticProbe
from base_models.textual.tfidf import Tfidf
from ensemble.data import Floats
from ensemble.errors import LearnerError

Fit = Callable[[Floats, Any], Floats]  # from features and labels, codes or soft, to probabilities


def by_probe(features: Floats, labels: Any) -> Floats:
    dense = features.astype(np.float32)
    fitted = LogisticProbe([1.0], 0.0, 3).fit(dense, labels, np.arange(len(labels)), 0)
    return fitted.predictions(dense)


def by_regression(features: Floats, labels: Any) -> Floats:
    table = csr_matrix(features)
    coefficients, intercept = fit_logistic(table, labels, 3, np.arange(len(labels)), [1.0], 0.0, 0)
    return np.asarray(softmax(table @ coefficients + intercept, axis=1))


@pytest.mark.parametrize("fit", [by_probe, by_regression])
def test_soft_labels_that_are_sure_are_labels(fit: Fit) -> None:
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(60, 5)), random.integers(0, 3, 60)
    np.testing.assert_allclose(fit(features, np.eye(3)[labels]), fit(features, labels), rtol=0, atol=1e-3)


@pytest.mark.parametrize("fit", [by_probe, by_regression])
def test_a_share_of_a_row_counts_as_that_many_rows(fit: Fit) -> None:
    """Four copies of a row, three of them of one class, teach what four copies with a soft label of .75 teach."""
    random = np.random.default_rng(1)
    features = random.normal(size=(40, 4))
    soft = np.eye(3)[random.integers(0, 3, 40)] * 0.75 + np.eye(3)[random.integers(0, 3, 40)] * 0.25
    copies = np.repeat(np.arange(40), 4)
    labels = np.concatenate([np.repeat(np.arange(3), np.round(row * 4).astype(int)) for row in soft])
    np.testing.assert_allclose(
        fit(features[copies], soft[copies])[::4], fit(features[copies], labels)[::4], rtol=0, atol=2e-3
    )


def test_numbers_and_posts_without_a_label_are_learned_from_what_a_teacher_says() -> None:
    data = regression_data(np.random.default_rng(0).normal(size=40).clip(-3, 3))
    learner, said = Tfidf(), np.array([[len(text or "") / 10] for text in data.texts])
    learner.fit_soft(data.without_labels(), MOOD, said, 0)
    assert np.corrcoef(learner.predict(data), said[:, 0])[0, 1] > 0.9


def test_a_probe_that_learns_no_soft_labels_says_so() -> None:
    data = toy_table(9)
    with pytest.raises(LearnerError, match="probe = 'svm' learns no soft labels; with 'logistic' it does"):
        Frozen(text="anything", probe="svm").fit_soft(data, SENTIMENT, np.full((9, 3), 1 / 3), 0)
