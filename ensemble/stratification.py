"""Rows into parts: each gets its share of every stratum of every task, groups whole."""

from collections.abc import Sequence

import numpy as np

from ensemble.data import Codes, Labels, Task


def strata_of(tasks: Sequence[Task], labels: Sequence[Labels]) -> tuple[list[Codes], list[int]]:
    """Of each task the stratum of each row, and how many there are."""
    found = [task.target.strata(task, of_task) for task, of_task in zip(tasks, labels, strict=True)]
    return [strata for strata, _ in found], [count for _, count in found]


def stratified_group_split(
    strata: Sequence[Codes], counts: Sequence[int], group: Codes, shares: Sequence[float], seed: int
) -> Codes:
    """(rows,) the part of each row: every part gets its share of every stratum of every task, groups stay whole.

    ``strata`` holds per task the (rows,) stratum of each row, such as its class, -1 for none; ``counts`` how many there
    are; ``shares`` sums to one. Greedy, as scikit-learn's StratifiedGroupKFold: the group that matters most to some
    stratum first, each to the part that lacks its strata the most, relative to the part's share, so that a rare class
    weighs as much as a common one.
    """
    _, local = np.unique(group, return_inverse=True)
    sizes = [np.bincount(local)[:, None].astype(np.float64)]
    for stratum, count in zip(strata, counts, strict=True):
        in_stratum = np.zeros((len(sizes[0]), count))
        np.add.at(in_stratum, (local[stratum >= 0], stratum[stratum >= 0]), 1)
        sizes.append(in_stratum)
    of_group = np.hstack(sizes)
    relative = of_group / np.maximum(of_group.sum(axis=0), 1)
    order = np.random.default_rng(seed).permutation(len(relative))
    order = order[np.argsort(-relative[order].max(axis=1), kind="stable")]
    share = np.asarray(shares)
    open_parts = np.flatnonzero(share > 0)
    filled = np.zeros((len(open_parts), relative.shape[1]))
    part = np.zeros(len(relative), dtype=np.int64)
    for g in order:
        chosen = np.argmin(filled @ relative[g])
        part[g] = open_parts[chosen]
        filled[chosen] += relative[g] / share[open_parts[chosen]]
    return part[local]
