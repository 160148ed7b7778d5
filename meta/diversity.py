"""How differently the learners err: correlations of their errors, and Yule's Q of right and wrong."""

import numpy as np
import numpy.typing as npt

from ensemble.data import Floats
from ensemble.targets import Labels
from meta.records import Diversity
from meta.table import MetaTable
from meta.targets import target_of
from meta.votes import by_learner

CONSTANT = 1e-9  # a standard deviation that is nothing but rounding


def diversity(table: MetaTable) -> Diversity:
    """On the rows with a label, as plain JSON, null where undefined: ``error_correlation`` (learners, learners), and
    ``q_statistic``, Yule's Q: 1 where two learners are right on the same rows, 0 where right is independent, -1 where
    they err on different ones (Kuncheva & Whitaker 2003)."""
    return {
        "learners": list(table.learners),
        "error_correlation": _plain(correlation(errors(table))),
        "q_statistic": _plain(q_statistic(is_right(table))),
    }


def errors(table: MetaTable) -> Floats:
    """(labelled rows, learners): how far each is from the truth."""
    return target_of(table.task).errors(*_known(table))


def is_right(table: MetaTable) -> npt.NDArray[np.bool_]:
    """(labelled rows, learners): whether each has the truth, or nearly."""
    return target_of(table.task).is_right(*_known(table))


def _known(table: MetaTable) -> tuple[Labels, Floats]:
    """Labels and (rows, learners, columns) predictions of the labelled rows."""
    return table.labels[table.known], by_learner(table.oof[table.known], len(table.learners), table.width)


def correlation(columns: Floats) -> Floats:
    """(columns, columns) Pearson correlations of (rows, columns); NaN with a column that is constant."""
    if not len(columns):
        return np.full((columns.shape[1], columns.shape[1]), np.nan)
    centred = columns - columns.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    scaled = centred / np.where(deviation > CONSTANT, deviation, np.nan)
    return np.asarray((scaled.T @ scaled / len(columns)).clip(-1, 1))


def q_statistic(right: npt.NDArray[np.bool_]) -> Floats:
    """(learners, learners) of (rows, learners): both right times both wrong, minus one right times the other, over
    their sum; NaN where that is zero."""
    hit, miss = right.astype(np.float64), (~right).astype(np.float64)
    agree, differ = (hit.T @ hit) * (miss.T @ miss), (hit.T @ miss) * (miss.T @ hit)
    total = agree + differ
    return np.asarray(np.divide(agree - differ, total, out=np.full(total.shape, np.nan), where=total > 0))


def _plain(matrix: Floats) -> list[list[float | None]]:
    return [[float(value) if np.isfinite(value) else None for value in row] for row in matrix]
