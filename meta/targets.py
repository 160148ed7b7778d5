"""What sets the kinds of target apart when they are stacked: which candidates there are, and which decision rules.

What a label is, and which are known, is the business of ensemble.targets. A kind more is an entry here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ensemble.data import Task
from ensemble.metrics import Metric
from meta import META_ESTIMATORS, SIMPLE
from meta.rules import kinds


@dataclass(frozen=True)
class StackTarget:
    """``estimators``: where the candidates are, by name; of equally good ones the earlier is preferred. ``simple``:
    what the others have to beat beyond noise. ``rules`` of a task and a metric: how predictions may become labels, the
    simplest first."""

    estimators: Mapping[str, str]
    simple: Sequence[str]
    rules: Callable[[Task, Metric], Sequence[str]]


def _rules_of_classes(task: Task, metric: Metric) -> Sequence[str]:
    return kinds(metric, len(task.classes), task.ordinal)


STACK_TARGETS: Mapping[str, StackTarget] = {
    "classification": StackTarget(META_ESTIMATORS, SIMPLE, _rules_of_classes),
}


def target_of(task: Task) -> StackTarget:
    """What stacking does with a task of its kind."""
    return STACK_TARGETS[task.kind]
