"""Numbers of posts that belong together, such as the clips of one video: their course, and how much of the variance of
predictions and truth lies within a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.data import Dataset, Floats
from ensemble.predictions import Predictions

SHOWN = 3  # groups, those of most posts
FEW = 5  # posts of a group that show no course
TRUTH = "truth"


@dataclass(frozen=True)
class GroupCourse:
    """The labelled posts of one group in the order of the table: the truth, and what each model says."""

    ids: Sequence[str]
    truth: Sequence[float]
    predicted: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Variance:
    """Of numbers around their mean, and ``within`` groups around the mean of each; what is left is between groups."""

    total: float
    within: float


@dataclass(frozen=True)
class GroupedPart:
    """The labelled ``rows`` of a part, in so many ``groups``; variances by model, the truth first."""

    rows: int
    groups: int
    variances: Mapping[str, Variance]


@dataclass(frozen=True)
class GroupFacts:
    """``parts`` are "oof", and "dev" and "test" where these have labels; ``courses`` are of rows out of fold."""

    parts: Mapping[str, GroupedPart]
    courses: Sequence[GroupCourse]


def group_facts(parts: Mapping[str, tuple[Dataset, Mapping[str, Predictions]]]) -> GroupFacts | None:
    """By part its rows and what each model says of them, "oof" first; None where few posts are in a group of FEW."""
    found: dict[str, GroupedPart] = {}
    courses: list[GroupCourse] = []
    for part, (data, models) in parts.items():
        (task,) = {predictions.task for predictions in models.values()}
        known = data.take(task.target.known(data.labels(task)))
        values = {name: predictions.take(known.ids).values[:, 0] for name, predictions in models.items()}
        numbers: dict[str, Floats] = {TRUTH: known.labels(task).astype(np.float64), **values}
        groups = np.unique(known.groups, return_inverse=True)[1]
        sizes = np.bincount(groups)
        if sizes[sizes >= FEW].sum() < len(known) / 2 or not len(known):
            continue
        variances = {name: variance(of, groups) for name, of in numbers.items()}
        found[part] = GroupedPart(len(known), len(sizes), variances)
        largest = np.argsort(-sizes, kind="stable")[:SHOWN] if part == "oof" else ()
        courses += [_course(known, numbers, np.flatnonzero(groups == group)) for group in largest]
    return GroupFacts(found, courses) if "oof" in found else None


def variance(values: Floats, groups: np.ndarray) -> Variance:
    """Both divided by the number of rows, so that within and between groups add up to the total. ``groups`` (rows,) are
    0, 1, ... each of which some row has."""
    means = np.bincount(groups, values) / np.bincount(groups)
    return Variance(float(values.var()), float(((values - means[groups]) ** 2).mean()))


def _course(data: Dataset, numbers: Mapping[str, Floats], rows: np.ndarray) -> GroupCourse:
    taken = {name: of[rows].tolist() for name, of in numbers.items()}
    return GroupCourse([str(name) for name in data.ids[rows]], taken.pop(TRUTH), taken)
