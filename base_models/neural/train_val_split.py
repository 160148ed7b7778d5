"""What a network learns from: examples with labels, and which rows are trained on or only validate."""

from dataclasses import dataclass

import numpy as np

from base_models.neural.sampling import Examples
from base_models.objectives.objective import Objective
from ensemble.data import Codes, Dataset, Floats, Labels, Task
from ensemble.errors import LearnerError
from ensemble.folds import stratified_group_split


@dataclass(frozen=True)
class TrainValSplit:
    """``examples`` with (rows,) ``labels``; the positions in ``training`` are trained on, those in ``validation`` only
    say which epoch is best. ``ratings`` (rows, annotators) are the labels that each of several gave, NaN for none."""

    task: Task
    objective: Objective
    examples: Examples
    labels: Labels
    training: Codes
    validation: Codes
    ratings: Floats | None = None

    @classmethod
    def of(
        cls, task: Task, objective: Objective, examples: Examples, data: Dataset, share: float, seed: int
    ) -> "TrainValSplit":
        """With ``share`` of the rows put aside for validation: copies whole, classes (or quantiles) in proportion.

        Raises LearnerError where one side would be empty.
        """
        labels = data.labels(task)
        strata, count = task.target.strata(task, labels)
        part = stratified_group_split([strata], [count], data.groups, [1 - share, share], seed)
        training, validation = np.flatnonzero(part == 0), np.flatnonzero(part == 1)
        if (share and not len(validation)) or not len(training):
            rest = "none to train on" if len(validation) else "none aside"
            raise LearnerError(f"training.validation = {share} of {len(data)} rows leaves {rest}; change it, or set 0.")
        return cls(task, objective, examples, labels, training, validation, data.ratings(task))

    @classmethod
    def given(cls, task: Task, objective: Objective, examples: Examples, data: Dataset, count: int) -> "TrainValSplit":
        """With the first ``count`` rows to train on, and the others for validation."""
        training, validation = np.arange(count), np.arange(count, len(data))
        return cls(task, objective, examples, data.labels(task), training, validation, data.ratings(task))
