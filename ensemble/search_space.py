"""What parameters may be tried: the space a learner class declares, or one that the configuration spells out."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from ensemble.data import Task
from ensemble.errors import ConfigError
from ensemble.learner import Searchable, Trial
from ensemble.learner_factory import learner_class, make_learner

Space = Callable[[Trial], dict[str, object]]
RANGE = {"low", "high", "log"}


@dataclass(frozen=True)
class Interval:
    """All numbers from ``low`` to ``high``."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


Choices = Sequence[Any] | Interval


class Outline:
    """Writes down what a space asks for, and answers with the first choice."""

    def __init__(self) -> None:
        self.asked: dict[str, Choices] = {}

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.asked[name] = list(choices)
        return choices[0]

    def suggest_int(self, name: str, low: int, high: int) -> int:
        self.asked[name] = range(low, high + 1)
        return low

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.asked[name] = Interval(low, high)
        return low

    def as_json(self) -> dict[str, str]:
        """The choices as plain JSON, to tell one space from another."""
        return {name: repr(choices) for name, choices in self.asked.items()}


def space_of(
    registry: Mapping[str, str], learner: str, name: str, own: Mapping[str, object], task: Task | None = None
) -> Space:
    """The configuration's ``own`` space, or that of the learner's class, for a ``task`` without classes without what it
    calls ``of_classes``; raises ConfigError where there is neither."""
    if own:
        return partial(suggest, own)
    made = learner_class(registry, learner, f"base.{name}")
    declared: Space | None = made.search_space if isinstance(made, Searchable) else None
    if declared is None and not vars(make_learner(registry, learner, {}, name)):
        raise ConfigError(f"base.{name}: the learner {learner!r} has no parameters to tune.")
    if declared is None:
        raise ConfigError(
            f"base.{name}: the learner {learner!r} has no search space of its own; give it one, such as "
            f'[tune.{name}.space] with "training.lr" = {{ low = 1e-6, high = 1e-4, log = true }} or lists of values.'
        )
    return declared if task is None or task.classes else without(declared, getattr(made, "of_classes", ()))


class _Answered:
    """A trial that is not asked for some parameters."""

    def __init__(self, trial: Trial, names: Collection[str]) -> None:
        self.trial, self.names = trial, names

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[0] if name in self.names else self.trial.suggest_categorical(name, choices)

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return low if name in self.names else self.trial.suggest_int(name, low, high)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return low if name in self.names else self.trial.suggest_float(name, low, high, log=log)


def without(space: Space, names: Collection[str]) -> Space:
    """The same space without the parameters of these names, in whatever table."""

    def rest(found: Mapping[str, object]) -> dict[str, object]:
        kept = {name: value for name, value in found.items() if name not in names}
        return {name: rest(value) if isinstance(value, Mapping) else value for name, value in kept.items()}

    return lambda trial: rest(space(_Answered(trial, names)))


def outline(space: Space) -> tuple[Outline, dict[str, object]]:
    """What a space asks for, as far as its first choices lead, and the parameters these make."""
    seen = Outline()
    return seen, space(seen)


def grid(asked: Mapping[str, Choices], most: int) -> list[dict[str, object]]:
    """Every combination of a space that has no more than ``most``; nothing of a larger one."""
    lists = [choices for choices in asked.values() if not isinstance(choices, Interval)]
    if len(lists) < len(asked) or math.prod(map(len, lists)) > most:
        return []
    return [dict(zip(asked, values, strict=True)) for values in product(*lists)]


def as_set(asked: Mapping[str, Choices], params: Mapping[str, object]) -> dict[str, object]:
    """Parameters as they are set, ``params`` by dotted name, in the words of a space: ``lr`` is ``training.lr``.
    Nothing where a name does not say which parameter is meant, or a value is not in the space."""
    found = {}
    for name, choices in asked.items():
        meant = [path for path in params if path == name or path.endswith(f".{name}")]
        if len(meant) != 1 or params[meant[0]] not in choices:
            return {}
        found[name] = params[meant[0]]
    return found


def searchable(space: Mapping[str, object]) -> dict[str, object]:
    """A space of the configuration by dotted names, checked; raises ValueError saying what a parameter may have."""
    flat: dict[str, object] = {}
    for name, choices in space.items():
        if isinstance(choices, Mapping) and not set(choices) & RANGE:
            flat |= {f"{name}.{key}": value for key, value in searchable(choices).items()}
        elif _is_list(choices) or _is_range(choices):
            flat[name] = choices
        else:
            raise ValueError(
                f"{name} must be a list of different values, or {{ low = .., high = .. }} with low below high and "
                f"perhaps log = true (low above 0), got {choices!r}"
            )
    return flat


def suggest(space: Mapping[str, object], trial: Trial) -> dict[str, object]:
    """Parameters of a space as the configuration spells it: lists, and ranges, of whole numbers where both ends are."""
    found: dict[str, Any] = {}
    for name, choices in space.items():
        *tables, last = name.split(".")
        table = found
        for key in tables:
            table = table.setdefault(key, {})
        table[last] = _one(name, choices, trial)
    return found


def _one(name: str, choices: Any, trial: Trial) -> Any:
    if isinstance(choices, list):
        return trial.suggest_categorical(name, choices)
    low, high, log = choices["low"], choices["high"], choices.get("log", False)
    whole = isinstance(low, int) and isinstance(high, int)
    if whole and not log:
        return trial.suggest_int(name, low, high)
    value = trial.suggest_float(name, low, high, log=log)
    return round(value) if whole else value


def _is_list(choices: Any) -> bool:
    plain = isinstance(choices, list) and choices and all(isinstance(one, bool | int | float | str) for one in choices)
    return bool(plain) and len(set(map(repr, choices))) == len(choices)


def _is_range(choices: Any) -> bool:
    if not isinstance(choices, Mapping) or not {"low", "high"} <= set(choices) <= RANGE:
        return False
    low, high, log = choices["low"], choices["high"], choices.get("log", False)
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    return numbers and low < high and isinstance(log, bool) and (low > 0 or not log)
