"""How well several annotators agree: the ceiling of what a model of their labels can score."""

from collections.abc import Callable, Mapping
from typing import TypedDict

import numpy as np

from ensemble.data import Codes, Dataset, Floats, Task
from ensemble.metrics import metric_of, score

Others = Callable[[Task, Floats], Floats]
Disagreement = Callable[[Floats], Floats]  # of (rows, annotators): (rows,) summed over ordered pairs of a row's labels


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
    disagreement, others = KINDS[task.kind]
    alone = [_one_against_others(task, ratings[several], annotator, others) for annotator in range(ratings.shape[1])]
    known = [value for value in alone if np.isfinite(value)]
    alpha = krippendorff(ratings, disagreement)
    return {
        "annotators": ratings.shape[1],
        "rows": int(several.sum()),
        "alpha": alpha if np.isfinite(alpha) else None,
        "metric": task.metric,
        "ceiling": float(np.mean(known)) if known else None,
    }


def krippendorff(ratings: Floats, disagreement: Disagreement) -> float:
    """Krippendorff's alpha (2004) of (rows, annotators), NaN where one gave none; NaN where nothing can be compared or
    all labels are one and the same.

    1 - observed / expected disagreement: of pairs within a row, each row weighing as many labels as it has, against
    pairs of any rows.
    """
    ratings = ratings[(~np.isnan(ratings)).sum(axis=1) > 1]
    if not len(ratings):
        return float("nan")
    given = (~np.isnan(ratings)).sum(axis=1)
    observed = (disagreement(ratings) / (given - 1)).sum()
    expected = disagreement(ratings.reshape(1, -1))[0] / (given.sum() - 1)
    return float(1 - observed / expected) if expected > 0 else float("nan")


def nominal(ratings: Floats) -> Floats:
    """How many ordered pairs of a row's labels differ."""
    given = (~np.isnan(ratings)).sum(axis=1)
    same = [(ratings == value).sum(axis=1) ** 2 for value in np.unique(ratings[~np.isnan(ratings)])]
    return np.asarray(given**2 - np.sum(same, axis=0), dtype=np.float64)


def interval(ratings: Floats) -> Floats:
    """The squared distances of all ordered pairs of a row's labels: twice their number times the sum of squares around
    their mean, so that many different numbers take no longer than few."""
    given = (~np.isnan(ratings)).sum(axis=1)
    from_least = ratings - np.nanmin(ratings)  # equal labels are 0 apart, without rounding
    around = from_least - np.nanmean(from_least, axis=1, keepdims=True)
    return np.asarray(2 * given * np.nansum(around**2, axis=1), dtype=np.float64)


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


# Of each kind of task: how far labels are apart, and what several of them predict.
KINDS: Mapping[str, tuple[Disagreement, Others]] = {
    "classification": (nominal, _shares),
    "regression": (interval, _means),
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
