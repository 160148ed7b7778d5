"""Making learners: names and parameters to objects, whose methods are checked to be those of the protocols."""

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from ensemble.errors import ConfigError
from ensemble.learner import (
    BaseLearner,
    ChecksModels,
    DependsOnFiles,
    HasCurve,
    HasLayers,
    LearnsSoftLabels,
    LooksAtModalities,
    PredictsNumbers,
    PredictsSpread,
    Prepares,
    ReportsTraining,
    Searchable,
    TakesDevelopment,
    TrainsLong,
    WeighsModalities,
)
from ensemble.registry import bind, is_foreign, resolve, wrong_arguments
from ensemble.targets import TARGETS

OPTIONAL: tuple[type, ...] = (
    PredictsNumbers,
    LooksAtModalities,
    DependsOnFiles,
    ChecksModels,
    Prepares,
    TakesDevelopment,
    TrainsLong,
    ReportsTraining,
    HasCurve,
    PredictsSpread,
    LearnsSoftLabels,
    WeighsModalities,
    HasLayers,
    Searchable,
)
METHODS: dict[str, Callable[..., Any]] = {
    name: method
    for protocol in (BaseLearner, *OPTIONAL)
    for name, method in vars(protocol).items()
    if not name.startswith("_")
}


def learner_factory(
    registry: Mapping[str, str], learner: str, params: Mapping[str, object], where: str
) -> Callable[[], BaseLearner]:
    """Makes unfitted learners; raises ConfigError for a name or parameter the learner does not have, and for a class
    whose methods are not those of the protocols."""
    return bind(learner_class(registry, learner, where.removesuffix(".params")), params, where)


def learner_class(registry: Mapping[str, str], learner: str, where: str) -> Any:
    """What makes a learner of that name, checked and not called; raises ConfigError as ``learner_factory`` does."""
    made: Any = resolve(registry, "learner", learner)
    reason = _not_a_learner(learner, made) if is_foreign(registry, learner) else None
    for wrong in [reason] if reason else _wrong_methods(made):
        raise ConfigError(f"{where}: {wrong}")
    return made


def _not_a_learner(place: str, made: Any) -> str | None:
    """What keeps that which another package has in a place from being a learner's class, but for its methods."""
    if not inspect.isclass(made):
        return f"{place!r} is of type {type(made).__name__!r}; a base learner is a class (see ensemble/learner.py)."
    if inspect.isabstract(made) or getattr(made, "_is_protocol", False):
        return f"{place!r} is an abstract class; a base learner is one that can be made."
    wrong = wrong_arguments(made)
    return f"{place!r} {wrong}." if wrong else None


def make_learner(registry: Mapping[str, str], learner: str, params: Mapping[str, object], where: str) -> BaseLearner:
    """An unfitted learner; raises ConfigError as ``learner_factory`` does."""
    return learner_factory(registry, learner, params, where)()


@lru_cache(maxsize=256)
def _wrong_methods(made: Any) -> tuple[str, ...]:
    """What is wrong with the public methods of a learner's class: one of the protocols' misspelt, missing, or with
    other parameters. Nothing of a function that makes one."""
    if not inspect.isclass(made):
        return ()
    own = {name for name in dir(made) if not name.startswith("_") and callable(getattr(made, name))}
    wrong = []
    for name in sorted(own - set(METHODS)):
        meant = get_close_matches(name, set(METHODS) - own, n=1, cutoff=0.75)
        wrong += [f"class {made.__name__} has a method {name!r}; did you mean {meant[0]!r}?"] if meant else []
    required = {name for name in vars(BaseLearner) if not name.startswith("_")}
    required -= {"predict_proba"} if own & {target.method for target in TARGETS.values()} else set()
    wrong += [
        f"class {made.__name__} has no method {name!r}; every learner has one." for name in sorted(required - own)
    ]
    for name in sorted(own & set(METHODS)):
        names = [one for one in inspect.signature(METHODS[name]).parameters if one != "self"]
        if not _takes(made, name, len(names)):
            expected = f"{name}({', '.join(names)})" + ("" if name != "search_space" else " on the class itself")
            wrong.append(f"class {made.__name__}: {name!r} must be callable as {expected}.")
    return tuple(wrong)


def _takes(made: Any, name: str, count: int) -> bool:
    """Whether a method takes so many arguments beside ``self``."""
    bound = isinstance(inspect.getattr_static(made, name), staticmethod | classmethod)
    arguments = [None] * (count if bound or name == "search_space" else count + 1)
    try:
        inspect.signature(getattr(made, name)).bind(*arguments)
    except TypeError:
        return False
    return True


def source_files(learner: BaseLearner) -> list[Path]:
    """The files a learner's results depend on besides its parameters, sorted."""
    return sorted(learner.sources()) if isinstance(learner, DependsOnFiles) else []
