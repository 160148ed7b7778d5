"""Ridge regressions are scikit-learn's, and choose their penalty on rows they have not seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.linear_model import Ridge

from base_models.ridge import OrdinalProbe, RidgeProbe, best_penalty, ridge_path, sparse_ridge_path

PENALTIES = (0.1, 3.0, 300.0)


def problem(rows: int, width: int, seed: int = 0, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Features away from zero, and numbers that lean on them."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, width)) + random.normal(size=width)
    return features, 3 + features @ random.normal(size=width) + noise * random.normal(size=rows)


@given(rows=st.integers(2, 30), width=st.integers(1, 30), seed=st.integers(0, 1000), outlier=st.sampled_from([0, 1e6]))
def test_the_paths_are_those_of_scikit_learn(rows: int, width: int, seed: int, outlier: float) -> None:
    features, targets = problem(rows, width, seed)
    targets[0] += outlier
    for path, given_features in ((ridge_path, features), (sparse_ridge_path, csr_matrix(features))):
        coefficients, intercepts = path(given_features, targets, PENALTIES)
        for column, penalty in enumerate(PENALTIES):
            reference = Ridge(penalty, solver="cholesky").fit(features, targets)
            ours = features @ coefficients[:, column] + intercepts[column]
            np.testing.assert_allclose(ours, reference.predict(features), rtol=1e-4, atol=1e-4 * np.abs(targets).max())


def test_the_penalty_follows_what_there_is_to_learn() -> None:
    features, targets = problem(200, 20)
    noise = np.random.default_rng(3).permutation(targets)
    chosen = [
        best_penalty(ridge_path, features, numbers, np.arange(200), PENALTIES, 0)[0] for numbers in (targets, noise)
    ]
    assert chosen == [0.1, 300.0]


def test_copies_of_one_row_do_not_vote_for_a_weak_penalty() -> None:
    features, targets = problem(60, 40)
    noise = np.random.default_rng(3).permutation(targets)
    twice = np.repeat(np.arange(60), 4)
    assert best_penalty(ridge_path, features[twice], noise[twice], twice, (0.01, 300.0), 0)[0] == 300.0


def test_one_group_leaves_nothing_to_choose_by() -> None:
    features, targets = problem(6, 3)
    assert best_penalty(ridge_path, features, targets, np.zeros(6, int), PENALTIES, 0)[0] == PENALTIES[0]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_features_that_say_nothing_give_what_is_usual(rows: int) -> None:
    fitted = RidgeProbe(PENALTIES, 7.5).fit(np.ones((rows, 4), np.float32), np.arange(rows) / 2, np.arange(rows), 0)
    assert fitted.predictions(np.eye(4, dtype=np.float32)).tolist() == [[7.5]] * 4


def test_what_was_written_predicts_the_same() -> None:
    features, targets = problem(50, 5)
    fitted, other = RidgeProbe(PENALTIES, 0.0).fit(features, targets, np.arange(50), 0), RidgeProbe(PENALTIES, 0.0)
    other.restore(fitted.tensors())
    assert (other.predictions(features) == fitted.predictions(features)).all()
    assert np.corrcoef(fitted.predictions(features)[:, 0], targets)[0, 1] > 0.9


def ordered(rows: int, classes: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Features, and classes that rise with them, in the middle more often."""
    features, numbers = problem(rows, 8, noise=noise)
    scaled = (numbers - numbers.mean()) / numbers.std() + (classes - 1) / 2
    return features, np.clip(np.round(scaled), 0, classes - 1).astype(np.int64)


def test_ordered_classes_have_honest_probabilities() -> None:
    features, labels = ordered(2000, 4, noise=3.0)
    fitted = OrdinalProbe(PENALTIES, 4).fit(features[:1000], labels[:1000], np.arange(1000), 0)
    values, truth = fitted.predictions(features[1000:]), labels[1000:]
    np.testing.assert_allclose(values.sum(axis=1), 1)
    assert (values >= 0).all()
    sure, right = values.max(axis=1), values.argmax(axis=1) == truth
    for low, high in ((0.4, 0.55), (0.55, 0.7)):
        among = (sure >= low) & (sure < high)
        assert among.sum() > 50 and right[among].mean() == pytest.approx(sure[among].mean(), abs=0.1)
    np.testing.assert_allclose(values.mean(axis=0), np.bincount(truth, minlength=4) / 1000, atol=0.05)


@pytest.mark.parametrize("labels", [[], [2], [0, 0, 2, 2]])
def test_ordered_classes_are_predicted_where_nothing_can_be_learned(labels: list[int]) -> None:
    codes, rows = np.array(labels, dtype=np.int64), len(labels)
    fitted = OrdinalProbe(PENALTIES, 3).fit(np.ones((rows, 4), np.float32), codes, np.arange(rows), 0)
    values = fitted.predictions(np.eye(4, dtype=np.float32))
    assert np.isfinite(values).all() and (values > 0).any(axis=1).all()
    np.testing.assert_allclose(values.sum(axis=1), 1)


def test_ordered_classes_predict_the_same_from_a_file() -> None:
    features, labels = ordered(60, 3, noise=1.0)
    fitted, other = OrdinalProbe(PENALTIES, 3).fit(features, labels, np.arange(60), 0), OrdinalProbe(PENALTIES, 0)
    other.restore(fitted.tensors())
    assert (other.predictions(features) == fitted.predictions(features)).all()
