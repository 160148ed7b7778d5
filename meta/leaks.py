"""Signs that a learner has seen the labels it was to predict. Signs are no proof: they tell a person where to look."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import ks_2samp

from ensemble.data import Floats
from meta.diversity import errors, is_right
from meta.records import LeakSign, OfNumber
from meta.table import MetaTable
from meta.targets import target_of
from meta.votes import by_learner

# An honest learner that is much better than the others, .85 right against .5, is no more right where they fail most;
# it must be nearly always right there, and err a quarter as often as is usual, before it is named. Who knows a part of
# the labels cannot be told by this from who honestly recognises a part of the posts: rows outside the folds can.
HARDEST = 0.25
FEW = 20  # hardest rows of a class, below which it says nothing
RIGHT = 0.95
TIMES = 4

# Honest learners, networks whose five folds disagree among them, differ by up to .16 between rows inside and outside
# the folds (the mean of several models is less sure than one). A learner alone must differ by twice the SHIFT.
OUTSIDE = 100
SHIFT = 0.25
SURER = 0.05  # on average: the distance of distributions alone makes much of the fourth decimal


def leak_signs(table: MetaTable) -> dict[str, list[LeakSign]]:
    """Signs per learner that looks as if it had seen held-out labels; learners that do not are not there.

    Two signs, both against what is usual, the median of the other learners: it is nearly always right on the rows
    that the others find hardest; its confidence, the largest probability, is distributed otherwise inside the folds
    than outside of them.
    """
    found: dict[str, list[LeakSign]] = {}
    for name, sign in (*_knows_too_much(table), *_is_sure_inside(table)):
        found.setdefault(name, []).append(sign)
    return found


def _knows_too_much(table: MetaTable) -> Iterator[tuple[str, LeakSign]]:
    right = right_where_hard(table)
    for name, own, usual in zip(table.learners, right, _median_of_others(right, np.nan), strict=True):
        if own >= RIGHT and TIMES * (1 - own) <= 1 - usual:
            yield name, {"sign": "right_where_hard", "own": float(own), "usual": float(usual), **_number(table)}


def right_where_hard(table: MetaTable) -> Floats:
    """(learners,): the mean over classes, or ranges of a number, of the share of rows it has right, among the quarter
    of the class (no fewer than FEW) on which the mean of the others errs most. Never all nor none of so few rows: one
    right and one wrong are added (Laplace's rule of succession). NaN with fewer than two classes of FEW rows, since who
    always says the most frequent class has all of it right, and where no class is large enough to have a hardest part.
    """
    count, target = len(table.learners), target_of(table.task)
    strata, number = target.strata(table.task, table.labels[table.known])
    wrong, right = errors(table), is_right(table)
    others = np.abs(wrong.sum(axis=1, keepdims=True) - wrong)
    sizes = np.bincount(strata, minlength=number)
    enough = np.flatnonzero(sizes >= FEW)
    if count < 2 or len(enough) < 2 or HARDEST * sizes.max() < FEW:
        return np.full(count, np.nan)
    shares = []
    for stratum in enough:
        rows, hard = strata == stratum, max(int(HARDEST * sizes[stratum]), FEW)
        hardest = np.argsort(-others[rows], axis=0, kind="stable")[:hard]
        shares.append((np.take_along_axis(right[rows], hardest, axis=0).sum(axis=0) + 1) / (hard + 2))
    return np.asarray(np.mean(shares, axis=0))


def _is_sure_inside(table: MetaTable) -> Iterator[tuple[str, LeakSign]]:
    if len(table.test) < OUTSIDE:
        return
    parts = (by_learner(part, len(table.learners), table.width) for part in (table.oof, table.test))
    confident = (target_of(table.task).confidence(table.labels[table.known], part).T for part in parts)
    sure = list(zip(*confident, strict=True))
    shifts = np.array([ks_2samp(inside, outside, method="asymp").statistic for inside, outside in sure])
    usually = _median_of_others(shifts, SHIFT)
    for name, (inside, outside), own, usual in zip(table.learners, sure, shifts, usually, strict=True):
        within, without = inside.mean(), outside.mean()
        if own - usual > SHIFT and abs(within - without) > SURER:
            yield (
                name,
                {
                    "sign": "surer_in_folds",
                    "in_folds": float(within),
                    "outside": float(without),
                    "distance": float(own),
                    "usual": float(usual),
                    **_number(table),
                },
            )


def _number(table: MetaTable) -> OfNumber:
    return {} if table.task.classes else {"number": True}


def _median_of_others(values: Floats, alone: float) -> Floats:
    """(learners,); ``alone`` where there are no others."""
    if len(values) < 2:
        return np.full(len(values), alone)
    return np.array([np.median(np.delete(values, position)) for position in range(len(values))])
