"""Simplex weights minimise log-loss among all weighted means."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ensemble.metrics import METRICS, score
from meta.weights import Simplex


@given(st.integers(0, 1000))
def test_no_other_weights_on_the_simplex_have_a_lower_log_loss(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(3, size=80)
    values = np.stack([random.dirichlet(np.ones(3), 80) * 0.7 + 0.3 * np.eye(3)[labels] for _ in range(3)], axis=1)
    weights = Simplex(3, 3).fit(values.reshape(80, -1), labels).weights_
    assert abs(weights.sum() - 1) < 1e-12 and (weights >= 0).all()

    def loss(at: np.ndarray) -> float:
        return score(METRICS["log_loss"], labels, np.einsum("rlc,l->rc", values, at))

    for other in random.dirichlet(np.ones(3), 50):
        assert loss(weights) <= loss(other) + 1e-4
