"""Nested fits on the base folds: what every candidate says of every fold, with and without each other fold.

Why nested: the best of many candidates is best in part by luck, so its score on the rows it was chosen on flatters it
(Cawley & Talbot 2010; Varma & Simon 2006). Here fold i is predicted by what was chosen without i.

To choose for fold i, candidates are compared on the other folds j, each predicted by a fit that saw neither i nor j.
Plain nested cross-validation would fit 5 x 4 = 20 times for that with five folds; but the fit without {i, j} serves
both, to choose for i (it predicts j) and for j (it predicts i), so 10 pairs do. 5 more fits, each without one fold,
predict that fold once the choice is made, and are what the last choice, for new rows, is made on; one on all rows at
the end predicts these.
What is nested is the stack: the learners' own models are those of the base folds, of which the model that predicts j
has seen labels of i.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats
from ensemble.system.progress import Track, silent
from ensemble.targets import Labels
from meta.candidates import StackSpec
from meta.fitting import Option, fit
from meta.side_by_side import side_by_side
from meta.table import MetaTable

Left = tuple[int, ...]


@dataclass(frozen=True)
class NestedPredictions:
    """Out-of-fold predictions of one candidate.

    ``outer`` (rows, columns): each fold by the fit on all other folds. ``inner`` per fold i (rows, columns): each fold
    j by the fit on the folds but i and j; the rows of i itself are zero.
    """

    outer: Floats
    inner: dict[int, Floats]


def nest(
    table: MetaTable,
    options: Sequence[Option],
    spec: StackSpec,
    calibrate: bool = False,
    threads: int = 1,
    track: Track = silent,
) -> list[NestedPredictions]:
    """Every option's nested predictions. As many fits as ``threads`` run at once, each on one thread, so that their
    number changes no bit."""
    # Each job is independent of the others and writes to rows of its own, so their order changes nothing either.
    folds = [int(fold) for fold in np.unique(table.fold)]
    shape = (len(table.ids), table.width)
    found = [NestedPredictions(np.zeros(shape), {fold: np.zeros(shape) for fold in folds}) for _ in options]
    lefts: list[Left] = [*((fold,) for fold in folds), *combinations(folds, 2)]
    # The costly candidates stand last; begun first they leave no core to wait for them at the end.
    work = [(left, position) for position in reversed(range(len(options))) for left in lefts]
    features = table.features  # one array, so that processes share it
    calls = (
        (options[position], features, table.labels, table.fold, left, spec, calibrate, position)
        for left, position in work
    )
    done = side_by_side(_predict, calls, threads, ordered=False)
    for left, position, values in track(done, f"{table.task.name}: nested fits", len(work)):
        _place(found[position], table.fold, left, values)
    return found


def _predict(
    option: Option,
    features: Floats,
    labels: Labels,
    fold: Codes,
    left: Left,
    spec: StackSpec,
    calibrate: bool,
    position: int,
) -> tuple[Left, int, Floats]:
    """The rows of the folds left out, by a fit on the others."""
    held = np.isin(fold, left)
    fitted = fit(option, features, labels, spec, calibrate, seen=~held)
    return left, position, fitted.predict(features[held])


def _place(nested: NestedPredictions, fold: npt.NDArray[np.int64], left: Left, values: Floats) -> None:
    """A fit without fold i predicts i; one without i and j predicts j for i, and i for j."""
    held = np.isin(fold, left)
    if len(left) == 1:
        nested.outer[held] = values
        return
    for scored, seen in (left, left[::-1]):
        nested.inner[scored][fold == seen] = values[fold[held] == seen]
