"""A fold plan that was handed out: checked, and taken as it is."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ensemble.content.texts import spelt_as
from ensemble.data import TRAIN, Codes, Dataset
from ensemble.errors import FoldError, some
from ensemble.folds import DEV_FOLD, TEST_FOLD, FoldPlan, FoldSettings, row_digests, rows_outside

DEVELOPMENT = (str(DEV_FOLD), "dev")  # how a plan names the rows of a development part
UNHELD = (str(TEST_FOLD), "test", *DEVELOPMENT)  # and all that are in no fold


@dataclass(frozen=True)
class GivenFolds:
    """By id, the fold as the file names it ("" where it says none), and the group where the file has a column of it."""

    path: Path
    fold: Mapping[str, str]
    group: Mapping[str, str] | None = None

    @property
    def names(self) -> list[str]:
        """The folds as the file names them, in order: by number where all are numbers."""
        names = {name for name in self.fold.values() if name and name not in UNHELD}
        return sorted(names, key=(lambda name: int(name)) if all(map(str.isdigit, names)) else None)

    @property
    def notes(self) -> list[str]:
        """How folds are called here, where the file calls them otherwise."""
        if self.names == [str(fold) for fold in range(len(self.names))]:
            return []
        renamed = ", ".join(f"{name!r} is fold {fold}" for fold, name in enumerate(self.names))
        return [f"Folds as given in {self.path.name}: {renamed}."]

    def spelt_as(self, ids: Sequence[str]) -> "GivenFolds":
        """With the ids as the table spells them."""
        other = spelt_as(self.fold, ids)
        fold = {other.get(row, row): name for row, name in self.fold.items()}
        group = None if self.group is None else {other.get(row, row): name for row, name in self.group.items()}
        return replace(self, fold=fold, group=group)

    def checked(self, data: Dataset) -> list[str]:
        """The notes; raises FoldError where the plan is not one of these rows."""
        self.of(data)
        return self.notes

    def of(self, data: Dataset) -> Codes:
        """(rows,) the fold of each row; raises FoldError naming rows that are missing, unknown or in a wrong place."""
        given = self.spelt_as(data.ids.tolist())
        train = dict(zip(data.ids.tolist(), (data.frame["part"] == TRAIN).tolist(), strict=True))
        wrong = {
            "are not in it": [row for row, inside in train.items() if inside and row not in given.fold],
            "are in it and not in the table": [row for row in given.fold if row not in train],
            "have no fold": [row for row, inside in train.items() if inside and given.fold.get(row) == ""],
            "are test rows and have a fold (it must be -1 or empty)": [
                row for row, inside in train.items() if not inside and given.fold.get(row, "") not in ("", *UNHELD)
            ],
        }
        found = [f"{len(rows):,} rows {what} ({some(rows)})" for what, rows in wrong.items() if rows]
        if found:
            raise FoldError(f"{self.path}, the given folds: {'; '.join(found)}.")
        codes = {name: fold for fold, name in enumerate(self.names)}
        aside = codes | dict.fromkeys(DEVELOPMENT, DEV_FOLD)  # of training rows; those of other parts stay in these
        named = [(aside if inside else codes, given.fold.get(row, "")) for row, inside in train.items()]
        outside = zip(named, rows_outside(data), strict=True)
        return np.array([known.get(name, fold) for (known, name), fold in outside], dtype=np.int64)


def given_plan(data: Dataset, given: GivenFolds, group: Codes, settings: FoldSettings) -> FoldPlan:
    """The plan as given. ``group`` is (rows,), unless the file has its own.

    Raises FoldError where a group is in two folds, naming a pair of its posts.
    """
    given = given.spelt_as(data.ids.tolist())
    fold = given.of(data)
    if len(given.names) < 3:
        raise FoldError(f"{given.path} has {len(given.names)} folds ({some(given.names)}); a plan needs at least 3.")
    if given.group is not None:
        own: list[Hashable] = [given.group.get(row) or ("no group", row) for row in data.ids]
        group = np.asarray(_as_given(own), dtype=np.int64)
    _check_whole(data, given, fold, group)
    for task in data.tasks:
        task.target.check_training(task, data.labels(task)[fold >= 0])
    frame = pd.DataFrame({"id": data.ids, "fold": fold, "group": group, "digest": row_digests(data)})
    return FoldPlan(replace(settings, k=len(given.names)), frame, data.task_names)


def _as_given(groups: list[Hashable]) -> Codes:
    """Group numbers as the file has them; where they are no numbers, by their order."""
    if all(isinstance(name, str) and name.isdigit() for name in groups):
        return np.array([int(str(name)) for name in groups], dtype=np.int64)
    return np.asarray(pd.factorize(pd.Series(groups, dtype=object))[0], dtype=np.int64)


def _check_whole(data: Dataset, given: GivenFolds, fold: Codes, group: Codes) -> None:
    train = np.flatnonzero((data.frame["part"] == TRAIN).to_numpy())
    rows = pd.DataFrame({"group": group[train], "fold": fold[train], "id": data.ids[train]})
    first = rows.groupby("group").transform("first")
    astray = rows[rows["fold"] != first["fold"]]
    if not len(astray):
        return
    a, b = first.loc[astray.index[0], "id"], astray["id"].iloc[0]
    overrule = 'folds.copies = "ignore" takes the plan as it is' if given.group is None else "mend its column group"
    raise FoldError(
        f"{given.path}, the given folds: {astray['group'].nunique():,} groups are in more than one fold, such as posts "
        f"{a!r} (fold {given.fold[a]}) and {b!r} (fold {given.fold[b]}), which are copies or of one group; {overrule}."
    )
