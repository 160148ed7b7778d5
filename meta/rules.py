"""Decision rules: from probabilities to labels, learned for the metric. Macro-F1 over rare classes is not arg max.

Macro-F1 is not a mean over rows, so no threshold of .5 is best for it: a rare class pays to be predicted at far lower
probabilities, and by how much is found on data (Lipton et al. 2014; Ye et al. 2012). What is learned are one number per
class (biases on log-probabilities, that is, a weighted arg max: Narasimhan et al. 2015) or, where classes are ordered,
cut points on the expected value (as in the threshold models of McCullagh 1980).

Each rule moves one number at a time to the best of all places it can have: rows sorted by where they would change
their label give the confusion matrix of every place as a cumulative sum, so a step costs one sort.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats
from ensemble.metrics import Metric
from ensemble.system.remembered import remembered
from ensemble.targets import Labels
from meta.many_rows import sample
from meta.records import RuleRecord

SEED = 0
IDENTITY = "identity"  # of numbers: what is predicted is the label

FLOOR = 1e-6  # of probabilities under a logarithm
MANY = 100_000  # rows; a rule learned on so many of 80,000 moved macro-F1 by less than .001
ZOOMED = 25_000  # rows, above which not every place of a number is looked at
GRID = 2_000  # places that are
HALVES = 10
HALF = 5_000  # rows at most; of 2,400 rows halves of 500 do as well as whole ones (benchmarks/choosing.py)
ROUNDS = 5  # over all numbers of a rule; most settle after two or three
AHEAD = 1.01  # by this factor a class decided by cut points is lifted above the most probable one


@dataclass(frozen=True)
class Rule:
    """``arg_max``; ``identity``, where numbers are predicted; ``class_biases``: arg max of log-probability plus
    ``numbers`` (classes,); ``cut_points``: how many of ``numbers`` (classes - 1,) the expected position among ordered
    classes is above."""

    kind: str = "arg_max"
    numbers: tuple[float, ...] = ()

    def adjust(self, values: Floats) -> Floats:
        """(rows, classes) probabilities whose arg max is the decision."""
        if self.kind == "class_biases":
            biased = values.clip(FLOOR) * np.exp(self.numbers)
            return np.asarray(biased / biased.sum(axis=1, keepdims=True))
        if self.kind == "cut_points":
            decided = np.eye(values.shape[1], dtype=bool)[np.searchsorted(self.numbers, expected(values))]
            lifted = np.where(decided, AHEAD * values.max(axis=1, keepdims=True), values)
            return np.asarray(lifted / lifted.sum(axis=1, keepdims=True))
        return values

    def decide(self, values: Floats) -> Labels:
        """(rows,) labels."""
        if self.kind == IDENTITY:
            return values[:, 0]
        return np.asarray(self.adjust(values).argmax(axis=1), dtype=np.int64)

    def as_json(self) -> RuleRecord:
        return {"kind": self.kind, "numbers": list(self.numbers)}

    @classmethod
    def of_json(cls, record: RuleRecord) -> "Rule":
        return cls(record["kind"], tuple(record["numbers"]))


def expected(values: Floats) -> Floats:
    """(rows,) the mean position among ordered classes."""
    return np.asarray(values @ np.arange(values.shape[1]))


def class_biases(metric: Metric, labels: Codes, values: Floats) -> Rule:
    """Coordinate ascent from no biases; each step is exact up to ZOOMED rows, so the score never falls."""
    logarithms = np.ascontiguousarray(np.log(values.clip(FLOOR)).T)  # rows innermost: they are many
    biases = np.zeros(values.shape[1])
    for _ in range(ROUNDS):
        before = biases.copy()
        for position in range(len(biases)):
            # A row is given this class once its bias passes ``at``, the lead of the best other class; below, that other
            # one. Sorted by ``at``, the rows that are given it are a prefix for every place of the bias.
            rival, given = _best_other(logarithms, biases, position)
            at, taken = rival - logarithms[position], np.full(len(labels), position)
            biases[position] = _best_number(metric, labels, len(biases), taken, given, at, biases[position])
        biases -= biases.mean()  # a constant on all decides nothing; without it rounds would drift
        if np.allclose(biases, before):
            break
    return Rule("class_biases", tuple(biases.tolist()))


def _best_other(logarithms: Floats, biases: Floats, position: int) -> tuple[Floats, Codes]:
    """(rows,) the largest biased one of the other classes, and which that is: the first of equally large ones. Class by
    class, since NumPy's arg max over the outer axis is several times slower."""
    most, which = np.full(logarithms.shape[1], -np.inf), np.zeros(logarithms.shape[1], dtype=np.int64)
    for other, (of_class, bias) in enumerate(zip(logarithms, biases, strict=True)):
        if other != position:
            biased = of_class + bias
            which[biased > most] = other
            np.maximum(most, biased, out=most)
    return most, which


def cut_points(metric: Metric, labels: Codes, values: Floats) -> Rule:
    """Coordinate ascent from the middles between neighbouring positions; cuts stay in their order."""
    at = expected(values)
    classes = values.shape[1]
    cuts = np.arange(classes - 1) + 0.5
    for _ in range(ROUNDS):
        before = cuts.copy()
        for position in range(len(cuts)):
            # Only rows between the neighbouring cuts change class with this one: below it ``position``, above the next.
            low, high = np.r_[-np.inf, cuts, np.inf][[position, position + 2]]
            current = np.searchsorted(cuts, at)
            inside = (at > low) & (at <= high)
            taken, given = np.where(inside, position, current), np.where(inside, position + 1, current)
            moved = _best_number(metric, labels, classes, taken, given, at, cuts[position])
            cuts[position] = min(max(moved, low), high)
        if np.allclose(cuts, before):
            break
    return Rule("cut_points", tuple(cuts.tolist()))


def _best_number(
    metric: Metric, labels: Codes, classes: int, taken: Codes, given: Codes, at: Floats, current: float
) -> float:
    """The number with the best score where row r is labelled ``taken[r]`` if the number is above ``at[r]``, else
    ``given[r]``; of equally good ones the nearest to ``current``. Of very many rows the best of a grid of places first,
    then of all places around it."""
    first = labels * classes
    before, after = first + given, first + taken  # cells of the confusion matrix
    start = np.bincount(before, minlength=classes * classes)
    if len(at) > ZOOMED:
        start, near = _zoom(metric, classes, before, after, at)
        before, after, at = before[near], after[near], at[near]
    # Place 0 of ``steps`` is the confusion matrix with the number below every row, place r what changes as it passes
    # the r-th: one true label moves from column ``given`` to ``taken``. Their cumulative sum is the matrix everywhere.
    order = np.argsort(at)
    at = at[order]
    steps = np.zeros((classes * classes, len(at) + 1))
    steps[:, 0] = start
    places = np.arange(1, len(at) + 1)
    steps[after[order], places] += 1
    steps[before[order], places] -= 1
    scores = _scores(metric, classes, np.cumsum(steps, axis=1, out=steps))
    scores[1:-1][at[1:] == at[:-1]] = -np.inf  # equal rows change together
    # Of each gap the middle, and one beyond either end: as far from the rows as can be, since new ones lie between.
    numbers = np.r_[at[0] - 1, (at[1:] + at[:-1]) / 2, at[-1] + 1]
    numbers[scores < scores.max() - 1e-12] = np.inf
    return float(numbers[np.abs(numbers - current).argmin()])


def _zoom(
    metric: Metric, classes: int, before: Codes, after: Codes, at: Floats
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The rows around the best of GRID places, as far apart from one another, and the (cells,) counts with the number
    below all of these rows."""
    low, high = at.min(), at.max()
    place, cells = ((at - low) * ((GRID - 1) / max(high - low, FLOOR))).astype(np.int64), classes * classes
    lost, won = (
        np.bincount(cell * GRID + place, minlength=cells * GRID).reshape(cells, GRID) for cell in (before, after)
    )
    start = np.bincount(before, minlength=cells)
    counts = start[:, None] + np.cumsum(won - lost, axis=1)  # with the number above the rows of each place
    best = int(_scores(metric, classes, counts).argmax())
    first = max(best - 1, 0)
    near = (place >= first) & (place <= best + 2)
    return (counts[:, first - 1] if first else start), near


def _scores(metric: Metric, classes: int, counts: npt.NDArray[Any]) -> Floats:
    """(places,) signed scores of (cells, places) counts: places innermost, as they are many."""
    assert metric.of_counts is not None
    return metric.sign * metric.of_counts(np.moveaxis(counts.reshape(classes, classes, -1), -1, 0).astype(np.float64))


RULES = {"class_biases": class_biases, "cut_points": cut_points}


def kinds(metric: Metric, classes: int, ordinal: bool) -> Sequence[str]:
    """Rules that may decide a task, the simplest first; a metric of ranks or probabilities knows no labels."""
    if metric.of_counts is None:
        return ("arg_max",)
    return ("arg_max", "class_biases", "cut_points") if ordinal and classes > 2 else ("arg_max", "class_biases")


LearnRule = Callable[[str, Metric, Labels, Floats], Rule]


def fit_rule(kind: str, metric: Metric, labels: Labels, values: Floats) -> Rule:
    """One rule on the rows whose label is known, or on about MANY of them that keep the shares of the classes."""
    if kind not in RULES:
        return Rule(kind)
    known = np.flatnonzero(metric.known(labels))
    if not len(known):
        return Rule()
    known = known[sample(labels[known], metric.kind, SEED, MANY)]
    return _learned(kind, metric, np.asarray(labels[known], dtype=np.int64), values[known])


def _learn(kind: str, metric: Metric, labels: Codes, values: Floats) -> Rule:
    return RULES[kind](metric, labels, values)


# A rule for the plain mean is learned again and again: without the folds a and b and without b and a, in the stack and
# in each comparison with it.
_learned = remembered(_learn, most=1000)


def averaged_rule(kind: str, metric: Metric, labels: Labels, values: Floats) -> Rule:
    """The same, but class biases are the mean of those of HALVES random halves of the rows, of HALF rows at most: a
    rare class's bias hangs on a few rows, and any of them is in half of these only (subagging: Bühlmann & Yu 2002). On
    kept rows it loses less than the best bias of all rows (benchmarks/choosing.py). Of more than ZOOMED rows it is that
    one, and hangs on no few."""
    known = np.flatnonzero(metric.known(labels))
    if kind != "class_biases" or not 2 <= len(known) <= ZOOMED:
        return fit_rule(kind, metric, labels, values)
    return _averaged(metric, np.asarray(labels[known], dtype=np.int64), values[known])


def _average(metric: Metric, labels: Codes, values: Floats) -> Rule:
    random, size = np.random.default_rng(SEED), min(len(labels) // 2, HALF)
    halves = [random.permutation(len(labels))[:size] for _ in range(HALVES)]
    numbers = [class_biases(metric, labels[half], values[half]).numbers for half in halves]
    return Rule("class_biases", tuple(np.mean(numbers, axis=0).tolist()))


_averaged = remembered(_average, most=1000)


def cross_decide(
    kind: str, metric: Metric, labels: Labels, values: Floats, fold: Codes, learn: LearnRule = fit_rule
) -> Labels:
    """(rows,) labels by the rule, each fold's learned on the other folds."""
    if kind not in RULES:
        return Rule(kind).decide(values)
    decided = np.zeros_like(labels)
    for held in (fold == each for each in np.unique(fold)):
        decided[held] = learn(kind, metric, labels[~held], values[~held]).decide(values[held])
    return decided
