"""What a base learner is. No base class: anything with these methods is one."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast, get_args, get_origin

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from ensemble.data import Dataset, Task
from ensemble.registry import bind, resolve
from ensemble.system.progress import Track, silent


@dataclass(frozen=True)
class TrainingContext:
    """What a job lends to a learner that trains for long.

    ``folder`` keeps what a killed ``fit`` needs to go on and is emptied when the job is done; without one nothing is
    kept. ``memory`` (a JSON file) outlasts jobs: what was found out about the machine. ``name`` is for progress bars.
    """

    folder: Path | None = None
    memory: Path | None = None
    name: str = ""
    track: Track = silent


class Trial(Protocol):
    """What a search space asks for values: an Optuna trial, or anything with these methods."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...

    def suggest_int(self, name: str, low: int, high: int) -> int: ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...


class BaseLearner(Protocol):
    """A model of one or more modalities that gives probabilities for one task.

    The constructor only stores keyword arguments. ``fit`` sees the fit rows and nothing else; a split it needs for
    itself it carves from them, ``data.groups`` whole. The same seed gives the same probabilities. A class absent from
    the fit rows still has its column. Missing texts and images are predicted for, too.

    Other methods are optional. ``prepare(data, cache)`` is called with every row, without labels, before ``fit``, and
    with new posts after ``load``: what all folds and tasks share is computed there, once. ``sources()`` names the files
    besides the parameters that results depend on (local weights); a change in them makes results stale.
    ``set_context(workspace)`` is called before ``fit`` of a learner that trains for long; ``facts()`` after it, for the
    job's record (plain JSON), and ``curve()`` for the job's learning curve, a row per epoch.
    ``predict_with_spread(data)`` gives the probabilities and, of the same shape, their standard deviation over views of
    a row; it is called instead of ``predict_proba``.
    ``modality_weights(data)`` gives (rows, modalities) how much each decided, for analysis; None where the learner as
    configured has no such weights, NaN in rows without any.
    ``search_space(trial)``, callable on the class, gives parameters to try, to be laid over those that are set.
    ``modalities()`` names what of a post the learner looks at, out of MODALITIES.
    """

    def fit(self, data: Dataset, task: Task, seed: int) -> None: ...

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows, classes), rows sum to one."""
        ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


def make_learner(registry: Mapping[str, str], learner: str, params: Mapping[str, Any], where: str) -> BaseLearner:
    """An unfitted learner; raises ConfigError for a name or parameter it does not have."""
    return cast(BaseLearner, bind(resolve(registry, "learner", learner), params, where)())


def describe_learners(registry: Mapping[str, str], names: Sequence[str] = ()) -> dict[str, Any]:
    """Per learner (those named, or all) what it is (the first paragraph of its docstring; of named ones all of it), its
    parameters with defaults, and the values of those that have but a few. Raises ConfigError for an unknown name."""
    found = {}
    for name in names or registry:
        learner = resolve(registry, "learner", name)
        paragraphs = inspect.cleandoc(learner.__doc__ or "").split("\n\n")
        described = [one for parameter in inspect.signature(learner).parameters.values() for one in _parts(parameter)]
        found[name] = {
            "about": " ".join(part.replace("\n", " ") for part in paragraphs[: None if names else 1]),
            "parameters": {path: default for path, default, _ in described},
            "choices": {path: some for path, _, kind in described if (some := _choices(kind))},
        }
    return found


def _parts(parameter: inspect.Parameter) -> list[tuple[str, Any, Any]]:
    """Name, default and type of a parameter; of a table of parameters, one by one under dotted names."""
    for kind in (parameter.annotation, *get_args(parameter.annotation)):
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            fields = kind.model_fields.items()
            return [(f"{parameter.name}.{name}", field.default, field.annotation) for name, field in fields]
    default = None if parameter.default is parameter.empty else parameter.default
    return [(parameter.name, default, parameter.annotation)]


def _choices(kind: Any) -> list[Any]:
    """The values a type spells out; none of other types."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [choice for part in get_args(kind) if get_origin(part) is Literal for choice in get_args(part)]


def source_files(learner: BaseLearner) -> list[Path]:
    """The files a learner's results depend on besides its parameters, sorted."""
    sources = getattr(learner, "sources", None)
    return sorted(sources()) if sources else []
