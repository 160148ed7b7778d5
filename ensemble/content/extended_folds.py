"""A fold plan for a table that has grown: old rows stay in their folds, and what is a copy of one goes where it is."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from ensemble.data import TRAIN, Codes, Dataset
from ensemble.folds import TEST_FOLD, UNUSED, FoldPlan, row_digests, rows_outside
from ensemble.stratification import strata_of, stratified_group_split
from ensemble.targets import Mask


def extended_plan(plan: FoldPlan, data: Dataset, group: Codes) -> FoldPlan:
    """``data`` has the rows of the ``plan``, unchanged, and others; ``group`` (rows of data,) is what a new plan would
    keep together.

    New groups are spread over the folds by their strata, as a first plan spreads them. A new row that is a copy of old
    rows in several folds can be in none: it is left alone.
    """
    old = pd.Index(data.ids).isin(plan.frame["id"])
    kept = plan.frame.set_index("id")
    fold, held = rows_outside(data), kept.loc[list(data.ids[old])]
    fold[old] = held["fold"].to_numpy()
    train = (data.frame["part"] == TRAIN).to_numpy()
    groups = np.array([f"new {code}" for code in group], dtype=object)
    groups[old] = [f"old {name}" for name in held["group"]]
    fresh = []
    for code in np.unique(group[train & ~old]):
        inside = train & (group == code)
        homes = Counter(fold[inside & old].tolist())
        if not homes:
            fresh.append(code)
        elif len(homes) > 1:
            fold[inside & ~old] = UNUSED
        else:
            fold[inside & ~old] = next(iter(homes))
            groups[np.isin(groups, list(set(groups[inside])))] = f"joined {code}"
    rows = np.flatnonzero(np.isin(group, fresh) & train & ~old)
    fold[rows] = _spread(plan, data, group, rows)
    frame = pd.DataFrame({"id": data.ids, "fold": fold, "group": pd.factorize(groups)[0], "digest": row_digests(data)})
    return replace(plan, frame=frame, extended=_note(plan, fold, old))


def _spread(plan: FoldPlan, data: Dataset, group: Codes, rows: Codes) -> Codes:
    """(rows,) the folds of rows that are copies of no old one."""
    if not len(rows):
        return rows
    settings = plan.settings
    rest = 1.0 - settings.test_fraction
    shares = [settings.test_fraction] + [rest / settings.k] * settings.k
    labels = [data.labels(task)[rows] for task in data.tasks]
    return stratified_group_split(*strata_of(data.tasks, labels), group[rows], shares, settings.seed) + TEST_FOLD


def _note(plan: FoldPlan, fold: Codes, old: Mask) -> str:
    new = fold[~old]
    apart = int((new == UNUSED).sum())
    lines = f"{len(new):,} new rows: {(new >= 0).sum():,} in the {plan.settings.k} folds; the {old.sum():,} old rows "
    lines += "stay where they were"
    return lines + (f"; {apart:,} are copies of old rows in several folds and are left out" if apart else "")
