"""What a base learner is. No base class: anything with these methods is one."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypedDict, runtime_checkable

import numpy as np
import numpy.typing as npt

from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError
from ensemble.features import FeatureCache
from ensemble.registry import bind, resolve
from ensemble.system.progress import Track, silent
from ensemble.targets import TARGETS


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


class TrainingInfo(TypedDict, total=False):
    """What a job's record says of a training; every key may be absent, and is then not known."""

    parameters: int  # of the network
    trainable_parameters: int  # of these, those that were trained
    fit_rows: int  # that were trained on
    validation_rows: int  # put aside to say which epoch is best
    device: str  # as torch names it
    precision: str  # "float32" or "bfloat16"
    processes: int  # that trained together
    epochs: int  # that were run
    best_epoch: int  # whose weights are kept, from 1
    training_seconds: float  # of all epochs
    micro_batch: int  # rows at a time, where memory did not hold the batch
    steps_repeated: int  # because memory ran out
    batch_norm: str  # what its statistics are of, where not of the batch
    batch_norm_restored: str  # where it was folded into published weights
    note: str  # what the fit rows were not enough for, and what was done instead
    pooling: str  # of the token vectors of a text
    prompts: list[str]  # the sentence of each class that CLIP was asked about
    fit_texts: dict[str, int]  # counts of rows, missing, blank, cut and translated texts
    predicted_texts: dict[str, int]
    fit_posts: dict[str, int]  # counts of rows, and of rows without a text or an image
    predicted_posts: dict[str, int]


class Trial(Protocol):
    """What a search space asks for values: an Optuna trial, or anything with these methods."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...

    def suggest_int(self, name: str, low: int, high: int) -> int: ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...


class BaseLearner(Protocol):
    """A model of one or more modalities that gives probabilities for one task, or numbers: a learner that has
    ``predict`` (``PredictsNumbers``) takes regressions, too; one that takes nothing else needs no ``predict_proba``.

    The constructor only stores keyword arguments. ``fit`` sees the fit rows and nothing else; a split it needs for
    itself it carves from them, ``data.groups`` whole. The same seed gives the same probabilities. A class absent from
    the fit rows still has its column. Missing texts and images are predicted for, too.

    What else a learner may offer are the protocols below; ``make_learner`` checks that a method is one of them.
    """

    def fit(self, data: Dataset, task: Task, seed: int) -> None: ...

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows, classes), rows sum to one."""
        ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


@runtime_checkable
class PredictsNumbers(Protocol):
    def predict(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows,) any finite numbers, as scikit-learn's regressors, where the task that was fitted is a regression."""
        ...


@runtime_checkable
class LooksAtModalities(Protocol):
    def modalities(self) -> tuple[str, ...]:
        """What of a post the learner looks at, out of MODALITIES."""
        ...


@runtime_checkable
class DependsOnFiles(Protocol):
    def sources(self) -> list[Path]:
        """The files besides the parameters that results depend on (local weights); a change makes results stale."""
        ...


@runtime_checkable
class ChecksModels(Protocol):
    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        """Raises LearnerError where a published model that the posts of ``data`` need cannot be had, as far as that
        shows without loading it. Called before the first job, once for all of them."""
        ...


@runtime_checkable
class Prepares(Protocol):
    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        """Called with every row, without labels, before ``fit``, and with new posts after ``load``: what all folds and
        tasks share is computed here, once."""
        ...


@runtime_checkable
class TakesDevelopment(Protocol):
    def set_development(self, data: Dataset) -> None:
        """Called before ``fit`` with the labelled rows of the table's development part, where it has one. They may tell
        which epoch, parameter or layer is best; nothing is fitted on them."""
        ...


@runtime_checkable
class TrainsLong(Protocol):
    def set_context(self, context: TrainingContext) -> None:
        """Called before ``fit``, and before predicting after ``load``."""
        ...


@runtime_checkable
class ReportsTraining(Protocol):
    def training_info(self) -> TrainingInfo:
        """Called after ``fit``, for the job's record."""
        ...


@runtime_checkable
class HasCurve(Protocol):
    def curve(self) -> list[dict[str, float]]:
        """The job's learning curve, a row per epoch."""
        ...


@runtime_checkable
class PredictsSpread(Protocol):
    def predict_with_spread(self, data: Dataset) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(rows, columns) the predictions, (rows, 1) where they are numbers, and, of the same shape, their standard
        deviation over views of a row; called instead of ``predict_proba`` and ``predict``."""
        ...


@runtime_checkable
class WeighsModalities(LooksAtModalities, Protocol):
    def modality_weights(self, data: Dataset) -> npt.NDArray[np.float64] | None:
        """(rows, modalities) how much each decided, for analysis; None where the learner as configured has no such
        weights, NaN in rows without any."""
        ...


@runtime_checkable
class Searchable(Protocol):
    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Parameters to try, to be laid over those that are set; callable on the class."""
        ...


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
    WeighsModalities,
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
    made: Any = resolve(registry, "learner", learner)
    for reason in _wrong_methods(made):
        raise ConfigError(f"{where.removesuffix('.params')}: {reason}")
    return bind(made, params, where)


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
