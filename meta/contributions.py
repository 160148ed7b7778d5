"""Who contributes: what the ensemble loses without a learner or a modality, and the share of it that each earns."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ensemble.data import Floats
from ensemble.metrics import CHUNK, DRAWS, metric_of, resamples
from ensemble.modalities import UNKNOWN
from ensemble.scoring import Score, score_with_interval
from ensemble.targets import Mask
from meta.diversity import correlation, errors
from meta.records import Contributions, LearnerShare, Share
from meta.shapley import Members, shapley, subsets
from meta.table import MetaTable
from meta.targets import target_of
from meta.votes import by_learner

EVALUATIONS = 500_000  # sets of learners times draws: some ten seconds on 7,000 rows
MANY = 50_000  # labelled rows, of which more are sampled: what is lost without a learner is then known to .003
PIECE = 2**25  # weights that are floats at a time, 256 MB: all of 30,000 rows

# Averaging two errors of equal variance and correlation r takes (1 - r) / 2 off that variance: above this, less than
# a hundredth.
REDUNDANT = 0.98


def contributions(table: MetaTable, modality: Mapping[str, str]) -> Contributions:
    """Contributions of each learner, and of all learners of a modality as one player, as plain JSON; in units of the
    task's metric, positive is good whatever the metric.

    The value of some learners is the metric of their plain mean, of none that of what knows the labels alone:
    cheap, deterministic, and what a contribution means does not depend on a fitted stacker. ``leave_one_out`` is what
    all lose without the one; ``shapley`` its mean gain over all orders of joining, so that these sum to what all gain.
    Intervals are of ``draws`` paired bootstrap draws of groups of copies; where orders are sampled they say nothing of
    that. Of more than MANY labelled rows so many count, in which classes have their shares. A learner is
    ``redundant_with`` a better one whose errors are nearly its own, and ``adds_nothing`` where the interval of
    ``leave_one_out`` is not above zero.
    """
    alone = {name: frozenset([position]) for position, name in enumerate(table.learners)}
    together: dict[str, Members] = {}
    for name, one in alone.items():
        kind = modality.get(name, UNKNOWN)
        together[kind] = together.get(kind, frozenset()) | one
    draws = min(DRAWS, EVALUATIONS // subsets(len(alone)) // CHUNK * CHUNK)
    worth = PlainMean(table, draws)
    shares = _shares(worth, alone)
    better = redundant(table, [float(worth(one)[0]) for one in alone.values()])
    learners: dict[str, LearnerShare] = {
        name: {**share, "redundant_with": better[name], "adds_nothing": (share["leave_one_out"]["low"] or 0) <= 0}
        for name, share in shares.items()
    }
    modalities = _shares(worth, together)
    found: Contributions = {
        "learners": learners,
        "modalities": modalities,
        "draws": draws,
        "subsets": len(worth.scored),
    }
    rows, of = len(worth.labels), int(table.known.sum())
    return found if rows == of else {**found, "sampled": {"rows": rows, "of": of}}


class PlainMean:
    """The value of a set of learners, (1 + draws,): on all labelled rows, then on resampled ones; scored once."""

    def __init__(self, table: MetaTable, draws: int) -> None:
        rows = _counted(table)
        self.task, self.metric = table.task, metric_of(table.task)
        self.labels = table.labels[rows]
        self.weights = np.ones((1 + draws, len(self.labels)), dtype=np.uint16)  # a quarter of what floats are
        for chunk, drawn in enumerate(resamples(table.groups, rows, draws)):
            self.weights[1 + chunk * CHUNK : 1 + (chunk + 1) * CHUNK] = drawn
        values = by_learner(table.oof[rows], len(table.learners), table.width)
        self.by_learner = np.ascontiguousarray(values.swapaxes(0, 1))
        self.scored: dict[Members, Floats] = {}

    def __call__(self, learners: Members) -> Floats:
        if learners not in self.scored:
            self.scored[learners] = self._score(learners)
        return self.scored[learners]

    def _score(self, learners: Members) -> Floats:
        if not len(self.labels):
            return np.full(len(self.weights), np.nan)
        count, rows, columns = self.by_learner.shape
        member = np.isin(np.arange(count), list(learners)).astype(np.float64)
        values = (member @ self.by_learner.reshape(count, -1)).reshape(rows, columns) / max(len(learners), 1)
        if not learners:
            values += self.task.target.constant(self.task, self.labels)
        pieces = np.array_split(self.weights, math.ceil(self.weights.size / PIECE))
        scored = [self.metric.score(self.labels, values, piece.astype(np.float64)) for piece in pieces]
        scores = self.metric.sign * np.concatenate(scored)
        return np.where(np.isnan(scores), target_of(self.task).no_score, scores)


def _counted(table: MetaTable) -> Mask:
    """(rows,) the labelled ones, or MANY of them, evenly spread over their labels."""
    if table.known.sum() <= MANY:
        return table.known
    by_label = np.flatnonzero(table.known)
    by_label = by_label[np.argsort(table.labels[by_label], kind="stable")]
    counted = np.zeros(len(table.labels), dtype=bool)
    counted[by_label[np.linspace(0, len(by_label) - 1, MANY).astype(np.int64)]] = True
    return counted


def _shares(worth: PlainMean, players: Mapping[str, Members]) -> dict[str, Share]:
    everyone: Members = frozenset().union(*players.values())
    shares = shapley(worth, list(players.values()))
    return {
        name: {"leave_one_out": _scored(worth(everyone) - worth(everyone - player)), "shapley": _scored(share)}
        for (name, player), share in zip(players.items(), shares, strict=True)
    }


def _scored(values: Floats) -> Score:
    return score_with_interval(float(values[0]), values[1:])


def redundant(table: MetaTable, values: Sequence[float]) -> dict[str, str | None]:
    """Per learner a better one (of equal ``values``, an earlier one), not redundant itself, whose errors correlate with
    its own above REDUNDANT, but for what is common to all who know little."""
    alike = correlation(target_of(table.task).own_errors(table.labels[table.known], errors(table))) > REDUNDANT
    kept: list[int] = []
    found: dict[str, str | None] = {}
    for position in sorted(range(len(values)), key=lambda position: -values[position]):
        others = [other for other in kept if alike[position, other]]
        found[table.learners[position]] = table.learners[others[0]] if others else None
        kept += [] if others else [position]
    return found
