"""The batched probe solves the same problems as scikit-learn, all at once, and chooses inside the fit rows."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from base_models import probe
from base_models.class_weights import smoothed_frequencies
from base_models.probe import LogisticProbe, decompose, solve


def problem(rows: int, width: int, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, width)) @ np.diag(np.linspace(1, 0.05, width))
    features /= np.sqrt(np.square(features).sum(axis=1).mean())
    scores = features @ random.normal(size=(width, classes)) * 3
    labels = np.array([random.choice(classes, p=p) for p in softmax(scores, axis=1)])
    return features.astype(np.float32), labels


@pytest.mark.parametrize(("rows", "width"), [(300, 20), (60, 150)])
def test_every_problem_of_the_batch_is_solved_as_scikit_learn_solves_it_alone(
    rows: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "TOLERANCE", 1e-6)
    monkeypatch.setattr(probe, "STEPS", 5000)
    features, labels = problem(rows, width)
    random = np.random.default_rng(1)
    weights = random.choice([0.0, 1.0, 2.5], size=(rows, 3)).astype(np.float32)
    penalties = np.array([0.3, 3.0, 30.0], dtype=np.float32)
    basis = decompose(features)
    targets = np.eye(3, dtype=np.float32)[labels]
    coefficients, intercepts = solve(basis.left, basis.scale, targets, weights, penalties)
    for column, penalty in enumerate(penalties):
        reference = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
        reference.fit(features, labels, sample_weight=weights[:, column])
        ours = softmax(basis.left @ coefficients[:, column] + intercepts[column], axis=1)
        np.testing.assert_allclose(ours, reference.predict_proba(features), atol=2e-3)


@pytest.mark.parametrize(("rows", "width"), [(50, 12), (12, 50)])
def test_the_basis_rebuilds_the_features(rows: int, width: int) -> None:
    features = np.random.default_rng(0).normal(size=(rows, width)).astype(np.float32)
    basis = decompose(features)
    np.testing.assert_allclose((basis.left * basis.scale) @ basis.right + basis.mean, features, atol=1e-4)
    np.testing.assert_allclose(basis.left.T @ basis.left, np.eye(len(basis.scale)), atol=1e-4)


def test_the_same_features_are_decomposed_once() -> None:
    features, _ = problem(40, 10)
    assert decompose(features) is decompose(features.copy())


def test_a_stronger_penalty_is_chosen_where_there_is_nothing_to_learn() -> None:
    features, labels = problem(400, 30)
    noise = np.random.default_rng(3).permutation(labels)
    groups = np.arange(400)
    learned = LogisticProbe((0.1, 100.0), 0.0, 3).fit(features, labels, groups, seed=0)
    unlearnable = LogisticProbe((0.1, 100.0), 0.0, 3).fit(features, noise, groups, seed=0)
    assert (learned.penalty_, unlearnable.penalty_) == (0.1, 100.0)


def test_copies_of_one_row_do_not_vote_for_a_weak_penalty() -> None:
    """Inner folds keep groups whole: with every noise row copied, split copies would reward memorising."""
    features, labels = problem(150, 60)
    noise = np.random.default_rng(3).permutation(labels)
    twice, groups = np.repeat(np.arange(150), 4), np.repeat(np.arange(150), 4)
    fitted = LogisticProbe((0.01, 300.0), 0.0, 3).fit(features[twice], noise[twice], groups, seed=0)
    assert fitted.penalty_ == 300.0


def test_balance_one_predicts_a_rare_class_more_often_than_balance_zero() -> None:
    features, labels = problem(500, 20, classes=2, seed=4)
    rare = np.flatnonzero(labels == 1)[30:]
    kept = np.setdiff1d(np.arange(500), rare)
    shares = [
        LogisticProbe((1.0,), balance, 2)
        .fit(features[kept], labels[kept], kept, seed=0)
        .predictions(features[kept])[:, 1]
        .mean()
        for balance in (0.0, 1.0)
    ]
    assert shares[1] > shares[0] + 0.1


@pytest.mark.parametrize("labels", [[], [1], [1, 0, 1, 1]])
def test_features_that_say_nothing_give_the_class_frequencies(labels: list[int]) -> None:
    codes, features = np.array(labels, dtype=np.int64), np.ones((len(labels), 4), dtype=np.float32)
    fitted = LogisticProbe((0.1, 1.0), 0.5, 2).fit(features, codes, codes, seed=0)
    frequencies = smoothed_frequencies(codes, 2)
    np.testing.assert_allclose(fitted.predictions(np.eye(4, dtype=np.float32)), np.tile(frequencies, (4, 1)), atol=1e-6)


def test_two_rows_that_stay_together_are_fitted_on() -> None:
    """Inner folds cannot part them: one leaves no row to fit on."""
    features, codes = np.eye(2, 4, dtype=np.float32), np.array([0, 1])
    values = LogisticProbe((0.1, 1.0), 0.5, 2).fit(features, codes, np.zeros(2, int), seed=0).predictions(features)
    assert values.argmax(axis=1).tolist() == [0, 1]
