"""The metrics of classification by name."""

import re
from functools import partial

from ensemble.errors import ConfigError
from ensemble.metrics.labels import accuracy, f1_of_class, macro_f1, of_labels, weighted_f1
from ensemble.metrics.metric import Metric
from ensemble.metrics.probabilities import (
    against_the_rest,
    average_precision_of,
    brier,
    calibration_error,
    log_loss,
    recall_at,
    roc_auc,
)
from ensemble.targets import Task

METRICS: dict[str, Metric] = {
    "macro_f1": of_labels("macro_f1", macro_f1),
    "accuracy": of_labels("accuracy", accuracy),
    "weighted_f1": of_labels("weighted_f1", weighted_f1),
    "roc_auc": Metric("roc_auc", roc_auc),
    "log_loss": Metric("log_loss", log_loss, greater_is_better=False),
    "brier": Metric("brier", brier, greater_is_better=False),
    "ece": Metric("ece", calibration_error, greater_is_better=False),
}

POSITIVE_METRICS = ("f1_positive", "average_precision", "recall_at_precision@P")
SPELLED = re.compile(r"(?P<name>[^@/]*)(@(?P<precision>[^@/]*))?(/(?P<positive>[01]))?")


class ClassMetrics:
    """Of labels and of probabilities; those of the positive class only where a task is judged by one."""

    names: tuple[str, ...] = (*METRICS, *POSITIVE_METRICS)
    with_interval: tuple[str, ...] = ("macro_f1", "accuracy")

    def fitting(self, task: Task) -> dict[str, Metric]:
        return METRICS

    def of(self, task: Task) -> Metric | None:
        """Raises ConfigError where F1 of the positive class is asked of more than two."""
        metric = self.named(self.spelled(task))
        if metric is not None and metric.name == "f1_positive" and task.positive_class is None:
            raise ConfigError(f"f1_positive is of tasks with two classes; {task.name!r} has {len(task.classes)}.")
        return metric

    def spelled(self, task: Task) -> str:
        """``f1_positive/0`` is of the first class. The second is the usual one and not said."""
        of_positive = task.metric.partition("@")[0] in {name.partition("@")[0] for name in POSITIVE_METRICS}
        return f"{task.metric}/0" if of_positive and task.positive_class == 0 else task.metric

    def named(self, name: str) -> Metric | None:
        """``f1_positive``, ``average_precision`` and ``recall_at_precision@0.9`` are of the second of two classes, with
        ``/0`` behind them of the first."""
        if name in METRICS:
            return METRICS[name]
        found = SPELLED.fullmatch(name)
        if found is None or (found["precision"] is not None) != (found["name"] == "recall_at_precision"):
            return None
        positive = int(found["positive"] or 1)
        if found["name"] == "f1_positive":
            return of_labels(name.partition("/")[0], partial(f1_of_class, position=positive))
        if found["name"] == "average_precision":
            return Metric("average_precision", partial(against_the_rest, average_precision_of, positive))
        if found["name"] == "recall_at_precision":
            of_one = partial(recall_at, _precision(name, found["precision"]))
            return Metric(name.partition("/")[0], partial(against_the_rest, of_one, positive))
        return None


def _precision(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value <= 1:
        raise ConfigError(
            f"Metric {name!r}: the precision must be a number above 0 and up to 1, as in 'recall_at_precision@0.9'."
        )
    return value
