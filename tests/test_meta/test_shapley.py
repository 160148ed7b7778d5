"""Shapley values obey their axioms, and sampled ones are near."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import meta.shapley
from meta.shapley import Members, Worth, orders, shapley, subsets


def game(players: int, seed: int) -> Worth:
    """Two values for every set of members, at random."""
    random = np.random.default_rng(seed)
    values = {mask: random.normal(size=2) for mask in range(2**players)}
    return lambda members: values[sum(1 << member for member in members)]


def singles(count: int) -> list[Members]:
    return [frozenset([player]) for player in range(count)]


@given(st.integers(1, 5), st.integers(0, 10**6))
def test_exact_values_are_the_mean_gain_over_all_orders(players: int, seed: int) -> None:
    worth = game(players, seed)
    gains = np.zeros((players, 2))
    everyone = list(itertools.permutations(range(players)))
    for order in everyone:
        for place, player in enumerate(order):
            gains[player] += worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))
    np.testing.assert_allclose(shapley(worth, singles(players)), gains / len(everyone), atol=1e-9)


@pytest.mark.parametrize("bound", [1, 20, 10_000])
@given(players=st.integers(1, 7), seed=st.integers(0, 10**6))
def test_values_sum_to_what_all_gain_exactly_or_sampled(bound: int, players: int, seed: int) -> None:
    worth = game(players, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meta.shapley, "SUBSETS", bound)
        total = shapley(worth, singles(players)).sum(axis=0)
    np.testing.assert_allclose(total, worth(frozenset(range(players))) - worth(frozenset()), atol=1e-9)


def test_a_player_may_have_several_members() -> None:
    found = shapley(lambda members: np.array([float(len(members))]), [frozenset([0, 2]), frozenset([1])])
    np.testing.assert_allclose(found, [[2], [1]])


def test_sampled_values_are_near_the_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A game of diminishing returns, as ensembles are: 66 arcs of a circle stand for 1,024 sets."""
    skill = np.random.default_rng(0).random(10)

    def worth(members: Members) -> np.ndarray:
        return np.array([1 - np.exp(-skill[list(members)].sum())])

    exact = shapley(worth, singles(10))
    monkeypatch.setattr(meta.shapley, "SUBSETS", 100)
    np.testing.assert_allclose(shapley(worth, singles(10)), exact, atol=0.02)
    assert exact.std() > 0.04


@pytest.mark.parametrize("players", [12, 50, 90])
def test_sampled_orders_are_bounded_in_number_and_each_comes_backwards_too(players: int) -> None:
    drawn = [tuple(order.tolist()) for order in orders(players)]
    begun = {frozenset(order[:length]) for order in drawn for length in range(players + 1)}
    assert len(begun) <= 2 * subsets(players)
    assert {order[::-1] for order in drawn} == set(drawn)
    assert all(sorted(order) == list(range(players)) for order in drawn)


def test_every_player_stands_equally_often_at_each_place() -> None:
    drawn = np.array(list(orders(20)))
    for place in range(20):
        assert len(set(np.bincount(drawn[:, place], minlength=20))) == 1
