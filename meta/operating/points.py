"""What an operating point is: from probabilities to labels, and to posts that a person should look at."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ensemble.data import Codes, Floats, Task
from ensemble.errors import ConfigError, StoreError
from ensemble.registry import bind
from ensemble.targets import Mask
from meta.rules import Rule, expected

REVIEW = "review"  # in place of a label: a person decides


class Decided(NamedTuple):
    """``labels`` (rows,), positions in the task's classes; ``review`` (rows,): whose label is for a person to give."""

    labels: Codes
    review: Mask


class OperatingPoint(Protocol):
    """``decide`` is given (rows, classes) probabilities of a stack, its decision rule, and the (rows,) labels that the
    stack would give; ``describe`` says in words what is done."""

    def decide(self, values: Floats, rule: Rule, labels: Codes) -> Decided: ...

    def describe(self, classes: Sequence[str]) -> str: ...


@dataclass(frozen=True)
class Thresholds:
    """Of the probability of one class, at position ``label``: from ``high`` on it is the label, below ``low`` (at most
    ``high``) it is not, and between the two a person decides. What it is instead, the stack's own rule says."""

    label: int
    low: float
    high: float

    def decide(self, values: Floats, rule: Rule, labels: Codes) -> Decided:
        own = values[:, self.label]
        others = rule.adjust(values).copy()
        others[:, self.label] = -1
        decided = np.where(own >= self.high, self.label, others.argmax(axis=1)).astype(np.int64)
        review = (own >= self.low) & (own < self.high)
        return Decided(np.where(review, labels, decided), review)

    def describe(self, classes: Sequence[str]) -> str:
        name = classes[self.label]
        said = f"{name!r} from a probability of {self.high:.4g} on"
        return f"{said}, {REVIEW} from {self.low:.4g} on" if self.low < self.high else said


@dataclass(frozen=True)
class LeastSure:
    """The stack's own labels, and a person for the posts of which ``sureness`` is below ``least``."""

    least: float

    def decide(self, values: Floats, rule: Rule, labels: Codes) -> Decided:
        return Decided(labels, sureness(values, rule) < self.least)

    def describe(self, classes: Sequence[str]) -> str:
        return f"{REVIEW} where the stack is less sure than {self.least:.4g}"


@dataclass(frozen=True)
class Costs:
    """The label that is expected to cost least (Bayes decision; Elkan 2001): ``matrix`` [true][decided] is what it
    costs to decide one class where another is true; a person where all would cost more than ``review``."""

    matrix: tuple[tuple[float, ...], ...]
    review: float | None = None

    def decide(self, values: Floats, rule: Rule, labels: Codes) -> Decided:
        costs = values @ np.asarray(self.matrix)
        review = np.zeros(len(values), dtype=bool) if self.review is None else costs.min(axis=1) > self.review
        return Decided(np.asarray(costs.argmin(axis=1), dtype=np.int64), review)

    def describe(self, classes: Sequence[str]) -> str:
        named = [
            f"{true!r} taken for {decided!r} {cost:g}"
            for true, row in zip(classes, self.matrix, strict=True)
            for decided, cost in zip(classes, row, strict=True)
            if true != decided and cost != 1
        ]
        named += [f"{REVIEW} {self.review:g}"] if self.review is not None else []
        return f"the label that is expected to cost least ({', '.join(named) or 'all mistakes alike'})"


KINDS: Mapping[str, type[Thresholds] | type[LeastSure] | type[Costs]] = {
    "thresholds": Thresholds,
    "least_sure": LeastSure,
    "costs": Costs,
}


def as_json(point: OperatingPoint) -> dict[str, Any]:
    kind = next(name for name, made in KINDS.items() if isinstance(point, made))
    return {"kind": kind, **asdict(point)}  # type: ignore[call-overload]


def of_json(record: object, task: Task) -> OperatingPoint:
    """Raises StoreError for what is no operating point of the task."""
    try:
        found = dict(record) if isinstance(record, Mapping) else {}
        point: OperatingPoint = bind(KINDS[str(found.pop("kind"))], found, "")()
        if isinstance(point, Thresholds) and not (0 <= point.label < len(task.classes) and point.low <= point.high):
            raise ValueError(f"label = {point.label}, low = {point.low:g}, high = {point.high:g}")
        if isinstance(point, Costs) and {len(point.matrix), *map(len, point.matrix)} != {len(task.classes)}:
            raise ValueError(f"costs of {len(point.matrix)} classes, not of {len(task.classes)}")
        return point
    except (ConfigError, KeyError, ValueError) as error:
        why = str(error).rstrip(".")
        raise StoreError(
            f"The operating point of {task.name!r} is damaged ({why}); `ensemble thresholds` chooses it anew, or takes "
            "it away with --undo."
        ) from error


def sureness(values: Floats, rule: Rule) -> Floats:
    """(rows,) how far the decision is from another one: the lead of the label over the second, in probabilities that
    the rule has weighed (as in margin sampling, Scheffer et al. 2001); of cut points the distance to the nearest."""
    if rule.kind == "cut_points":
        return np.asarray(np.abs(expected(values)[:, None] - np.asarray(rule.numbers)).min(axis=1))
    two = np.sort(rule.adjust(values), axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])
