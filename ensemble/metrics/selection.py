"""Metrics by name, and which of them fit a task: one family per kind of target."""

from dataclasses import replace
from typing import Protocol

from ensemble.errors import ConfigError, unknown
from ensemble.metrics.classes import ClassMetrics
from ensemble.metrics.metric import Metric
from ensemble.metrics.numbers import NumberMetrics
from ensemble.targets import Task


class MetricFamily(Protocol):
    """``names`` are those of any such task, ``with_interval`` those that score cards always give an interval."""

    names: tuple[str, ...]
    with_interval: tuple[str, ...]

    def fitting(self, task: Task) -> dict[str, Metric]:
        """Those every score card of such a task shows, by name."""
        ...

    def of(self, task: Task) -> Metric | None:
        """The one it is judged by, None where that is none of theirs; raises ConfigError where it needs more of the
        task."""
        ...

    def spelled(self, task: Task) -> str:
        """The name of that one, with all that ``named`` needs to know of the task."""
        ...

    def named(self, name: str) -> Metric | None:
        """By name alone, None where it is none of theirs."""
        ...


FAMILIES: dict[str, MetricFamily] = {"classification": ClassMetrics(), "regression": NumberMetrics()}


def metric_of(task: Task) -> Metric:
    """The metric a task is judged by; raises ConfigError for one nobody knows, and for one that does not fit it."""
    metric = FAMILIES[task.kind].of(task)
    if metric is None:
        raise ConfigError(f"Task {task.name!r}: {unknown('metric', task.metric, FAMILIES[task.kind].names)}")
    return replace(metric, name=task.metric)


def metrics_of(task: Task) -> dict[str, Metric]:
    """Those that fit a task, by name, and the one it is judged by."""
    return FAMILIES[task.kind].fitting(task) | {task.metric: metric_of(task)}


def with_interval(task: Task) -> set[str]:
    """The names of the metrics that its score card gives an interval."""
    return {task.metric, *FAMILIES[task.kind].with_interval}


def spelled(task: Task) -> str:
    """The metric of a task as ``metric_named`` takes it where the task is not at hand."""
    return FAMILIES[task.kind].spelled(task)


def metric_named(name: str) -> Metric:
    """Raises ConfigError with a suggestion for a metric nobody knows."""
    for family in FAMILIES.values():
        if metric := family.named(name):
            return metric
    raise ConfigError(unknown("metric", name, [name for family in FAMILIES.values() for name in family.names]))


def sign_named(name: str) -> int:
    """1 where greater is better, -1 where smaller: of any metric a task is judged by, also one that asks for the cuts
    of its numbers (``acc_4``), which the name does not tell."""
    return 1 if name.partition("_")[0] in ("acc", "f1") else metric_named(name).sign
