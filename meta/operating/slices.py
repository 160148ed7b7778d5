"""Scores by slice: a part of the rows that share a value of some column, against all other rows."""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from ensemble.data import Codes, Dataset, Floats, Task
from ensemble.metrics import Metric, metric_of, resamples, score
from ensemble.metrics.metric import DRAWS
from ensemble.predictions import Predictions
from ensemble.scoring import Score, metric_input, score_with_interval
from ensemble.targets import Mask

MOST = 12  # slices of a column, the largest; the others are one
FEW = 30  # labelled rows, below which a slice says little
VALUES = 8  # different numbers, above which a column of numbers is cut into quarters
MISSING, OTHERS = "(none)", "(others)"


class Slice(TypedDict):
    """Rows with a label, their score, and ``against`` the score of all other rows, positive where it is better."""

    name: str
    rows: int
    score: Score
    against: Score


class Slices(TypedDict):
    """By a column, the largest first, or numbers in their order; ``few`` are those of few rows."""

    column: str
    metric: str
    slices: list[Slice]
    few: list[str]


def slices_of(task: Task, predictions: Predictions, data: Dataset, column: str, cells: Sequence[object]) -> Slices:
    """``cells`` (rows of data,) are the column's values, None where there is none."""
    metric, labels = metric_of(task), data.labels(task)
    known = task.target.known(labels)
    names, codes = divide([cell for cell, there in zip(cells, known, strict=True) if there])
    values = metric_input(predictions.take(data.ids), metric)[known]
    found = [
        _slice(metric, labels[known], values, data.groups[known], name, codes == code)
        for code, name in enumerate(names)
    ]
    few = [one["name"] for one in found if one["rows"] < FEW]
    return {"column": column, "metric": task.metric, "slices": found, "few": few}


def _slice(
    metric: Metric,
    labels: Codes | Floats,
    values: Floats,
    groups: Codes,
    name: str,
    inside: Mask,
) -> Slice:
    def draws(of: Floats) -> Floats:
        everything = np.ones(len(groups), dtype=bool)
        return np.concatenate(
            [metric.score(labels, values, weights * of) for weights in resamples(groups, everything, DRAWS)]
        )

    own, others = score(metric, labels[inside], values[inside]), score(metric, labels[~inside], values[~inside])
    of_own = draws(inside.astype(np.float64))
    difference = metric.sign * (of_own - draws((~inside).astype(np.float64)))
    return {
        "name": name,
        "rows": int(inside.sum()),
        "score": score_with_interval(own, of_own),
        "against": score_with_interval(metric.sign * (own - others), difference),
    }


def divide(cells: Sequence[object]) -> tuple[list[str], Codes]:
    """The names of the slices, and the slice of each row: numbers of many values by quarters, else each value for
    itself, of very many the most frequent ones."""
    texts = [None if cell is None or str(cell).strip() in ("", "nan") else str(cell).strip() for cell in cells]
    numbers = _numbers([text for text in texts if text is not None])
    if numbers is not None and len(np.unique(numbers)) > VALUES:
        return _quarters(texts, numbers)
    counts = Counter(MISSING if text is None else text for text in texts)
    kept = [name for name, _ in counts.most_common(MOST)]
    names = [*kept, OTHERS] if len(counts) > len(kept) else kept
    places = {name: place for place, name in enumerate(kept)}
    codes = [places.get(MISSING if text is None else text, len(kept)) for text in texts]
    return names, np.asarray(codes, dtype=np.int64)


def _numbers(texts: Sequence[str]) -> Floats | None:
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        return None
    return numbers if len(numbers) and np.isfinite(numbers).all() else None


def _quarters(texts: Sequence[str | None], numbers: Floats) -> tuple[list[str], Codes]:
    inner = np.unique(np.quantile(numbers, (0.25, 0.5, 0.75), method="inverted_cdf"))
    inner = inner[inner < numbers.max()]
    ends = [numbers.min(), *inner, numbers.max()]
    names = [f"{'above' if place else 'from'} {ends[place]:g} to {end:g}" for place, end in enumerate(ends[1:])]
    missing = any(text is None for text in texts)
    codes = [len(names) if text is None else int(np.searchsorted(inner, float(text), side="left")) for text in texts]
    return [*names, MISSING] if missing else names, np.asarray(codes, dtype=np.int64)


def many_note(found: Sequence[Slices]) -> str:
    """What to know where many slices are looked at; empty where few are."""
    count = sum(len(one["slices"]) for one in found)
    if count < 10:
        return ""
    return f"Of {count} slices about {max(1, round(count / 20))} would lie outside by chance alone."
