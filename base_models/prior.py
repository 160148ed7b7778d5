"""Class frequencies of the fit rows: the floor every learner must beat."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from base_models.class_weights import smoothed_frequencies
from ensemble.data import Dataset, Task
from ensemble.system.files import read_json, write_json


class Prior:
    """Gives every row the class frequencies of the fit rows, with one row added to each class."""

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        self.frequencies_ = smoothed_frequencies(data.labels(task), len(task.classes))

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        return np.tile(self.frequencies_, (len(data), 1))

    def modalities(self) -> tuple[str, ...]:
        return ()

    def save(self, folder: Path) -> None:
        write_json(folder / "prior.json", {"frequencies": self.frequencies_.tolist()})

    def load(self, folder: Path) -> None:
        self.frequencies_ = np.array(read_json(folder / "prior.json")["frequencies"])
