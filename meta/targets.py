"""What sets the kinds of target apart when they are stacked: one room each, and the rest asks them.

What a label is, and which are known, is the business of ensemble.targets. A kind more is an entry here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from ensemble.data import Codes, Floats, Task
from ensemble.metrics import Metric
from ensemble.targets import Mask
from meta.classes import StackedClasses
from meta.numbers import StackedNumbers


class StackTarget(Protocol):
    """What stacking needs to know of one kind of task; without state. ``labels`` (rows,) are known ones, codes or
    numbers, ``values`` (rows, learners, columns) the learners' predictions, ``columns`` how many each has.

    ``estimators``: where the candidates are, by name; of equally good ones the earlier is preferred. ``simple``: what
    the others have to beat beyond noise, the best single learner and the plain mean. ``booster``: XGBoost's class.
    ``ruled``: whether there are decision rules, so that rivals are also compared under one. ``no_score``: what learners
    are worth together whose score does not exist. ``section``: what the report shows, that of classes or of numbers.
    """

    estimators: Mapping[str, str]
    simple: Sequence[str]
    booster: str
    ruled: bool
    no_score: float
    section: Literal["classes", "numbers"]

    def rules(self, task: Task, metric: Metric) -> Sequence[str]:
        """How predictions may become labels, the simplest first."""
        ...

    def inverse_temperature(self, values: Floats, labels: Any) -> Floats:
        """(learners,) that calibrate them, empty where there is no such thing."""
        ...

    def fit(self, estimator: Any, features: Floats, labels: Any) -> tuple[Any, tuple[int, ...]]:
        """The fitted estimator, or what stands for it where there is nothing to fit, and which columns it gives."""
        ...

    def predict(self, estimator: Any, features: Floats, present: Sequence[int], columns: int) -> Floats:
        """(rows, columns) of a fitted estimator that gives those ``present``."""
        ...

    def errors(self, labels: Any, values: Floats) -> Floats:
        """(rows, learners) how far each is from the truth, 0 where it is not."""
        ...

    def own_errors(self, labels: Any, errors: Floats) -> Floats:
        """(rows, learners) what is left of the errors without that which is common to all who know the label little."""
        ...

    def strata(self, task: Task, labels: Any) -> tuple[Codes, int]:
        """(rows,) the stratum of each row, and how many there are: who has seen labels is right in all of them."""
        ...

    def is_right(self, labels: Any, values: Floats) -> Mask:
        """(rows, learners)"""
        ...

    def confidence(self, labels: Any, values: Floats) -> Floats:
        """(rows, learners) of rows that need not be those of the ``labels``, as far as predictions tell."""
        ...

    def credited(self, decided: Any) -> Codes:
        """(rows,) the columns of which learners carry their shares, from the labels that were decided."""
        ...

    def metric_of_labels(self, metric: Metric) -> Metric:
        """The metric that judges labels where nothing but these is handed in."""
        ...

    def ties(self, values: Floats) -> int:
        """Rows in which a vote of the learners has no winner."""
        ...

    def rare(self, task: Task, labels: Any) -> dict[str, int]:
        """Labelled rows of what has so few that a score hangs on them."""
        ...

    def related(self, mean: Floats) -> Floats:
        """Of (rows, columns) predictions the columns that say something to another task of the kind."""
        ...


STACK_TARGETS: Mapping[str, StackTarget] = {"classification": StackedClasses(), "regression": StackedNumbers()}


def target_of(task: Task) -> StackTarget:
    """What stacking does with a task of its kind."""
    return STACK_TARGETS[task.kind]
