"""How well several annotators agree: the ceiling of what a model of their labels can score."""

from collections.abc import Callable, Mapping
from typing import TypedDict

import numpy as np

from ensemble.data import Codes, Dataset, Floats, Task
from ensemble.metrics import metric_of, score

Others = Callable[[Task, Floats], Floats]


class Agreement(TypedDict):
    """``alpha`` is Krippendorff's (1: always, 0: as by chance); ``ceiling`` what an annotator's labels score beside the
    others' put together, by ``metric``, the mean over annotators. None where there is too little to tell; ``rows`` have
    at least two labels."""

    annotators: int
    rows: int
    alpha: float | None
    metric: str
    ceiling: float | None


def agreement(data: Dataset, task: Task) -> Agreement | None:
    """Of the rows and annotators the dataset has; None where each label is of one annotator."""
    ratings = data.ratings(task)
    if ratings is None:
        return None
    several = (~np.isnan(ratings)).sum(axis=1) > 1
    distance, others = KINDS[task.kind]
    alone = [_one_against_others(task, ratings[several], annotator, others) for annotator in range(ratings.shape[1])]
    known = [value for value in alone if np.isfinite(value)]
    alpha = krippendorff(ratings, distance)
    return {
        "annotators": ratings.shape[1],
        "rows": int(several.sum()),
        "alpha": alpha if np.isfinite(alpha) else None,
        "metric": task.metric,
        "ceiling": float(np.mean(known)) if known else None,
    }


def krippendorff(ratings: Floats, distance: Callable[[Floats, Floats], Floats]) -> float:
    """Krippendorff's alpha (2004) of (rows, annotators), NaN where one gave none; NaN where nothing can be compared or
    all labels are one and the same.

    1 - observed / expected disagreement: of pairs within a row, each row weighing as many labels as it has, against
    pairs of any rows.
    """
    ratings = ratings[(~np.isnan(ratings)).sum(axis=1) > 1]
    values, codes = np.unique(ratings[~np.isnan(ratings)], return_inverse=True)
    if not len(values):
        return float("nan")
    counts = np.zeros((len(ratings), len(values)))
    np.add.at(counts, (np.nonzero(~np.isnan(ratings))[0], codes), 1)
    apart = distance(values[:, None], values[None])
    given, totals = counts.sum(axis=1), counts.sum(axis=0)
    # Distance to itself is zero, so pairs of a label with itself need not be taken out.
    observed = (np.einsum("rv,vw,rw->r", counts, apart, counts) / (given - 1)).sum()
    expected = totals @ apart @ totals / (totals.sum() - 1)
    return float(1 - observed / expected) if expected > 0 else float("nan")


def _one_against_others(task: Task, ratings: Floats, annotator: int, others: Others) -> float:
    """The task's metric of an annotator's labels as the truth and the others' as what is predicted."""
    own, rest = ratings[:, annotator], np.delete(ratings, annotator, axis=1)
    rows = ~np.isnan(own) & ~np.isnan(rest).all(axis=1)
    if not rows.any():
        return float("nan")
    truth: Floats | Codes = own[rows].astype(np.int64) if task.classes else own[rows]
    return score(metric_of(task), truth, others(task, rest[rows]))


def _shares(task: Task, ratings: Floats) -> Floats:
    """(rows, classes) how many of the annotators chose each."""
    counts = np.stack([(ratings == code).sum(axis=1) for code in range(len(task.classes))], axis=1)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), dtype=np.float64)


def _means(task: Task, ratings: Floats) -> Floats:
    """(rows, 1)"""
    return np.asarray(np.nanmean(ratings, axis=1)[:, None], dtype=np.float64)


def _differ(ours: Floats, theirs: Floats) -> Floats:
    return np.asarray(ours != theirs, dtype=np.float64)


def _squared(ours: Floats, theirs: Floats) -> Floats:
    return np.asarray((ours - theirs) ** 2)


# Of each kind of task: how far two labels are apart, and what several of them predict.
KINDS: Mapping[str, tuple[Callable[[Floats, Floats], Floats], Others]] = {
    "classification": (_differ, _shares),
    "regression": (_squared, _means),
}


def agreement_lines(found: Mapping[str, Agreement]) -> list[tuple[str, str]]:
    """For the audit, of each task that several annotators labelled."""
    lines = []
    for task, each in found.items():
        alpha, ceiling = (f"{value:.3f}" if value is not None else "-" for value in (each["alpha"], each["ceiling"]))
        who = f"{each['annotators']} annotators, {each['rows']:,} rows with several labels"
        lines.append((f"agreement on {task}", f"Krippendorff's alpha {alpha} ({who})"))
        lines.append((f"one annotator against the others, {task}", f"{each['metric']} {ceiling}: the ceiling"))
    return lines
