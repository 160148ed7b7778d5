"""Choosing an operating point on out-of-fold probabilities, and what it reaches when chosen anew for each fold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble.data import Codes, Dataset, Floats, Task
from ensemble.errors import ConfigError
from ensemble.metrics import bootstrap, metric_of, score
from ensemble.predictions import Predictions
from ensemble.scoring import Score, score_with_interval
from ensemble.targets import Mask
from meta.operating.curves import Curve, by_fold, lower_bound, mean_of, share
from meta.operating.points import Costs, LeastSure, OperatingPoint, Thresholds, sureness
from meta.rules import Rule

SLACK = 0.1  # by more than this below what was asked, a lower bound says that rows are too few
FEW = 30  # rows of a class, below which they say little of what a mistake costs


@dataclass(frozen=True)
class Rows:
    """Labelled rows out of fold: (rows, classes) ``values``, the labels ``true`` and ``decided``, ``fold``, ``groups``;
    ``rule`` decides new rows."""

    task: Task
    values: Floats
    true: Codes
    decided: Codes
    fold: Codes
    groups: Codes
    rule: Rule

    @classmethod
    def of(cls, data: Dataset, oof: Predictions, fold: Codes, rule: Rule) -> "Rows":
        """``oof`` on those rows of ``data``, whose folds are ``fold``, that have a label; raises ConfigError for a
        number."""
        task = oof.task
        if not task.classes:
            raise ConfigError(f"{task.name!r} is a number: operating points are of classes.")
        known = task.target.known(data.labels(task))
        aligned, inside = oof.take(data.ids), data.take(known)
        decided = np.asarray(aligned.labels(), dtype=np.int64)[known]
        return cls(task, aligned.values[known], inside.codes(task), decided, fold[known], inside.groups, rule)


@dataclass(frozen=True)
class Choice:
    """``point``; ``figures`` by name, each with its interval, of points chosen anew for each fold; some ``in_sample``,
    on the rows it was chosen on; what to doubt. ``asked`` is what was asked for."""

    point: OperatingPoint
    asked: Mapping[str, Any]
    figures: Mapping[str, Score]
    in_sample: Mapping[str, float]
    doubts: tuple[str, ...]


def at_thresholds(rows: Rows, label: int, precision: float | None, recall: float | None) -> Choice:
    """A threshold on the probability of one class: most recall at a ``precision``, or most precision at a ``recall``.
    With both, posts between the two thresholds are for review. Raises ConfigError where nothing reaches them."""
    own, positive = rows.values[:, label], rows.true == label
    name = rows.task.classes[label]
    if not positive.any():
        raise ConfigError(f"No labelled row of {rows.task.name!r} is {name!r}: there is nothing to choose by.")
    point = _thresholds(own, positive, label, precision, recall)
    if point is None:
        best = int(Curve.of(own, positive).precision.argmax())
        curve = Curve.of(own, positive)
        raise ConfigError(
            f"No threshold for {name!r} has a precision of {precision:g} out of fold; the greatest is "
            f"{curve.precision[best]:.3f}, on {curve.rows[best]:,} of {len(own):,} rows."
        )

    def taken(end: str) -> Mask:
        def choose(others: Mask) -> Callable[[Mask], Mask]:
            found = _thresholds(own[others], positive[others], label, precision, recall)
            return lambda held: own[held] >= (np.inf if found is None else getattr(found, end))

        return by_fold(rows.fold, choose)

    figures = _reached(rows, point, taken("high"), taken("low"))
    high, low = own >= point.high, own >= point.low
    seen = {"precision": float(positive[high].mean()), "recall": float(high[positive].mean())}
    doubts = [_belief("precision", precision, positive, high, rows.groups)] if precision is not None else []
    doubts += [_belief("recall", recall, low, positive, rows.groups)] if recall is not None else []
    asked = {"label": name, "precision": precision, "recall": recall}
    return Choice(point, _given(asked), figures, seen, tuple(filter(None, doubts)))


def _reached(rows: Rows, point: Thresholds, above: Mask, not_below: Mask) -> dict[str, Score]:
    """Of the class, where rows ``above`` are taken for it, and those that are ``not_below`` perhaps for review."""
    positive, everything = rows.true == point.label, np.ones(len(rows.true), dtype=bool)
    figures = {
        "precision": share(positive, above, rows.groups),
        "recall": share(above, positive, rows.groups),
        f"posts taken for {rows.task.classes[point.label]}": share(above, everything, rows.groups),
    }
    if point.low < point.high:
        figures["recall with review"] = share(not_below, positive, rows.groups)
        figures["review"] = share(not_below & ~above, everything, rows.groups)
    return figures


def figures_at(point: OperatingPoint, rows: Rows) -> dict[str, Score]:
    """What a point that was chosen on other rows reaches on these."""
    if isinstance(point, Thresholds):
        own = rows.values[:, point.label]
        return _reached(rows, point, own >= point.high, own >= point.low)
    if isinstance(point, Costs):
        return _costs_paid(rows, point)
    review = point.decide(rows.values, rows.rule, rows.decided).review
    return _reviewed(rows, review)


def _thresholds(
    own: Floats, positive: Mask, label: int, precision: float | None, recall: float | None
) -> Thresholds | None:
    """None where no threshold has the precision, or no row is positive."""
    curve = Curve.of(own, positive)
    high = None if precision is None else curve.with_precision(precision)
    low = None if recall is None else curve.with_recall(recall)
    if (precision is not None and high is None) or (recall is not None and low is None):
        return None
    ends = [float(curve.threshold[place]) for place in (low, high) if place is not None]
    return Thresholds(label, min(ends), ends[-1]) if ends[0] <= ends[-1] else Thresholds(label, ends[-1], ends[-1])


def _belief(what: str, asked: float, of: Mask, among: Mask, groups: Codes) -> str:
    """Why the rows do not carry what is asked, empty where they do."""
    bound = lower_bound(of, among, groups)
    if bound >= asked - SLACK:
        return ""
    return (
        f"a {what} of {asked:g} is reached on {among.sum():,} rows, {(of & among).sum():,} of them right: too few to "
        f"be believed; it may be as low as {bound:.2f} (95 %)."
    )


def for_review(rows: Rows, part: float) -> Choice:
    """A person looks at the ``part`` of all posts of which the stack is least sure."""
    sure = sureness(rows.values, rows.rule)
    point = LeastSure(float(np.quantile(sure, part)))

    def choose(others: Mask) -> Callable[[Mask], Mask]:
        least = float(np.quantile(sure[others], part))
        return lambda held: sure[held] < least

    figures = _reviewed(rows, by_fold(rows.fold, choose))
    return Choice(point, {"review": part}, figures, {"review": float((sure < point.least).mean())}, ())


def _reviewed(rows: Rows, review: Mask) -> dict[str, Score]:
    metric, everything = metric_of(rows.task), np.ones(len(review), dtype=bool)
    right = rows.decided == rows.true
    judged = np.eye(len(rows.task.classes))[rows.decided] if metric.of_counts else rows.values

    def scored(of: Mask) -> Score:
        draws = bootstrap(metric, rows.true[of], judged[of], rows.groups[of])
        return score_with_interval(score(metric, rows.true[of], judged[of]), draws)

    return {
        "review": share(review, everything, rows.groups),
        f"{metric.name} of the others": scored(~review),
        f"{metric.name} of all": scored(everything),
        "accuracy of the others": share(right, ~review, rows.groups),
        "accuracy of those for review": share(right, review, rows.groups),
    }


def at_costs(rows: Rows, costs: Costs, asked: Mapping[str, float]) -> Choice:
    """The label of least expected cost; nothing is fitted, so that all rows judge it."""
    matrix, names = np.asarray(costs.matrix), rows.task.classes
    figures = _costs_paid(rows, costs)
    counts = np.bincount(rows.true, minlength=len(names))
    dear = [i for i in range(len(names)) if counts[i] < FEW and any(c != 1 for j, c in enumerate(matrix[i]) if j != i)]
    doubts = [f"only {counts[i]:,} labelled rows are {names[i]!r}: what missing one costs hangs on them." for i in dear]
    promised, paid = figures["as the probabilities promise"], figures["cost of a post"]
    if (promised["value"] or 0) < (paid["low"] or 0):
        doubts.append("posts cost more than the probabilities promise: they are not calibrated for these costs.")
    return Choice(costs, {"costs": dict(asked)}, figures, {}, tuple(doubts))


def _costs_paid(rows: Rows, costs: Costs) -> dict[str, Score]:
    """What a post costs, and what it would have cost by the stack's own labels."""
    matrix = np.asarray(costs.matrix)
    labels, review = costs.decide(rows.values, rows.rule, rows.decided)
    paid = np.where(review, costs.review or 0.0, matrix[rows.true, labels])
    before = matrix[rows.true, rows.decided]
    promised = (rows.values @ matrix).min(axis=1)
    promised = promised if costs.review is None else np.minimum(promised, costs.review)
    figures = {
        "cost of a post": mean_of(paid, rows.groups),
        "as the stack decides": mean_of(before, rows.groups),
        "saved": mean_of(before - paid, rows.groups),
        "as the probabilities promise": mean_of(promised, rows.groups),
    }
    if costs.review is not None:
        figures["review"] = share(review, np.ones(len(review), dtype=bool), rows.groups)
    return figures


def _given(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}
