"""How numbers are stacked: from the learners' own numbers, as they are."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ensemble.data import Codes, Floats, Task
from ensemble.metrics import Metric
from ensemble.targets import Mask
from meta import NUMBER_ESTIMATORS, SIMPLE_NUMBERS
from meta.rules import IDENTITY

RANGES = 4  # of labels, in which a learner is looked at apart
NEAR = 0.25  # of what the median is off in the median row: who is nearer than this is right


class StackedNumbers:
    """Labels are the numbers, values (rows, learners, 1) predictions of them."""

    estimators: Mapping[str, str] = NUMBER_ESTIMATORS
    simple: Sequence[str] = SIMPLE_NUMBERS
    booster = "XGBRegressor"
    ruled = False
    no_score = 0.0  # of a correlation: who says the same of every row
    section: Literal["classes", "numbers"] = "numbers"

    def rules(self, task: Task, metric: Metric) -> Sequence[str]:
        return (IDENTITY,)

    def inverse_temperature(self, values: Floats, labels: Floats) -> Floats:
        """Numbers have none."""
        return np.zeros(0)

    def fit(self, estimator: Any, features: Floats, labels: Floats) -> tuple[Any, tuple[int, ...]]:
        return estimator.fit(features, labels), (0,)

    def predict(self, estimator: Any, features: Floats, present: Sequence[int], columns: int) -> Floats:
        return np.asarray(estimator.predict(features), dtype=np.float64)[:, None]

    def errors(self, labels: Floats, values: Floats) -> Floats:
        """Positive where too much was predicted."""
        return np.asarray(values[:, :, 0] - labels[:, None])

    def own_errors(self, labels: Floats, errors: Floats) -> Floats:
        """Who knows little predicts the middle and errs by nearly the label: what is left of a straight line on it, so
        that correlations are partial ones, given the label."""
        left, true = errors - errors.mean(axis=0), labels - labels.mean()
        square = float(true @ true)
        return np.asarray(left - np.outer(true, true @ left / square)) if square else left

    def strata(self, task: Task, labels: Floats) -> tuple[Codes, int]:
        """Ranges of about equally many labels."""
        fine, number = task.target.strata(task, labels)
        return (fine * RANGES // number, RANGES) if number > RANGES else (fine, number)

    def is_right(self, labels: Floats, values: Floats) -> Mask:
        """Off by no more than a part, NEAR, of what the median is."""
        return np.abs(self.errors(labels, values)) <= NEAR * _spread(labels)

    def confidence(self, labels: Floats, values: Floats) -> Floats:
        """How far from the median of the labels, in units of their spread: who knows nothing stays there."""
        return np.asarray(np.abs(values[:, :, 0] - np.median(labels)) / (_spread(labels) or 1.0))

    def credited(self, decided: Floats) -> Codes:
        """That of the number: a share above 0 is of who raises it, below 0 of who lowers it."""
        return np.zeros(len(decided), dtype=np.int64)

    def metric_of_labels(self, metric: Metric) -> Metric:
        return metric

    def ties(self, values: Floats) -> int:
        return 0

    def rare(self, task: Task, labels: Floats) -> dict[str, int]:
        return {}

    def related(self, mean: Floats) -> Floats:
        return mean


def _spread(labels: Floats) -> float:
    """The median distance from the median, or the mean one where more than half of the labels are equal."""
    away = np.abs(labels - np.median(labels))
    return float(np.median(away) or away.mean())
