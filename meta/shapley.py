"""Shapley values of any game: what a player adds, as a mean over all orders in which the players can join."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import comb

from ensemble.data import Floats

Members = frozenset[int]
Worth = Callable[[Members], Floats]

SEED = 0
SUBSETS = 2500  # scored at most, or about: all of eleven players, all arcs of a circle of fifty


def subsets(players: int) -> int:
    """How many sets of so many players are scored, at most or about."""
    return int(min(2**players, SUBSETS))


def shapley(worth: Worth, players: Sequence[Members]) -> Floats:
    """(players, ...) values (Shapley 1953) of the game ``worth``, which gives an array (...) for the members of the
    players that have joined, and is called again and again for the same. Exact up to SUBSETS sets, else sampled."""
    return (_exact if 2 ** len(players) <= SUBSETS else _sampled)(worth, players)


def _exact(worth: Worth, players: Sequence[Members]) -> Floats:
    """The mean, over the sizes a set can have, of the mean gain of joining a set of that size."""
    # A set is the bits of a number: the sets with a player are those without it, its bit set. In a random order it
    # joins a set of size s with probability 1 / n, and any of the C(n - 1, s) such sets alike.
    count = len(players)
    masks = np.arange(2**count)
    joined = [frozenset().union(*(players[i] for i in range(count) if mask >> i & 1)) for mask in masks]
    values = np.stack([worth(members) for members in joined])
    found = []
    for player in range(count):
        without = masks[masks >> player & 1 == 0]
        weights = 1 / (count * comb(count - 1, np.bitwise_count(without)))
        found.append(weights @ (values[without | 1 << player] - values[without]))
    return np.stack(found)


def _sampled(worth: Worth, players: Sequence[Members]) -> Floats:
    """The mean gain over sampled orders (Castro et al. 2009)."""
    gains = []
    for order in orders(len(players)):
        joined: list[Members] = [frozenset()]
        for player in order:
            joined.append(joined[-1] | players[player])
        gains.append(np.diff([worth(members) for members in joined], axis=0)[np.argsort(order)])
    return np.asarray(np.mean(gains, axis=0))


def orders(players: int) -> Iterator[npt.NDArray[np.int64]]:
    """All rotations of random circles (evenly spaced ones where there are too many), each also backwards.

    Every player then stands equally often at each place, on which its gain depends most, and one arc of a circle is
    the beginning of many orders.
    """
    # The 2 n orders of a circle share its n (n - 1) arcs, half the sets that as many unrelated orders would begin with.
    # A backward order puts last who was first: an antithetic pair, whose errors in part cancel (Mitchell et al. 2022).
    random = np.random.default_rng(SEED)
    for _ in range(max(1, SUBSETS // players**2)):
        circle = random.permutation(players)
        for start in range(0, players, math.ceil(players**2 / SUBSETS)):
            yield np.roll(circle, start)
            yield np.roll(circle, start)[::-1]
