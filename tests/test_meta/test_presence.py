"""A binary label and its degree are made to agree by one rule, chosen on other folds than it is scored on."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ensemble.data import Dataset, Task
from ensemble.predictions import Predictions
from meta.presence import BINARY_FROM_DEGREE, DEGREE_FROM_BINARY, RULES, agree, decode

BINARY, DEGREE = Task("humour", ("0", "1")), Task("humour_degree", ("0", "1", "2", "3"))
IDS = np.array([f"p{number}" for number in range(12)], dtype=object)


def pair(seed: int) -> tuple[Predictions, Predictions]:
    random = np.random.default_rng(seed)
    return (
        Predictions(BINARY, IDS, random.dirichlet(np.ones(2), size=12)),
        Predictions(DEGREE, IDS, random.dirichlet(np.ones(4), size=12)),
    )


@given(st.integers(0, 10_000), st.sampled_from(RULES))
def test_under_every_rule_the_binary_label_is_one_exactly_where_the_degree_is_above_zero(seed: int, rule: str) -> None:
    binary, degree = decode(*pair(seed), rule)
    assert ((binary == 1) == (degree > 0)).all()


def test_each_rule_keeps_the_most_probable_label_of_the_task_it_starts_from() -> None:
    binary, degree = pair(0)
    assert (decode(binary, degree, BINARY_FROM_DEGREE)[1] == degree.labels()).all()
    assert (decode(binary, degree, DEGREE_FROM_BINARY)[0] == binary.labels()).all()


def test_predictions_are_joined_by_id_not_by_position() -> None:
    binary, degree = pair(1)
    turned = degree.take(IDS[::-1])
    for rule in RULES:
        for ours, theirs in zip(decode(binary, degree, rule), decode(binary, turned, rule), strict=True):
            assert (ours == theirs).all()


@given(arrays(np.int64, 12, elements=st.integers(0, 3)))
def test_the_rule_whose_task_is_perfect_is_chosen_when_the_other_one_is_wrong(degrees: np.ndarray) -> None:
    degree = Predictions(DEGREE, IDS, np.eye(4)[degrees])
    wrong = Predictions(BINARY, IDS, np.eye(2)[(degrees == 0).astype(int)])
    frame = pd.DataFrame({"id": IDS, "text": "x", "image": None, "part": "train"}, dtype=object)
    frame["humour"] = ["1" if value else "0" for value in degrees]
    frame["humour_degree"] = [str(value) for value in degrees]
    agreed = agree(wrong, degree, Dataset(frame, None, (BINARY, DEGREE)), np.arange(12) % 3)  # type: ignore[arg-type]
    assert agreed.rule == BINARY_FROM_DEGREE
    assert (agreed.degree == degrees).all()
