"""Numbers: one output, an absolute, squared or Huber loss of standardised targets, ridge regressions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from base_models.neural.averaging import Average
from base_models.neural.hyperparameters import Training
from ensemble.data import Codes, Floats, Task
from ensemble.errors import LearnerError

if TYPE_CHECKING:
    import torch
    from scipy.sparse import csr_matrix

    from base_models.neural.optimization import Loss
    from base_models.ridge import RidgeProbe

LOSSES = ("l1", "l2", "huber")
OF_CLASSES = ("balance", "resample", "label_smoothing")
NORMAL_QUARTILES = 1.349  # how far apart they are, in standard deviations
SMALLEST = 1e-9  # distance of quartiles, as a share of the largest error


@dataclass(frozen=True)
class Regression:
    """``median`` and ``scale`` are of the labels of the fit rows: what networks learn is (label - median) / scale.

    A new head says about 0 at first, and rates, clipping and Huber's corner are made for errors of about 1. The scale
    is the distance of the quartiles, that of a normal distribution made its standard deviation, so that no outlier
    makes all other labels alike; where the quartiles are all but equal it is the standard deviation. Of constant labels
    it is 0, and the constant is predicted.
    """

    median: float = 0.0
    scale: float = 1.0
    usual_note: ClassVar[str] = "the median is predicted"
    outputs: ClassVar[int] = 1

    @classmethod
    def of(cls, task: Task, labels: Floats) -> Self:
        if not len(labels):
            raise LearnerError(f"none of the fit rows has a {task.name}")
        low, median, high = np.quantile(labels, [0.25, 0.5, 0.75])
        spread = (high - low) / NORMAL_QUARTILES
        seen = spread > SMALLEST * np.abs(labels - median).max()  # else float32 does not hold what is far away
        return cls(float(median), float(spread if seen else labels.std()))

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> Self:
        return cls(record.get("median", 0.0), record.get("scale", 1.0))

    def record(self) -> dict[str, object]:
        return {"kind": "regression", **asdict(self)}

    @property
    def usual(self) -> Floats:
        return np.array([self.median])

    def settings(self, training: Training, strict: bool) -> Training:
        loss = training.loss if training.loss in LOSSES else None
        if strict and training.loss != loss:
            raise LearnerError(f"training.loss = {training.loss!r} is for classes; for numbers: {', '.join(LOSSES)}.")
        for name in OF_CLASSES if strict else ():
            if name in training.model_fields_set and getattr(training, name):
                raise LearnerError(f"training.{name} = {getattr(training, name):g} is for classes; numbers have none.")
        return training.model_copy(update={**dict.fromkeys(OF_CLASSES, 0.0), "loss": loss})

    def targets(self, training: Training, labels: Floats, ratings: Floats | None) -> npt.NDArray[np.float32]:
        return self._standardised(labels).astype(np.float32)

    def loss(self, training: Training, labels: Floats, device: "torch.device") -> "Loss":
        from base_models.neural.optimization import make_distance

        distance = make_distance(training)
        return lambda outputs, targets: distance(outputs.float()[:, 0], targets)

    def predictions(self, outputs: npt.NDArray[Any], average: Average) -> tuple[Floats, Floats]:
        """The mean over views, whatever is averaged of classes."""
        values = self.median + self.scale * outputs.astype(np.float64)
        return (values, np.zeros_like(values)) if values.ndim == 2 else (values.mean(axis=1), values.std(axis=1))

    def validation_loss(self, training: Training, labels: Floats, values: Floats) -> float:
        """Of standardised numbers, as in training."""
        import torch

        from base_models.neural.optimization import make_distance

        pair = torch.from_numpy(self._standardised(values[:, 0])), torch.from_numpy(self._standardised(labels))
        return float(make_distance(training)(*pair).mean())

    def probe(self, name: str, penalties: Sequence[float], costs: Sequence[float], balance: float) -> "RidgeProbe":
        from base_models.ridge import RidgeProbe

        if name == "svm":
            raise LearnerError(
                f"probe = {name!r} is for classes; numbers are learned by ridge regression: leave it out."
            )
        return RidgeProbe(penalties, self.median)

    def regress(
        self,
        features: "csr_matrix",
        labels: Floats,
        groups: Codes,
        strengths: Sequence[float],
        balance: float,
        seed: int,
    ) -> tuple[Floats, Floats]:
        from base_models.ridge import best_penalty, sparse_ridge_path
        from base_models.strength_search import searched_rows

        if not features.shape[1]:
            return np.zeros((0, 1)), self.usual
        # As scikit-learn's documentation of Ridge relates the two penalties.
        penalties = [1 / (2 * strength) for strength in strengths]
        rows = searched_rows([], [], groups, seed)
        penalty, _ = best_penalty(sparse_ridge_path, features[rows], labels[rows], groups[rows], penalties, seed)
        return sparse_ridge_path(features, labels, [penalty])

    def _standardised(self, labels: Floats) -> Floats:
        return (labels - self.median) / (self.scale or 1.0)
