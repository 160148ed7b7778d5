"""What a base learner is. No base class: anything with these methods is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict, runtime_checkable

import numpy as np
import numpy.typing as npt

from ensemble.data import Dataset, Task
from ensemble.features import FeatureCache
from ensemble.system.progress import Track, silent


@dataclass(frozen=True)
class TrainingContext:
    """What a job lends to a learner that trains for long.

    ``folder`` keeps what a killed ``fit`` needs to go on and is emptied when the job is done; without one nothing is
    kept. ``memory`` (a JSON file) outlasts jobs: what was found out about the machine. ``name`` is for progress bars.
    Where predictions need not be ``exact``, they may differ by 1e-4 from those of the learner that was saved.
    """

    folder: Path | None = None
    memory: Path | None = None
    name: str = ""
    track: Track = silent
    exact: bool = True


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
    layer_weights: dict[str, list[float]]  # by modality, of the blocks of its encoder, from the first
    prompts: list[str]  # the sentence of each class that CLIP was asked about; a language model's prompt
    words: list[list[str]]  # of each class, how likely which a language model was asked
    fit_texts: dict[str, int]  # counts of rows, missing, blank, cut and translated texts
    predicted_texts: dict[str, int]
    sound_window: str  # of a network that was trained on windows of one length: what it reads of a sound
    fit_sounds: dict[str, int]  # counts of rows, and of missing, cut and damaged sounds
    predicted_sounds: dict[str, int]
    fit_posts: dict[str, int]  # counts of rows, of those without each modality or left out, of frames without a face
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
class LearnsSoftLabels(Protocol):
    def fit_soft(self, data: Dataset, task: Task, soft: npt.NDArray[np.float64], seed: int) -> None:
        """As ``fit``, of ``soft`` labels in place of the table's, which may be missing: (rows, classes) probabilities
        that sum to one, or (rows, 1) numbers. Raises LearnerError where the learner as configured learns no such."""
        ...


@runtime_checkable
class WeighsModalities(LooksAtModalities, Protocol):
    def modality_weights(self, data: Dataset) -> npt.NDArray[np.float64] | None:
        """(rows, modalities) how much each of ``modalities()`` decided, for analysis, in that order: gates from 0 to 1,
        each for itself, or shares that sum to one. None where the learner as configured has no such weights, NaN where
        a row has nothing to weigh."""
        ...


@runtime_checkable
class HasLayers(Protocol):
    """Of a learner over frozen encoders; `ensemble layers` asks which of their layers serves it best."""

    def layer_params(self) -> Mapping[str, Mapping[int, Mapping[str, object]]]:
        """By modality and the number of each layer of its encoder: parameters, to be laid over those that are set, of a
        learner that sees this layer and nothing else."""
        ...

    def prepare_layers(self, data: Dataset, cache: FeatureCache) -> None:
        """As ``prepare``, for all of these learners: each content passes its encoder once."""
        ...


@runtime_checkable
class Searchable(Protocol):
    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Parameters to try, to be laid over those that are set; callable on the class."""
        ...
