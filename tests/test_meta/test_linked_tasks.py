"""A binary label and its degree are made to agree by the pair of labels that is most probable together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meta.linked_tasks import decode


@given(st.integers(0, 10_000))
def test_the_decoded_pair_agrees_and_no_agreeing_pair_is_more_probable(seed: int) -> None:
    random = np.random.default_rng(seed)
    binary, degree = random.dirichlet(np.ones(2), size=12), random.dirichlet(np.ones(4), size=12)
    labels, degrees = decode(binary, degree)
    assert ((labels == 1) == (degrees > 0)).all()
    for row in range(12):
        pairs = {(int(d > 0), d): binary[row, int(d > 0)] * degree[row, d] for d in range(4)}
        assert pairs[labels[row], degrees[row]] == max(pairs.values())


def test_the_surer_of_two_that_disagree_decides() -> None:
    absent, present = np.array([[0.9, 0.1]]), np.array([[0.1, 0.9]])
    unsure = np.array([[0.4, 0.3, 0.2, 0.1]])
    assert decode(absent, unsure)[0] == [0]
    assert decode(present, unsure)[0] == [1]
    assert decode(present, np.array([[0.97, 0.01, 0.01, 0.01]]))[1] == [0]
