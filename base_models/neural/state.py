"""What a training has been through: its learning curve, its best epoch, where it stands; kept with every checkpoint."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from base_models.neural.hyperparameters import Training
from ensemble.system.files import read_json, write_json


@dataclass
class TrainingState:
    """``curve`` has a row per epoch; ``losses`` are of the steps of the epoch that is not over; ``pieces`` says whether
    memory was short."""

    curve: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float | None = None
    stopped: bool = False
    pieces: dict[str, Any] = field(default_factory=dict)

    def close_epoch(self, how: Training, row: dict[str, float], judged: float | None) -> bool:
        """Add an epoch to the curve; whether it is the best by ``judged`` (greater is better; None: the last)."""
        self.curve.append({"epoch": len(self.curve) + 1, "loss": float(np.mean(self.losses)), **row})
        self.losses = []
        better = judged is None or self.best_score is None or judged > self.best_score
        if better:
            self.best_epoch, self.best_score = len(self.curve), judged
        waited = len(self.curve) - self.best_epoch
        self.stopped = how.patience is not None and waited >= how.patience and len(self.curve) >= how.min_epochs
        return better

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "TrainingState":
        return cls(**read_json(path))

    @property
    def facts(self) -> dict[str, Any]:
        """For the job's record."""
        seconds = sum(row["seconds"] for row in self.curve)
        return {
            **self.pieces,
            "epochs": len(self.curve),
            "best_epoch": self.best_epoch,
            "training_seconds": round(seconds, 1),
        }
