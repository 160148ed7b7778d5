"""What a person asks of an operating point, checked: shares, a class, costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.data import Task
from ensemble.errors import ConfigError, some, unknown
from meta.operating.choice import Choice, Rows, at_costs, at_thresholds, for_review
from meta.operating.points import REVIEW, Costs


@dataclass(frozen=True)
class Asked:
    """One kind of question: ``precision`` and ``recall`` of the class ``label`` (or one of the two), a ``review``
    share, or ``costs`` such as ``hate=5``."""

    label: str | None = None
    precision: float | None = None
    recall: float | None = None
    review: float | None = None
    costs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("precision", "recall", "review"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1 + (name != "review") * 1e-12:
                most = "below 1" if name == "review" else "up to 1"
                raise ConfigError(f"--{name} must be above 0 and {most}, such as 0.9; got {value:g}.")
        thresholds = self.precision is not None or self.recall is not None
        kinds = [thresholds, self.review is not None, bool(self.costs)]
        if sum(kinds) != 1:
            raise ConfigError(
                "One question at a time: --precision and --recall (one, or both with review between), "
                "--review SHARE, or --cost CLASS=NUMBER."
            )
        if self.label is not None and not thresholds:
            raise ConfigError("--label goes with --precision and --recall, which are of one class.")

    def choose(self, rows: Rows) -> Choice:
        """Raises ConfigError for a class there is not, and where nothing reaches what is asked."""
        task = rows.task
        if REVIEW in task.classes:
            raise ConfigError(f"{task.name!r} has a class {REVIEW!r}, which stands for posts that a person decides.")
        if self.costs:
            costs, asked = costs_named(task, self.costs)
            return at_costs(rows, costs, asked)
        if self.review is not None:
            return for_review(rows, self.review)
        return at_thresholds(rows, self._class(task), self.precision, self.recall)

    def _class(self, task: Task) -> int:
        if self.label is None:
            if task.positive_class is None:
                raise ConfigError(f"--label must name one class of {task.name!r}: {some(task.classes, 12)}.")
            return task.positive_class
        if self.label not in task.classes:
            raise ConfigError(unknown(f"class of {task.name!r}", self.label, task.classes))
        return task.classes.index(self.label)


def costs_named(task: Task, given: Sequence[str]) -> tuple[Costs, dict[str, float]]:
    """``hate=5`` is what any other label for a true hate costs, ``hate:none=5`` what this one does, ``review=0.3`` what
    a person does; other mistakes cost 1. Raises ConfigError."""
    names, asked = task.classes, {}
    matrix = 1 - np.eye(len(names))
    pairs = {f"{true}:{decided}": (i, j) for i, true in enumerate(names) for j, decided in enumerate(names) if i != j}
    for text in sorted(given, key=lambda one: one.rpartition("=")[0] in pairs):  # pairs over whole classes
        name, _, number = text.rpartition("=")
        cost = _cost(text, number)
        if name in pairs:
            matrix[pairs[name]] = cost
        elif name in names:
            own = names.index(name)
            matrix[own] = np.where(np.arange(len(names)) == own, 0, cost)
        elif name != REVIEW:
            raise ConfigError(unknown(f"class of {task.name!r} in --cost {text}", name, [*names, *pairs, REVIEW]))
        asked[name] = cost
    return Costs(tuple(map(tuple, matrix.tolist())), asked.get(REVIEW)), asked


def _cost(text: str, number: str) -> float:
    try:
        cost = float(number)
    except ValueError:
        cost = float("nan")
    if not 0 <= cost < float("inf") or "=" not in text:
        raise ConfigError(f"--cost {text!r} must be CLASS=NUMBER, a number of 0 or more, such as hate=5.")
    return cost
