"""Greedy selection is what a loop over all learners at every step would do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ensemble.metrics import METRICS, score
from meta.greedy import Greedy, select

STEPS = 8


def library(seed: int, learners: int, classes: int, rows: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and (learners, classes, rows) probabilities in sixty-fourths, whose sums have no rounding."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=rows)
    scores = random.normal(size=(learners, rows, classes)) + 0.7 * np.eye(classes)[labels]
    values = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    return labels, (np.round(values * 64) / 64).transpose(0, 2, 1)


def brute_force(name: str, labels: np.ndarray, values: np.ndarray) -> list[int]:
    """Caruana's words, one score after another."""

    def merit(chosen: list[int]) -> float:
        return METRICS[name].sign * score(METRICS[name], labels, sum(values[each] for each in chosen).T)

    order = sorted(range(len(values)), key=lambda each: -merit([each]))[:STEPS]
    path = max((order[:length] for length in range(1, len(order) + 1)), key=merit)
    best = path
    while len(path) < STEPS:
        path = max(([*path, each] for each in range(len(values))), key=merit)
        if merit(path) > merit(best):
            best = path
    return best


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 4), st.sampled_from(["macro_f1", "accuracy"]))
def test_selection_equals_brute_force(seed: int, learners: int, classes: int, name: str) -> None:
    labels, values = library(seed, learners, classes)
    assert select(METRICS[name], labels, values, STEPS) == brute_force(name, labels, values)


def test_a_metric_of_probabilities_is_served_too() -> None:
    labels, values = library(3, 4, 3)
    values = (values + 1) / (values + 1).sum(axis=1, keepdims=True)
    chosen = select(METRICS["log_loss"], labels, values)
    mean = values[chosen].mean(axis=0).T
    alone = min(score(METRICS["log_loss"], labels, one.T) for one in values)
    assert score(METRICS["log_loss"], labels, mean) <= alone


def test_weights_are_shares_and_a_learner_of_noise_gets_little() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(3, size=600)
    good = [np.exp(random.normal(size=(600, 3)) + 1.5 * np.eye(3)[labels]) for _ in range(3)]
    features = np.hstack([one / one.sum(axis=1, keepdims=True) for one in [*good, random.random((600, 3))]])
    weights = Greedy(4, 3).fit(features, labels).weights_
    assert abs(weights.sum() - 1) < 1e-12 and (weights >= 0).all()
    assert weights[3] < 0.1


def test_the_same_seed_gives_the_same_weights() -> None:
    labels, values = library(5, 6, 3, 200)
    features = values.transpose(2, 0, 1).reshape(200, -1)
    ours, theirs = (Greedy(6, 3, seed=seed).fit(features, labels).weights_ for seed in (1, 1))
    assert (ours == theirs).all()


def test_one_good_learner_beside_two_that_are_always_wrong_gets_everything() -> None:
    labels = np.arange(60) % 3
    right, wrong = np.eye(3)[labels], np.eye(3)[(labels + 1) % 3]
    assert Greedy(3, 3).fit(np.hstack([right, wrong, wrong]), labels).weights_.tolist() == [1, 0, 0]
    assert Greedy(2, 3).fit(np.hstack([wrong, right]), labels).weights_.tolist() == [0, 1]
