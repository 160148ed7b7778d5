"""Numbers as classes: the divisions that accuracies and F1 scores of regressions are of, as papers on CMU-MOSI do."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from ensemble.targets import Codes, Floats, Task

MOST = 11  # classes that whole numbers within bounds are told apart as
SPELLED = re.compile(r"(?P<key>\d+|2_nonzero)(@((?P<low>-?\d+)\.\.(?P<high>-?\d+)|(?P<cuts>[^@.][^@]*)))?")


@dataclass(frozen=True)
class Division:
    """``codes`` puts numbers (rows,) into classes; ``names`` are theirs. ``nonzero``: rows whose true number is 0 take
    no part. ``spelled`` is its name with all that ``division_named`` needs."""

    spelled: str
    names: tuple[str, ...]
    codes: Callable[[Floats], Codes]
    nonzero: bool = False


def divisions(task: Task) -> dict[str, Division]:
    """The divisions that fit a task of numbers, by the number of classes.

    By its cuts where it has any. Else, within whole bounds, by rounding what was clipped to them; where they lie evenly
    around zero also by the sign, with zero (0 and above against below) and without, and by rounding what was clipped to
    less (3, 5, ... classes).
    """
    if task.cuts:
        return {str(len(cuts) + 1): _by_cuts(cuts) for cuts in task.cuts}
    if task.bounds is None or not all(bound.is_integer() for bound in map(float, task.bounds)):
        return {}
    low, high = map(int, task.bounds)
    if low != -high:
        return {str(high - low + 1): _by_rounding(low, high)} if high - low < MOST else {}
    rounded = {str(2 * most + 1): _by_rounding(-most, most) for most in range(1, high + 1) if 2 * most < MOST}
    return {"2": BY_SIGN, "2_nonzero": BY_SIGN_NONZERO} | rounded


def division_named(name: str) -> Division | None:
    """``2``, ``2_nonzero``; ``7`` by rounding around zero, ``5@1..5`` by rounding from 1 to 5; ``3@-0.1,0.1`` by cuts.
    None for anything else."""
    found = SPELLED.fullmatch(name)
    if found is None:
        return None
    if found["cuts"]:
        try:
            return _by_cuts(tuple(map(float, found["cuts"].split(","))))
        except ValueError:
            return None
    if found["low"]:
        return _by_rounding(int(found["low"]), int(found["high"]))
    if not found["key"].isdigit() or int(found["key"]) == 2:
        return BY_SIGN if found["key"] == "2" else BY_SIGN_NONZERO
    classes = int(found["key"])
    return _by_rounding(-(classes // 2), classes // 2) if classes % 2 and 1 < classes <= MOST else None


def _by_cuts(cuts: tuple[float, ...]) -> Division:
    """The class of a number is how many cuts lie below it: a cut itself belongs to the class below."""
    ends = [f"{cut:g}" for cut in cuts]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    names = (f"up to {ends[0]}", *between, f"above {ends[-1]}")
    return Division(f"{len(names)}@{','.join(map(repr, cuts))}", names, partial(_below, cuts))


def _below(cuts: tuple[float, ...], values: Floats) -> Codes:
    return np.searchsorted(np.asarray(cuts), values, side="left").astype(np.int64)


def _by_rounding(low: int, high: int) -> Division:
    names, classes = tuple(map(str, range(low, high + 1))), high - low + 1
    spelled = str(classes) if low == -high else f"{classes}@{low}..{high}"
    return Division(spelled, names, partial(_rounded, low, high))


def _rounded(low: int, high: int, values: Floats) -> Codes:
    """Halves go to the even number, as numpy rounds, and with it the published scripts."""
    return np.round(values.clip(low, high)).astype(np.int64) - low


BY_SIGN = Division("2", ("below 0", "0 and above"), lambda values: (values >= 0).astype(np.int64))
BY_SIGN_NONZERO = Division("2_nonzero", ("negative", "positive"), lambda values: (values > 0).astype(np.int64), True)
