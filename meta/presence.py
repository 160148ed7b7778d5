"""A binary label that is 1 exactly where a degree is above 0: two predictions, made one by a rule chosen on OOF."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Dataset
from ensemble.metrics import METRICS, score
from ensemble.predictions import Predictions

BINARY_FROM_DEGREE = "binary from degree"
DEGREE_FROM_BINARY = "degree from binary"
RULES = (BINARY_FROM_DEGREE, DEGREE_FROM_BINARY)


def decode(binary: Predictions, degree: Predictions, rule: str) -> tuple[Codes, Codes]:
    """``(binary, degree)`` labels that agree.

    "binary from degree": the most probable degree stands, the binary label is whether it is above 0.
    "degree from binary": the most probable binary label stands; where it is 1, the degree is the most probable above 0.
    """
    values = degree.take(binary.ids).values
    if rule == BINARY_FROM_DEGREE:
        degrees = values.argmax(axis=1)
        return np.asarray(degrees > 0, dtype=np.int64), np.asarray(degrees, dtype=np.int64)
    present = binary.labels()
    return present, np.asarray(np.where(present == 1, 1 + values[:, 1:].argmax(axis=1), 0), dtype=np.int64)


@dataclass(frozen=True)
class Agreed:
    """``rule`` is the better one on all OOF rows and decides the test rows. ``binary`` and ``degree`` are OOF labels in
    which each fold is decided by the rule that is better on the other folds."""

    rule: str
    binary: Codes
    degree: Codes


def agree(binary: Predictions, degree: Predictions, data: Dataset, fold: Codes) -> Agreed:
    """Choose the rule by the mean of both macro-F1s. ``data`` and ``fold`` are of the OOF rows, in the same order."""
    binary, degree = binary.take(data.ids), degree.take(data.ids)
    decoded = {rule: decode(binary, degree, rule) for rule in RULES}
    truth = (data.labels(binary.task), data.labels(degree.task))
    widths = (len(binary.task.classes), len(degree.task.classes))

    def best(rows: npt.NDArray[np.bool_]) -> str:
        def merit(rule: str) -> float:
            pairs = zip(truth, decoded[rule], widths, strict=True)
            return sum(score(METRICS["macro_f1"], t[rows], np.eye(width)[d[rows]]) for t, d, width in pairs)

        return max(RULES, key=merit)

    labels = (np.zeros(len(data), dtype=np.int64), np.zeros(len(data), dtype=np.int64))
    for k in np.unique(fold):
        held = fold == k
        rule = best(~held)
        for whole, part in zip(labels, decoded[rule], strict=True):
            whole[held] = part[held]
    return Agreed(best(np.ones(len(data), dtype=bool)), *labels)
