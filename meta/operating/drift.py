"""Whether later posts, and what is predicted of them, look as the training posts did: beyond what chance would make."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np

from ensemble.data import Codes, Floats

SAMPLES = 300
USUAL = 0.95  # of samples of the training posts, as many as there are later ones, lie nearer
BINS = 10


class Drift(TypedDict):
    """How ``then`` and ``now`` differ in ``what``, in words; ``distance`` is the Jensen-Shannon divergence in bits (of
    numbers that are predicted: the difference of the means in standard deviations), ``usual`` the one that 95 % of
    samples of the training posts do not exceed."""

    what: str
    then: str
    now: str
    distance: float
    usual: float
    drifts: bool


def samples(groups: Codes, count: int, seed: int = 0) -> Iterator[Codes]:
    """Positions of ``count`` rows, drawn with replacement as whole groups: copies come together, as they do later."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) > 0, True])
    random = np.random.default_rng(seed)
    for _ in range(SAMPLES):
        drawn: list[Codes] = []
        rows = 0
        while rows < count:
            chosen = random.integers(len(starts) - 1, size=max(1, count - rows))
            drawn += [order[starts[one] : starts[one + 1]] for one in chosen]
            rows = sum(map(len, drawn))
        yield np.concatenate(drawn)[:count]


def divergence(one: Floats, other: Floats) -> float:
    """Jensen-Shannon, in bits: 0 for equal distributions, 1 for such that share nothing."""
    middle = (one + other) / 2

    def relative(to: Floats) -> float:
        there = to > 0
        return float((to[there] * np.log2(to[there] / middle[there])).sum())

    return max(0.0, (relative(one) + relative(other)) / 2)


def category_drift(
    what: str, then: Sequence[object], now: Sequence[object], groups: Codes, shown: Sequence[object] = ()
) -> Drift:
    """Of a property with few values; ``shown`` are those whose shares are told, by default the most frequent three."""
    values = {value: place for place, value in enumerate(dict.fromkeys([*then, *now]))}
    before, after = (np.array([values[value] for value in each], dtype=np.int64) for each in (then, now))
    found = [_shares(codes, len(values)) for codes in (before, after)]
    order = sorted(values, key=lambda value: -max(of[values[value]] for of in found))
    named = [value for value in shown if value in values] or ([] if shown else order[:3])
    said = [", ".join(f"{value} {of[values[value]]:.0%}" for value in named) for of in found]
    said = [", ".join(f"{of[values[value]]:.1%}" for value in named) or "0.0%" for of in found] if shown else said
    return _drift(what, said, found, [before[rows] for rows in samples(groups, len(after))], len(values))


def number_drift(what: str, then: Floats, now: Floats, groups: Codes) -> Drift:
    """Of a number, in tenths of what it was then; told by its median."""
    edges = np.unique(np.quantile(then, np.arange(1, BINS) / BINS))
    before, after = np.searchsorted(edges, then, side="left"), np.searchsorted(edges, now, side="left")
    found = [_shares(codes, len(edges) + 1) for codes in (before, after)]
    said = [f"median {np.median(each):g}" for each in (then, now)]
    return _drift(what, said, found, [before[rows] for rows in samples(groups, len(now))], len(edges) + 1)


def _shares(codes: Codes, count: int) -> Floats:
    return np.bincount(codes, minlength=count) / len(codes)


def _drift(what: str, said: Sequence[str], found: Sequence[Floats], drawn: Sequence[Codes], count: int) -> Drift:
    distance = divergence(*found)
    usual = float(np.quantile([divergence(found[0], _shares(codes, count)) for codes in drawn], USUAL))
    return Drift(what=what, then=said[0], now=said[1], distance=distance, usual=usual, drifts=distance > usual)


def prediction_drift(what: str, columns: Sequence[str], then: Floats, now: Floats, groups: Codes) -> Drift:
    """Of (rows, columns) predictions by their means: fold by fold they are surer than the mean of all fold models, but
    means stay means."""
    means = [then.mean(axis=0), now.mean(axis=0)]
    drawn = [then[rows].mean(axis=0) for rows in samples(groups, len(now))]
    if len(columns) == 1:
        spread = float(then.std()) or 1.0
        distances = [abs(float((mean - means[0])[0])) / spread for mean in (means[1], *drawn)]
        said = [f"mean {mean[0]:.3g}" for mean in means]
    else:
        distances = [divergence(means[0], mean) for mean in (means[1], *drawn)]
        said = [", ".join(f"{name} {value:.2f}" for name, value in zip(columns, mean, strict=True)) for mean in means]
    usual = float(np.quantile(distances[1:], USUAL))
    return Drift(what=what, then=said[0], now=said[1], distance=distances[0], usual=usual, drifts=distances[0] > usual)
