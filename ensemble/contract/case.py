"""One learner under test: how it is made, what it is asked, and the posts for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path

import numpy as np

from ensemble.data import Dataset, Floats, Task
from ensemble.jobs.ablation import hide
from ensemble.learner import BaseLearner

FIT_ROWS = 70


class BrokenContract(Exception):
    """What a learner did otherwise than it should, in one line."""


@dataclass(frozen=True)
class Case:
    """``make`` gives an unfitted learner, ``posts`` are more than FIT_ROWS scanned posts with labels of ``task``, and
    ``folder`` is an empty one for what checks write."""

    make: Callable[[], BaseLearner]
    task: Task
    posts: Dataset
    folder: Path

    @cached_property
    def train(self) -> Dataset:
        return self.posts.take(np.arange(FIT_ROWS))

    @cached_property
    def labelled(self) -> Dataset:
        """The posts that no learner is fitted on, with their labels."""
        return self.posts.take(np.arange(FIT_ROWS, len(self.posts)))

    @cached_property
    def held(self) -> Dataset:
        """The same as learners are asked about them."""
        return self.labelled.without_labels()

    @cached_property
    def fitted(self) -> BaseLearner:
        """On ``train``, for all checks that only ask."""
        return self.fit(self.train)

    @cached_property
    def predicted(self) -> Floats:
        """What ``fitted`` says of ``held``."""
        return self.predict(self.fitted, self.held)

    def fit(self, data: Dataset, seed: int = 0) -> BaseLearner:
        learner = self.make()
        learner.fit(data, self.task, seed=seed)
        return learner

    def predict(self, learner: BaseLearner, data: Dataset) -> Floats:
        """(rows, columns); raises BrokenContract where these are no predictions."""
        given = getattr(learner, self.task.target.method)(data)
        expect(isinstance(given, np.ndarray), f"{self.task.target.method} gave {type(given).__name__}, not an array")
        usual = (len(data), len(self.task.columns))
        expect(given.shape in (usual, (len(data),) if usual[1] == 1 else usual), f"shape {given.shape}, not {usual}")
        values: Floats = given.reshape(usual)
        for problem, rows in self.task.target.problems(values):
            expect(not rows.any(), f"{rows.sum()} of {len(rows)} {self.task.target.predictions.lower()} {problem}")
        return values

    def expect_same(self, one: Floats, other: Floats, atol: float, said: str) -> None:
        """Bit for bit where ``atol`` is 0; raises BrokenContract with what is ``said``, and by how much they differ."""
        apart = float(np.abs(one - other).max(initial=0.0))
        # Numbers have a scale of their own: what is little depends on how large they are.
        little = atol * max(1.0, float(np.abs(one).max(initial=0.0)))
        expect(apart <= little, f"{said}: predictions differ by up to {apart:.2g}")


def expect(holds: bool | np.bool_, otherwise: str) -> None:
    """Raises BrokenContract, saying what is ``otherwise``."""
    if not holds:
        raise BrokenContract(otherwise)


def hidden(data: Dataset, modalities: Iterable[str]) -> Dataset:
    """The same posts without these."""
    return reduce(hide, modalities, data)
