"""Arguments of the API, checked for their kind before anything is done with them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ensemble.errors import ConfigError

Learners = Sequence[str] | Mapping[str, str | Mapping[str, object]]


def path_of(argument: str, given: str | Path) -> Path:
    """Raises ConfigError for what is no path."""
    if not isinstance(given, str | Path):
        raise ConfigError(f"{argument} must be a path, got {given!r}.")
    return Path(given)


def names_of(argument: str, given: Iterable[str]) -> list[str]:
    """Raises ConfigError for a single text, whose letters would count, and for what is no list."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigError(f"{argument} must be a list of texts, such as [{str(given)!r}].")
    return list(given)


def section(name: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """A table of a configuration; raises ConfigError for what is no mapping."""
    if not isinstance(given, Mapping | None):
        raise ConfigError(f"{name}={given!r} must be a mapping, as the table [{name}] of a configuration is.")
    return dict(given or {})


def base_learners(learners: Learners) -> dict[str, object]:
    """The tables of base learners; raises ConfigError for neither a list nor a mapping."""
    if isinstance(learners, str) or not isinstance(learners, Sequence | Mapping):
        raise ConfigError("learners must be a list of names or a mapping, such as ['tfidf'].")
    named = learners if isinstance(learners, Mapping) else {name: name for name in learners}
    return {name: {"learner": of} if isinstance(of, str) else of for name, of in named.items()}
