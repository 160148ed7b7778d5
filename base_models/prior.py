"""Class frequencies of the fit rows, or the median of their numbers: the floor every learner must beat."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from base_models.class_weights import smoothed_frequencies
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.system.files import read_json, write_json


class Prior:
    """Gives every row the class frequencies of the fit rows, with one row added to each class; or the median of their
    numbers, which has the least mean absolute error."""

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        self.median_: float | None = None
        if task.kind == "regression":
            labels = data.labels(task)
            known = labels[task.target.known(labels)]
            if not len(known):
                raise LearnerError(f"none of the {len(labels)} fit rows has a {task.name}")
            self.median_ = float(np.median(known))
        else:
            self.frequencies_ = smoothed_frequencies(data.codes(task), len(task.classes))

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        return np.tile(self.frequencies_, (len(data), 1))

    def predict(self, data: Dataset) -> npt.NDArray[np.float64]:
        return np.full(len(data), self.median_)

    def modalities(self) -> tuple[str, ...]:
        return ()

    def save(self, folder: Path) -> None:
        learned = {"frequencies": self.frequencies_.tolist()} if self.median_ is None else {"median": self.median_}
        write_json(folder / "prior.json", learned)

    def load(self, folder: Path) -> None:
        learned = read_json(folder / "prior.json")
        self.frequencies_, self.median_ = np.array(learned.get("frequencies", [])), learned.get("median")
