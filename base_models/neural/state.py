"""What a training has been through: its learning curve, its best epoch, where it stands; kept with every checkpoint."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from base_models.neural.hyperparameters import Training
from ensemble.learner import TrainingInfo
from ensemble.system.files import read_json, write_json


@dataclass
class TrainingState:
    """``curve`` has a row per epoch; ``losses`` are of the steps of the epoch that is not over; ``micro_batches`` says
    whether memory was short."""

    curve: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float | None = None
    stopped: bool = False
    micro_batches: TrainingInfo = field(default_factory=TrainingInfo)

    def close_epoch(self, training: Training, row: dict[str, float], criterion: float | None) -> bool:
        """Add an epoch to the curve; whether it is the best by ``criterion`` (greater is better; None: the last)."""
        self.curve.append({"epoch": len(self.curve) + 1, "loss": float(np.mean(self.losses)), **row})
        self.losses = []
        better = criterion is None or self.best_score is None or criterion > self.best_score
        better = better or (training.later_of_equals and criterion == self.best_score)
        if better:
            self.best_epoch, self.best_score = len(self.curve), criterion
        waited = len(self.curve) - self.best_epoch
        out_of_patience = training.patience is not None and waited >= training.patience
        self.stopped = out_of_patience and len(self.curve) >= training.min_epochs
        return better

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "TrainingState":
        """Raises StoreError or TypeError for what is damaged or of another version."""
        record = read_json(path)
        if "pieces" in record:  # as it was called once
            record["micro_batches"] = record.pop("pieces")
        return cls(**record)

    @property
    def training_info(self) -> TrainingInfo:
        """For the job's record."""
        seconds = sum(row["seconds"] for row in self.curve)
        return {
            **self.micro_batches,
            "epochs": len(self.curve),
            "best_epoch": self.best_epoch,
            "training_seconds": round(seconds, 1),
        }
