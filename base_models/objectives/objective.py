"""What a kind of task asks of a model: the width of its output, its loss, what its outputs mean. One class per kind."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy.typing as npt

from base_models.neural.averaging import Average
from base_models.neural.hyperparameters import Training
from base_models.objectives.classification import Classification
from base_models.objectives.regression import Regression
from ensemble.blocks import Features
from ensemble.data import Codes, Floats, Task

if TYPE_CHECKING:
    import torch
    from scipy.sparse import csr_matrix

    from base_models.neural.optimization import Loss

Array = npt.NDArray[Any]  # labels are codes or floats, by kind


class Probe(Protocol):
    """A model of dense features, its strength chosen inside the fit rows."""

    def fit(self, features: Features, labels: Array, groups: Codes, seed: int) -> object: ...

    def predictions(self, features: Features) -> Floats:
        """(rows, columns)."""
        ...

    def tensors(self) -> dict[str, Array]:
        """All that predicting needs, for ``restore``."""
        ...

    def restore(self, tensors: Mapping[str, Array]) -> None: ...


class Objective(Protocol):
    """What the labels of the fit rows say before anything is learned. Labels are (rows,) and known, outputs of models
    (rows, outputs), predictions (rows, columns)."""

    usual_note: ClassVar[str]  # that ``usual`` is predicted, in words

    @classmethod
    def of(cls, task: Task, labels: Array) -> Self:
        """Raises LearnerError where there are no labels, and without them nothing can be said."""
        ...

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> Self:
        """From ``record``; from an empty one what needs no labels."""
        ...

    def record(self) -> dict[str, object]:
        """As JSON, with the ``kind`` of the tasks; classes have none, as models of older versions."""
        ...

    @property
    def outputs(self) -> int:
        """How many numbers a model gives for a row."""
        ...

    @property
    def usual(self) -> Floats:
        """(columns,) what is predicted for a row of which nothing is known."""
        ...

    def settings(self, training: Training, strict: bool) -> Training:
        """Without what makes no sense for the kind; ``strict``: raises LearnerError where that was set, for no task of
        another kind can be meant."""
        ...

    def targets(self, training: Training, labels: Array, ratings: Floats | None) -> Array:
        """What the loss compares outputs with; ``ratings`` (rows, annotators) are what each of several said."""
        ...

    def loss(self, training: Training, labels: Array, device: "torch.device") -> "Loss":
        """(rows,) losses of outputs and ``targets``, weighted as the ``labels`` trained on ask for."""
        ...

    def predictions(self, outputs: Array, average: Average) -> tuple[Floats, Floats]:
        """(rows, columns) predictions of (rows, views, outputs), and their standard deviation over views; without
        views zeros."""
        ...

    def validation_loss(self, training: Training, labels: Array, values: Floats) -> float:
        """The mean loss of predictions, without weights."""
        ...

    def probe(self, name: str, penalties: Sequence[float], costs: Sequence[float], balance: float) -> Probe:
        """The unfitted probe of that name; raises LearnerError where the kind has none."""
        ...

    def regress(
        self,
        features: "csr_matrix",
        labels: Array,
        groups: Codes,
        strengths: Sequence[float],
        balance: float,
        seed: int,
    ) -> tuple[Floats, Floats]:
        """(width, outputs) coefficients and (outputs,) intercepts for sparse features, the best of ``strengths``."""
        ...


OBJECTIVES: Mapping[str, type[Objective]] = {"classification": Classification, "regression": Regression}


def objective_of(task: Task, labels: Array) -> Objective:
    return OBJECTIVES[task.kind].of(task, labels)


def restored_objective(record: Mapping[str, Any]) -> Objective:
    return OBJECTIVES[str(record.get("kind", "classification"))].restored(record)
