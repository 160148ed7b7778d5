"""Votes are of the learners' own probabilities; ties go to the larger mean and are counted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meta.votes import BestSingle, HardVote, LogOddsMean, RankMean, SoftVote, by_learner, count_ties, vote_shares


def probabilities(rows: int, learners: int, classes: int) -> st.SearchStrategy[np.ndarray]:
    raw = arrays(np.float64, (rows, learners, classes), elements=st.floats(0.01, 1))
    return raw.map(lambda values: (values / values.sum(axis=2, keepdims=True)).reshape(rows, -1))


@given(probabilities(6, 3, 3))
def test_soft_vote_is_the_plain_mean(features: np.ndarray) -> None:
    vote = SoftVote(3, 3).fit(features, np.zeros(6, dtype=np.int64))
    np.testing.assert_allclose(vote.predict_proba(features), features.reshape(6, 3, 3).mean(axis=1))


@given(probabilities(8, 4, 3))
@settings(max_examples=200)
def test_hard_vote_takes_the_most_votes_and_of_those_the_larger_mean(features: np.ndarray) -> None:
    values = by_learner(features, 4, 3)
    shares, means = vote_shares(values), values.mean(axis=1)
    values = HardVote(4, 3).fit(features, np.zeros(8, dtype=np.int64)).predict_proba(features)
    np.testing.assert_allclose(values.sum(axis=1), 1)
    for row in range(8):
        most = shares[row] == shares[row].max()
        chosen = values[row].argmax()
        assert most[chosen]
        assert means[row][chosen] >= means[row][most].max() - 1e-9


def test_ties_are_counted() -> None:
    features = np.array([[0.9, 0.1, 0.2, 0.8], [0.9, 0.1, 0.6, 0.4]])
    assert count_ties(by_learner(features, 2, 2)) == 1


def test_a_tie_is_not_given_to_the_first_class() -> None:
    features = np.array([[0.6, 0.4, 0.1, 0.9]])
    assert HardVote(2, 2).predict_proba(features).argmax() == 1


@given(probabilities(6, 3, 2))
def test_the_mean_of_log_odds_of_two_classes_is_just_that(features: np.ndarray) -> None:
    values = LogOddsMean(3, 2).predict_proba(features)
    odds = np.log(features[:, 1::2] / features[:, ::2]).mean(axis=1)
    np.testing.assert_allclose(np.log(values[:, 1] / values[:, 0]), odds, atol=1e-9)


def test_ranks_do_not_change_when_a_learner_is_made_surer_by_a_power() -> None:
    random = np.random.default_rng(0)
    features = np.hstack([random.dirichlet(np.ones(2), 500) for _ in range(3)])
    bent = features.copy()
    bent[:, :2] = features[:, :2] ** 4 / (features[:, :2] ** 4).sum(axis=1, keepdims=True)
    labels = np.zeros(500, dtype=np.int64)
    plain = RankMean(3, 2).fit(features, labels).predict_proba(features)
    np.testing.assert_allclose(RankMean(3, 2).fit(bent, labels).predict_proba(bent), plain, atol=0.02)


def test_the_best_single_learner_is_the_one_with_the_best_score_on_the_fitted_rows() -> None:
    labels = np.array([0, 1] * 20)
    right, wrong = np.eye(2)[labels], np.eye(2)[1 - labels]
    features = np.hstack([wrong, right, wrong])
    for metric in ("macro_f1", "log_loss"):
        assert (BestSingle(3, 2, metric).fit(features, labels).predict_proba(features) == right).all()
