"""Prediction takes as many rows at once as fit, and gives them in the order asked for."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.networks import Net, Vectors, one_core

from base_models.neural.inference import predict_logits
from base_models.neural.sampling import Batch
from ensemble.errors import LearnerError


@given(count=st.integers(1, 20), at_once=st.integers(1, 20), room=st.integers(1, 20))
def test_prediction_takes_as_many_rows_at_once_as_fit_and_gives_the_same(count: int, at_once: int, room: int) -> None:
    network = Net(eval_room=room)
    examples = Vectors(np.zeros(20, dtype=np.int64))
    rows = np.random.default_rng(count).permutation(20)[:count].tolist()
    shown = Shown()
    with one_core():
        logits = predict_logits(network, examples, rows, at_once, track=shown)
    roomy = deepcopy(network)
    roomy.eval_room = None
    with torch.inference_mode():
        expected = roomy(examples.values[rows])
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
    assert shown.done == count, "every row is shown as done"


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=20), at_once=st.integers(1, 20), room=st.integers(1, 20)
)
def test_prediction_runs_the_longest_rows_first_and_gives_them_in_the_order_asked_for(
    lengths: list[int], at_once: int, room: int
) -> None:
    network, examples = Net(eval_room=room), Long(lengths)
    rows = np.random.default_rng(len(lengths)).permutation(len(lengths)).tolist()
    with one_core(), torch.inference_mode():
        logits = predict_logits(network, examples, rows, at_once)
        network.eval_room = None
        np.testing.assert_allclose(logits, network(examples.values[rows]), rtol=1e-5, atol=1e-6)
    assert examples.read == sorted(lengths, reverse=True)


class Long(Vectors):
    """Rows of several lengths; ``read`` are those lengths in the order in which rows were first run."""

    def __init__(self, lengths: list[int]) -> None:
        super().__init__(np.zeros(len(lengths), dtype=np.int64))
        self.each = np.array(lengths)
        self.done: dict[int, int] = {}

    @property
    def lengths(self) -> np.ndarray:  # type: ignore[override]
        return self.each

    @property
    def read(self) -> list[int]:
        return [int(self.each[row]) for row in self.done]

    def batch(self, rows: Sequence[int]) -> Batch:
        self.done |= dict.fromkeys(rows, 1)
        return super().batch(rows)


def test_prediction_halves_its_batch_until_it_fits() -> None:
    network = Net(eval_room=5)
    predict_logits(network, Vectors(np.zeros(16, dtype=np.int64)), range(16), 16)
    assert network.refused == 2, "16 and 8 rows"


class Shown:
    """A progress bar that counts."""

    done = 0

    def __call__(self, items, label, total):  # type: ignore[no-untyped-def]
        for item in items:
            yield item
            self.done += 1


def test_a_single_row_that_cannot_be_predicted_is_one_line() -> None:
    with pytest.raises(LearnerError, match="does not hold one row to predict"):
        predict_logits(Net(eval_room=0), Vectors(np.zeros(4, dtype=np.int64)), range(4), 4)
