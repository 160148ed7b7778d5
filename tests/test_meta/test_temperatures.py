"""One temperature per learner, of least log-loss."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from ensemble.metrics import METRICS, score
from meta.temperatures import inverse_temperature, sharpen


def learners(seed: int = 0, rows: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """A calibrated learner, the same made too sure, and the same made too timid."""
    random = np.random.default_rng(seed)
    honest = random.dirichlet(np.full(3, 0.7), rows)
    labels = (random.random((rows, 1)) > honest.cumsum(axis=1)).sum(axis=1).clip(max=2)
    return labels, sharpen(np.stack([honest, honest, honest], axis=1), np.array([1.0, 3.0, 0.4]))


def test_too_sure_and_too_timid_learners_are_put_right() -> None:
    labels, values = learners()
    found = inverse_temperature(values, labels)
    np.testing.assert_allclose(found * [1, 3, 0.4], 1, atol=0.08)


def test_newton_finds_what_a_line_search_finds() -> None:
    labels, values = learners(1, 300)
    for position, found in enumerate(inverse_temperature(values, labels)):
        one = values[:, [position]]
        best = minimize_scalar(
            lambda by, one=one: score(METRICS["log_loss"], labels, sharpen(one, np.array([by]))[:, 0]),
            bounds=(0.05, 20),
            method="bounded",
            options={"xatol": 1e-7},
        )
        assert found == pytest.approx(best.x, rel=1e-3)


def test_noise_and_certainty_leave_finite_temperatures() -> None:
    labels = np.array([0, 1, 0, 1])
    for values in (np.full((4, 1, 2), 0.5), np.eye(2)[labels][:, None, :], np.eye(2)[1 - labels][:, None, :]):
        assert np.isfinite(inverse_temperature(values, labels)).all()
