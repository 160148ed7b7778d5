"""How classes are stacked: from probabilities, under a decision rule learned for the metric."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ensemble.data import Codes, Floats, Task
from ensemble.metrics import METRICS, Metric
from ensemble.targets import Mask
from meta import META_ESTIMATORS, SIMPLE
from meta.records import FEW
from meta.rules import kinds
from meta.temperatures import inverse_temperature
from meta.votes import SoftVote, count_ties


class StackedClasses:
    """Labels are class positions, values probabilities."""

    estimators: Mapping[str, str] = META_ESTIMATORS
    simple: Sequence[str] = SIMPLE
    booster = "XGBClassifier"
    ruled = True
    no_score = np.nan
    section: Literal["classes", "numbers"] = "classes"

    def rules(self, task: Task, metric: Metric) -> Sequence[str]:
        return kinds(metric, len(task.classes), task.ordinal)

    def inverse_temperature(self, values: Floats, labels: Codes) -> Floats:
        return inverse_temperature(values, labels)

    def fit(self, estimator: Any, features: Floats, labels: Codes) -> tuple[Any, tuple[int, ...]]:
        """Means and votes see class positions, classifiers codes without gaps."""
        present, codes = np.unique(labels, return_inverse=True)
        if isinstance(estimator, SoftVote):
            estimator.fit(features, labels)
        elif len(present) < 2:
            from meta.estimators import ConstantClassifier

            estimator = ConstantClassifier()
        else:
            estimator.fit(features, codes)
        return estimator, tuple(present.tolist())

    def predict(self, estimator: Any, features: Floats, present: Sequence[int], columns: int) -> Floats:
        """A class the estimator never saw has probability 0."""
        values = np.asarray(estimator.predict_proba(features), dtype=np.float64)
        if values.shape[1] < columns:
            full = np.zeros((len(features), columns))
            full[:, list(present)] = values
            values = full
        return np.asarray(values / values.sum(axis=1, keepdims=True))

    def errors(self, labels: Codes, values: Floats) -> Floats:
        """One minus the probability of the true class."""
        true = np.take_along_axis(values, labels[:, None, None], axis=2)[:, :, 0]
        return np.asarray(1 - true)

    def own_errors(self, labels: Codes, errors: Floats) -> Floats:
        """What all know of the class frequencies is no agreement: distances from the mean of the class."""
        left = errors.copy()
        for label in np.unique(labels):
            left[labels == label] -= left[labels == label].mean(axis=0)
        return left

    def strata(self, task: Task, labels: Codes) -> tuple[Codes, int]:
        """The classes."""
        return task.target.strata(task, labels)

    def is_right(self, labels: Codes, values: Floats) -> Mask:
        """Whether the most probable class is the true one."""
        return np.asarray(values.argmax(axis=2) == labels[:, None])

    def confidence(self, labels: Codes, values: Floats) -> Floats:
        """The largest probability."""
        return np.asarray(values.max(axis=2))

    def credited(self, decided: Codes) -> Codes:
        """That of the label's probability."""
        return decided

    def metric_of_labels(self, metric: Metric) -> Metric:
        """Labels have neither ranks nor probabilities: where these are judged, macro-F1 stands in."""
        return METRICS["macro_f1"] if metric.of_counts is None else metric

    def ties(self, values: Floats) -> int:
        return count_ties(values)

    def rare(self, task: Task, labels: Codes) -> dict[str, int]:
        counts = np.bincount(labels, minlength=len(task.classes)).tolist()
        return {name: rows for name, rows in zip(task.classes, counts, strict=True) if rows < FEW}

    def related(self, mean: Floats) -> Floats:
        """A first class is what the others leave."""
        return mean[:, 1:]
