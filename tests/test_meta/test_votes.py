"""Votes are of the learners' own probabilities; ties go to the larger mean and are counted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meta.votes import HardVote, SoftVote, count_ties, vote_shares


def probabilities(rows: int, learners: int, classes: int) -> st.SearchStrategy[np.ndarray]:
    raw = arrays(np.float64, (rows, learners, classes), elements=st.floats(0.01, 1))
    return raw.map(lambda values: (values / values.sum(axis=2, keepdims=True)).reshape(rows, -1))


@given(probabilities(6, 3, 3))
def test_soft_vote_is_the_plain_mean(features: np.ndarray) -> None:
    vote = SoftVote(classes=3).fit(features, np.zeros(6, dtype=np.int64))
    np.testing.assert_allclose(vote.predict_proba(features), features.reshape(6, 3, 3).mean(axis=1))


@given(probabilities(8, 4, 3))
@settings(max_examples=200)
def test_hard_vote_takes_the_most_votes_and_of_those_the_larger_mean(features: np.ndarray) -> None:
    by_learner = features.reshape(8, 4, 3)
    shares, means = vote_shares(by_learner), by_learner.mean(axis=1)
    values = HardVote(classes=3).fit(features, np.zeros(8, dtype=np.int64)).predict_proba(features)
    np.testing.assert_allclose(values.sum(axis=1), 1)
    for row in range(8):
        most = shares[row] == shares[row].max()
        chosen = values[row].argmax()
        assert most[chosen]
        assert means[row][chosen] >= means[row][most].max() - 1e-9


def test_ties_are_counted() -> None:
    features = np.array([[0.9, 0.1, 0.2, 0.8], [0.9, 0.1, 0.6, 0.4]])
    assert count_ties(features, classes=2) == 1


def test_a_tie_is_not_given_to_the_first_class() -> None:
    features = np.array([[0.6, 0.4, 0.1, 0.9]])
    assert HardVote(classes=2).predict_proba(features).argmax() == 1
