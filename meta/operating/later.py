"""Later labelled posts against the out-of-fold promise: the score, its calibration, and what has moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np

from ensemble.data import Codes, Dataset, Floats, Task
from ensemble.metrics import METRICS, bootstrap, metric_of, score
from ensemble.predictions import Predictions
from ensemble.scoring import Score, ScoreCard, score_card, score_with_interval
from ensemble.targets import Labels
from meta.operating.choice import Rows, figures_at
from meta.operating.drift import Drift, prediction_drift
from meta.operating.kept import ChosenPoint
from meta.operating.points import of_json
from meta.operating.slices import Slices, slices_of
from meta.records import StackReport
from meta.report.reliability import Reliability, reliability
from meta.rules import Rule

CALIBRATION = ("log_loss", "brier", "ece")
Verdict = Literal["below", "within", "above", "unknown"]


@dataclass(frozen=True)
class Later:
    """What is predicted of later posts ``data``, whose labels are in part known: ``stacked`` by the stack, by the
    stack's own labels, ``base`` by each learner."""

    data: Dataset
    stacked: Predictions
    base: Mapping[str, Predictions]


@dataclass(frozen=True)
class Promise:
    """What the run said of itself: the ``report`` of its stack; out-of-fold predictions, ``stacked`` and of each
    learner (``base``), and the ``groups`` of these rows; their ``labels``, where the run's own posts are there, else
    None; its operating ``point``, where it has one."""

    report: StackReport
    base: Mapping[str, Predictions]
    groups: Codes
    stacked: Predictions
    labels: Labels | None = None
    point: ChosenPoint | None = None


class Calibrated(TypedDict):
    """``then`` out of fold, ``now`` with its interval; ``chance`` is what probabilities that are right would have on as
    many rows (of the expected calibration error, which few rows make large)."""

    then: float | None
    now: Score
    chance: float | None


class AtPoint(TypedDict):
    """What the operating point ``says``, and its figures out of fold and now."""

    says: str
    then: dict[str, Score]
    now: dict[str, Score]


class TaskScore(TypedDict):
    """Of one task: ``now`` and ``promised`` with their intervals, their ``difference`` (positive is better now) and in
    a word whether it is beyond noise; ``card`` has all metrics. Labels are the stack's own, but ``at_point``, where
    there is an operating point."""

    task: str
    metric: str
    rows: int
    now: Score
    promised: Score
    difference: Score
    verdict: Verdict
    card: ScoreCard
    calibration: dict[str, Calibrated]
    reliability: dict[str, Reliability]
    drift: list[Drift]
    slices: list[Slices]
    at_point: AtPoint | None


def score_later(promise: Promise, later: Later, columns: Mapping[str, Sequence[object]]) -> TaskScore:
    """``columns`` (rows of the later posts,) are those by which slices are scored."""
    task, report = later.stacked.task, promise.report
    card = score_card(task, later.stacked, later.data)
    nothing: Score = {"value": None, "low": None, "high": None}
    now = card["metrics"][task.metric] if card["rows"] else nothing
    promised = report["stack"]["metrics"][report["metric"]] if report["stack"]["rows"] else nothing
    difference = apart(now, promised, metric_of(task).sign)
    return {
        "task": task.name,
        "metric": task.metric,
        "rows": card["rows"],
        "now": now,
        "promised": promised,
        "difference": difference,
        "verdict": verdict(difference),
        "card": card,
        "calibration": _calibration(task, promise, later) if task.classes and card["rows"] else {},
        "reliability": _reliability(promise, later) if task.classes and card["rows"] else {},
        "drift": _drift(task, promise, later),
        "slices": [
            slices_of(task, later.stacked, later.data, name, cells) for name, cells in columns.items() if card["rows"]
        ],
        "at_point": _at_point(promise.point, report, later) if promise.point and card["rows"] else None,
    }


def _at_point(chosen: ChosenPoint, report: StackReport, later: Later) -> AtPoint:
    one_fold = np.zeros(len(later.data), dtype=np.int64)
    rows = Rows.of(later.data, later.stacked, one_fold, Rule.of_json(report["rule"]))
    point = of_json(chosen["point"], later.stacked.task)
    return {"says": chosen["says"], "then": chosen["figures"], "now": figures_at(point, rows)}


def apart(now: Score, then: Score, sign: int) -> Score:
    """The difference of two scores on different rows, by their intervals alone (MOVER; Zou and Donner 2008), positive
    where ``now`` is better."""
    ends = [(one["value"], one.get("low"), one.get("high")) for one in (now, then)]
    if any(value is None for of in ends for value in of):
        return {"value": None, "low": None, "high": None}
    (value, low, high), (before, before_low, before_high) = [tuple(float(v or 0.0) for v in of) for of in ends]
    down = np.hypot(value - low, before_high - before)
    up = np.hypot(high - value, before - before_low)
    found = value - before
    lowest, highest = (found - down, found + up) if sign > 0 else (-found - up, -found + down)
    return {"value": sign * found, "low": float(lowest), "high": float(highest)}


def verdict(difference: Score) -> Verdict:
    low, high = difference.get("low"), difference.get("high")
    if low is None or high is None:
        return "unknown"
    return "below" if high < 0 else "above" if low > 0 else "within"


def _calibration(task: Task, promise: Promise, later: Later) -> dict[str, Calibrated]:
    labels, values = later.data.labels(task), later.stacked.take(later.data.ids).values
    known = task.target.known(labels)
    found: dict[str, Calibrated] = {}
    for name in CALIBRATION:
        metric = METRICS[name]
        draws = bootstrap(metric, labels, values, later.data.groups)
        then = promise.report["stack"]["metrics"].get(name, {"value": None})["value"]
        now = score_with_interval(score(metric, labels, values), draws)
        if name == "ece":  # of a resample it is greater, since fewer rows make it so: no interval
            found[name] = {"then": then, "now": {"value": now["value"]}, "chance": _by_chance(values[known])}
        else:
            found[name] = {"then": then, "now": now, "chance": None}
    return found


def _by_chance(values: Floats, draws: int = 100) -> float:
    """The mean expected calibration error where labels are drawn from the probabilities themselves."""
    random = np.random.default_rng(0)
    upper = np.cumsum(values, axis=1)
    ones = np.ones((1, len(values)))
    each = []
    for _ in range(draws):
        drawn = (random.random((len(values), 1)) > upper[:, :-1]).sum(axis=1)
        each.append(float(METRICS["ece"].score(drawn, values, ones)[0]))
    return float(np.mean(each))


def _reliability(promise: Promise, later: Later) -> dict[str, Reliability]:
    found = {}
    if promise.labels is not None:
        found["then"] = reliability(promise.labels, promise.stacked)
    found["now"] = reliability(later.data.labels(later.stacked.task), later.stacked.take(later.data.ids))
    return found


def _drift(task: Task, promise: Promise, later: Later) -> list[Drift]:
    pairs = {name: (promise.base[name], later.base[name]) for name in promise.base}
    pairs["stack"] = (promise.stacked, later.stacked)
    return [
        prediction_drift(name, task.columns, then.values, now.take(later.data.ids).values, promise.groups)
        for name, (then, now) in pairs.items()
    ]
