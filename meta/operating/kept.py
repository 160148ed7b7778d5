"""The operating point of a run's task, as it is kept: chosen for one stack, refused under another."""

import logging
from collections.abc import Mapping
from typing import Any, TypedDict, cast

from ensemble.data import Task
from ensemble.errors import StoreError, command
from ensemble.run import Run
from ensemble.scoring import Score
from ensemble.system.files import fingerprint, read_json, write_json
from meta.operating.asked import Asked
from meta.operating.choice import Rows
from meta.operating.points import REVIEW, OperatingPoint, as_json, of_json
from meta.records import StackReport
from meta.rules import Rule
from meta.stack import read_report

log = logging.getLogger("ensemble")


class ChosenPoint(TypedDict):
    """The ``point`` and what it ``says``; what was ``asked``; on how many ``rows`` and ``groups`` it was chosen;
    ``figures`` of points chosen anew for each fold, and some ``in_sample``; ``counts`` of the labels it gives out of
    fold; ``doubts``; tasks that are ``linked`` with this one; the fingerprint of the ``stack``; the ``file``."""

    task: str
    point: dict[str, Any]
    says: str
    asked: dict[str, Any]
    rows: int
    groups: int
    folds: int
    figures: dict[str, Score]
    in_sample: dict[str, float]
    counts: dict[str, int]
    doubts: list[str]
    linked: list[str]
    stack: str
    file: str


def choose_point(run: Run, task: Task, asked: Asked) -> ChosenPoint:
    """Choose an operating point on the finished stack's out-of-fold probabilities, and keep it; ``run`` has its posts.

    Raises StoreError where there is no stack, ConfigError where nothing reaches what is asked."""
    report = read_report(run.store.stack(task.name), None, "--task", task.name)
    rule = Rule.of_json(report["rule"])
    oof, fold = run.store.stack(task.name).read("oof", task), run.plan.fold[run.plan.cv_rows]
    rows = Rows.of(run.data.take(run.plan.cv_rows), oof, fold, rule)
    choice = asked.choose(rows)
    labels, review = choice.point.decide(rows.values, rule, rows.decided)
    counts = {name: int(((labels == i) & ~review).sum()) for i, name in enumerate(task.classes)}
    path = run.store.operating_point(task.name)
    record: ChosenPoint = {
        "task": task.name,
        "point": as_json(choice.point),
        "says": choice.point.describe(task.classes),
        "asked": dict(choice.asked),
        "rows": len(rows.true),
        "groups": len(set(rows.groups.tolist())),
        "folds": run.plan.settings.k,
        "figures": dict(choice.figures),
        "in_sample": dict(choice.in_sample),
        "counts": counts | ({REVIEW: int(review.sum())} if review.any() else {}),
        "doubts": list(choice.doubts),
        "linked": [name for pair in run.data.linked_tasks if task.name in pair for name in pair if name != task.name],
        "stack": _stack_of(report),
        "file": str(path),
    }
    write_json(path, {key: value for key, value in record.items() if key != "file"})
    return record


def _stack_of(report: StackReport) -> str:
    """The fingerprint of a finished stack: of all it was made of."""
    found: dict[str, Any] = dict(report)
    return fingerprint({name: found.get(name) for name in ("made_of", "files")})


def remove_point(run: Run, task: Task) -> bool:
    """Whether there was one."""
    path = run.store.operating_point(task.name)
    there = path.is_file()
    path.unlink(missing_ok=True)
    return there


def read_point(run: Run, task: Task, report: StackReport) -> ChosenPoint | None:
    """The record of the point that was chosen for the stack of this ``report``, or None; raises StoreError where it was
    chosen for another stack, or is damaged."""
    path = run.store.operating_point(task.name)
    if not path.is_file():
        return None
    record = read_json(path)
    if record.get("stack") != _stack_of(report):
        again, gone = (_command(run, task, *words) for words in (_options(record.get("asked", {})), ["--undo"]))
        raise StoreError(
            f"{path} was chosen for another stack of {task.name}: choose it again, {again}, or take it away, {gone}; "
            "--no-operating-point predicts without."
        )
    of_json(record.get("point"), task)
    return cast(ChosenPoint, record | {"file": str(path)})


def point_of(run: Run, task: Task, report: StackReport) -> OperatingPoint | None:
    """The point itself, which is said, or None; raises as ``read_point``."""
    record = read_point(run, task, report)
    if record is None:
        return None
    point = of_json(record["point"], task)
    log.warning("%s: labels at the operating point: %s.", task.name, point.describe(task.classes))
    return point


def _command(run: Run, task: Task, *options: str) -> str:
    return command("thresholds", str(run.store.root), "--task", task.name, *options)


def _options(asked: Mapping[str, Any]) -> list[str]:
    """What was asked, as options of the command."""
    costs = [word for name, cost in asked.get("costs", {}).items() for word in ("--cost", f"{name}={cost:g}")]
    others = {name: value for name, value in asked.items() if name != "costs"}
    return [*costs, *(word for name, value in others.items() for word in (f"--{name}", str(value)))]
