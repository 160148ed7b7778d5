"""Greedy ensemble selection from a library of models (Caruana et al. 2004): with replacement, sorted start, bagged."""

import numpy as np

from ensemble.data import Codes, Floats
from ensemble.metrics import Metric, metric_named
from ensemble.targets import Labels
from meta.weights import Weighted

STEPS = 25  # at most, of one bag
BAGS = 10
SHARE = 0.5  # of the learners in a bag, but no fewer than FEW: half of two or three is luck itself
FEW = 3
BLOCK = 2**17  # numbers


class Greedy(Weighted):
    """Adds, again and again, the learner that makes the mean score best; bags of random halves of the learners guard
    against luck. ``weights_`` (learners,) are how often each was chosen, averaged over bags."""

    def __init__(
        self, learners: int = 1, classes: int = 2, metric: str = "macro_f1", bags: int = BAGS, seed: int = 0
    ) -> None:
        super().__init__(learners, classes, metric)
        self.bags = bags
        self.seed = seed

    def fit(self, features: Floats, labels: Codes) -> "Greedy":
        self.classes_ = np.arange(self.classes)
        self.weights_ = bagged_selection(
            metric_named(self.metric), labels, self._by_learner(features), self.bags, self.seed
        )
        return self


def bagged_selection(metric: Metric, labels: Labels, values: Floats, bags: int, seed: int) -> Floats:
    """(learners,) the share of each among those chosen, averaged over bags, from (rows, learners, columns)."""
    random = np.random.default_rng(seed)
    values = np.ascontiguousarray(values.transpose(1, 2, 0))  # rows innermost: they are many
    learners = len(values)
    size = max(round(SHARE * learners), min(learners, FEW))
    weights = np.zeros(learners)
    shares: dict[tuple[int, ...], Floats] = {}  # by bag: of few learners many bags are the same
    for _ in range(bags):
        bag = np.sort(random.choice(learners, size, replace=False))
        if (key := tuple(bag.tolist())) not in shares:
            chosen = select(metric, labels, values[bag])
            shares[key] = np.bincount(bag[chosen], minlength=learners) / len(chosen)
        weights += shares[key]
    return np.asarray(weights / weights.sum())


def select(metric: Metric, labels: Labels, values: Floats, steps: int = STEPS) -> list[int]:
    """Positions of the chosen learners, one per step, from (learners, columns, rows) predictions.

    The start is the best number of learners from the head of their order by score; then one is added per step, the
    first of equally good ones; what counts is the best point on the way, the earliest of equally good ones.
    """
    merits = merits_by_counts if metric.of_counts else merits_one_by_one
    once = np.ones(len(values))
    total = np.zeros(values.shape[1:])
    alone = merits(metric, labels, total, values, once)
    order = np.argsort(-alone, kind="stable")[: min(steps, len(values))]
    heads = np.cumsum(values[order], axis=0)
    of_heads = merits(metric, labels, total, heads, np.cumsum(once)[: len(heads)])
    start = int(of_heads.argmax()) + 1
    path = [int(position) for position in order[:start]]
    total, best, length = heads[start - 1], float(of_heads[start - 1]), start
    while len(path) < steps:
        tried = merits(metric, labels, total, values, once + len(path))
        added = int(tried.argmax())
        path.append(added)
        total = total + values[added]
        if tried[added] > best:
            best, length = float(tried[added]), len(path)
    return path[:length]


def merits_one_by_one(metric: Metric, labels: Labels, total: Floats, values: Floats, members: Floats) -> Floats:
    """(models,) signed scores of ``total`` (columns, rows) plus each of ``values`` (models, columns, rows): sums of the
    predictions of as many as ``members`` (models,) says."""
    ones = np.ones((1, len(labels)))
    each = []
    for part, number in zip(values, members, strict=True):
        summed = total + part
        # A mean of probabilities sums to one; a number alone may sum to anything.
        by = summed.sum(axis=0) if len(summed) > 1 else number
        each.append(metric.score(labels, (summed / by).T, ones)[0])
    return np.asarray(metric.sign * np.nan_to_num(each, nan=-np.inf))


def merits_by_counts(metric: Metric, labels: Labels, total: Floats, values: Floats, members: Floats) -> Floats:
    """The same of metrics of counts, where the largest sum decides, of equal classes the first: all models' counts at
    once, an order of magnitude faster than one score after another."""
    assert metric.of_counts is not None
    models, classes, rows = values.shape
    true = np.eye(classes, dtype=np.float32)[labels.astype(np.int64)]  # sums of ones are exact to 2 ** 24 rows
    counts = np.empty((models, classes, classes))
    together = max(BLOCK // (classes * rows), 1)  # models whose sums stay in the processor's cache
    for start in range(0, models, together):
        sums = total + values[start : start + together]
        largest, predicted = sums[:, 0], np.zeros((len(sums), rows), dtype=np.min_scalar_type(classes))
        for position in range(1, classes):
            larger = sums[:, position] > largest
            np.maximum(predicted, larger * predicted.dtype.type(position), out=predicted)
            np.maximum(largest, sums[:, position], out=largest)
        for position in range(classes):
            counts[start : start + together, :, position] = (predicted == position).astype(np.float32) @ true
    return np.asarray(metric.sign * metric.of_counts(counts))
