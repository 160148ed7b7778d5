"""Classes: a logit each, cross-entropy, probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from base_models.class_weights import smoothed_frequencies, weight_per_class
from base_models.neural.averaging import Average, average_views
from base_models.neural.hyperparameters import Training
from ensemble.data import Codes, Floats, Task
from ensemble.errors import LearnerError
from ensemble.metrics import METRICS, score

if TYPE_CHECKING:
    import torch
    from scipy.sparse import csr_matrix

    from base_models.kernel_svm import KernelSVM
    from base_models.neural.optimization import Loss
    from base_models.probe import LogisticProbe
    from base_models.ridge import OrdinalProbe

LOSSES = ("cross_entropy", "focal", "soft_cross_entropy")


@dataclass(frozen=True)
class Classification:
    """``frequencies`` (classes,) are those of the fit rows, one row added to each class; ``ordinal``: classes are in
    order."""

    frequencies: Floats = field(default_factory=lambda: np.zeros(0))
    ordinal: bool = True
    usual_note: ClassVar[str] = "class frequencies are predicted"

    @classmethod
    def of(cls, task: Task, labels: Codes) -> Self:
        return cls(smoothed_frequencies(labels, len(task.classes)), task.ordinal)

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> Self:
        return cls(np.array(record.get("frequencies", [])))

    def record(self) -> dict[str, object]:
        return {"frequencies": self.frequencies.tolist()}

    @property
    def outputs(self) -> int:
        return len(self.frequencies)

    @property
    def usual(self) -> Floats:
        return self.frequencies

    def settings(self, training: Training, strict: bool) -> Training:
        if training.loss is None or training.loss in LOSSES:
            return training
        if strict:
            raise LearnerError(f"training.loss = {training.loss!r} is for numbers; for classes: {', '.join(LOSSES)}.")
        return training.model_copy(update={"loss": None})

    def targets(self, training: Training, labels: Codes, ratings: Floats | None) -> npt.NDArray[Any]:
        """The labels, or the shares of the annotators that named each class; of a row that none rated its label."""
        if training.loss != "soft_cross_entropy":
            return labels
        if ratings is None:
            raise LearnerError(
                "training.loss = 'soft_cross_entropy' learns what several annotators said, and the table has one label "
                "a row; name their columns (annotators), or choose cross_entropy."
            )
        classes = np.arange(self.outputs)
        named = (ratings[:, :, None] == classes).sum(axis=1)
        alone = named.sum(axis=1, keepdims=True) == 0
        named = np.where(alone, labels[:, None] == classes, named)
        return np.asarray(named / named.sum(axis=1, keepdims=True), dtype=np.float32)

    def loss(self, training: Training, labels: Codes, device: "torch.device") -> "Loss":
        from base_models.neural.optimization import make_loss

        balance = 0 if training.resample else training.balance
        return make_loss(training, weight_per_class(labels, self.outputs, balance), device)

    def predictions(self, outputs: npt.NDArray[Any], average: Average) -> tuple[Floats, Floats]:
        return average_views(outputs, average)

    def validation_loss(self, training: Training, labels: Codes, values: Floats) -> float:
        return score(METRICS["log_loss"], labels, values)

    def probe(
        self, name: str, penalties: Sequence[float], costs: Sequence[float], balance: float
    ) -> "LogisticProbe | KernelSVM | OrdinalProbe":
        from base_models.probe import LogisticProbe

        if name == "ridge" and not self.ordinal:
            raise LearnerError(
                "probe = 'ridge' is for numbers and for classes in order; set ordinal = true, or leave it out."
            )
        if name == "ridge":
            from base_models.ridge import OrdinalProbe

            return OrdinalProbe(penalties, self.outputs)
        if name == "svm":
            from base_models.kernel_svm import KernelSVM  # late: scikit-learn takes a second to import

            return KernelSVM(costs, balance, self.outputs)
        return LogisticProbe(penalties, balance, self.outputs)

    def regress(
        self,
        features: "csr_matrix",
        labels: Codes,
        groups: Codes,
        strengths: Sequence[float],
        balance: float,
        seed: int,
    ) -> tuple[Floats, Floats]:
        from base_models.logistic import fit_logistic

        if not features.shape[1]:
            return np.zeros((0, self.outputs)), np.log(self.frequencies)
        return fit_logistic(features, labels, self.outputs, groups, strengths, balance, seed)
