"""The fold plan: which row is held out when. Made once per dataset, then only read."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from ensemble.data import DEV, RATING, TRAIN, Codes, Dataset, python_values
from ensemble.errors import FoldError, StoreError, some
from ensemble.stratification import strata_of
from ensemble.stratification import stratified_group_split as stratified_group_split
from ensemble.system.files import fingerprint, read_json, read_table, write_json, write_table

TEST_FOLD = -1  # the fold of rows that no fold holds: the test file, and a labelled test part
DEV_FOLD = -3  # of the table's development part: predicted as test rows are, and may tell which epoch is best
UNUSED = -2  # of rows that a plan leaves alone: neither fitted on nor predicted


@dataclass(frozen=True)
class FoldSettings:
    """How a plan is drawn. ``test_fraction`` of the training rows becomes a labelled test part that no fold holds.
    ``copies`` "group" keeps copies in one fold, "ignore" does not look for them. A ``file``, or a ``column`` of the
    training table, holds a plan that was handed out: then none is drawn, and it says how many folds there are."""

    k: int = 5
    seed: int = 0
    test_fraction: float = 0.0
    copies: str = "group"
    file: str = ""
    column: str = ""

    def __post_init__(self) -> None:
        if self.k < 3:  # what stacks one fold is chosen on a second, from fits on a third
            raise FoldError(f"folds.k must be at least 3, got {self.k}.")
        if not 0 <= self.test_fraction < 1:
            raise FoldError(f"folds.test_fraction must be at least 0 and below 1, got {self.test_fraction}.")
        if self.file and self.column:
            raise FoldError(f"folds.file {self.file!r} and folds.column {self.column!r} both hold a plan; name one.")
        if (self.file or self.column) and self.test_fraction:
            raise FoldError("folds.test_fraction: a given plan says itself what is in no fold (fold -1); leave it out.")

    def as_in(self, plan: "FoldPlan") -> "FoldSettings":
        """The same with what a given plan decides."""
        if not (self.file or self.column):
            return self
        return replace(self, k=plan.settings.k, seed=plan.settings.seed)


@dataclass(frozen=True)
class FoldPlan:
    """``frame`` has one row per post, in table order: ``id``, ``fold`` (0..k-1, TEST_FOLD, DEV_FOLD, UNUSED), and
    ``group``, ``digest``.

    ``digest`` is of the row's content and labels, so that a changed table is noticed and the row named; ``tasks`` are
    the names of the label columns. ``lost`` says what was wrong with the plan on the disk that this one replaces,
    ``extended`` what it adds to that one.
    """

    settings: FoldSettings
    frame: pd.DataFrame
    tasks: tuple[str, ...] = ()
    lost: str = ""
    extended: str = ""

    def __post_init__(self) -> None:
        held = self.frame[self.frame["fold"] >= 0]
        if sorted(held["fold"].unique()) != list(range(self.settings.k)):
            raise FoldError(f"The plan must fill folds 0 to {self.settings.k - 1}; some are empty or unknown.")
        straddling = held.groupby("group")["fold"].nunique()
        if (straddling > 1).any():
            raise FoldError(f"Groups {some(straddling[straddling > 1].index)} straddle folds.")

    @property
    def note(self) -> str:
        """What to say of a plan that replaces another one; nothing of others."""
        return self.extended or (f"{self.lost}: drawn again, the same plan by its fingerprint" if self.lost else "")

    @property
    def fold(self) -> Codes:
        return self.frame["fold"].to_numpy(dtype=np.int64)

    @property
    def cv_rows(self) -> Codes:
        """Positions of the rows that folds hold, in table order."""
        return np.flatnonzero(self.fold >= 0)

    @property
    def test_rows(self) -> Codes:
        """Positions of the rows that no fold holds and nothing is chosen by."""
        return np.flatnonzero(self.fold == TEST_FOLD)

    @property
    def dev_rows(self) -> Codes:
        """Positions of the development part, which no fold holds and which may tell what is best."""
        return np.flatnonzero(self.fold == DEV_FOLD)

    @property
    def outside_rows(self) -> Codes:
        """Positions of the rows every fold model predicts: test rows, then the development part."""
        return np.concatenate([self.test_rows, self.dev_rows])

    def fit_rows(self, fold: int) -> Codes:
        return np.flatnonzero((self.fold >= 0) & (self.fold != fold))

    def held_out_rows(self, fold: int) -> Codes:
        return np.flatnonzero(self.fold == fold)

    @cached_property
    def _fingerprint(self) -> str:
        frame = self.frame.sort_values("id")
        groups = pd.factorize(frame["group"])[0].tolist()
        return fingerprint(list(zip(python_values(frame["id"]), frame["fold"].tolist(), groups, strict=True)))

    def fingerprint(self) -> str:
        """Equal for plans that hold out and group the same rows together, whatever the order of the table."""
        return self._fingerprint

    def with_groups(self, data: Dataset) -> Dataset:
        """The dataset, knowing which rows are copies of one another."""
        return data.with_columns(group=self.frame["group"].tolist())

    def nested(self, data: Dataset, without: int, seed: int) -> "FoldPlan":
        """As many folds again among the rows of the other folds; those of fold ``without`` and the test rows stand
        aside, the development part stays what it is. Equal seeds give equal plans."""
        rows = self.fit_rows(without)
        labels = [data.labels(task)[rows] for task in data.tasks]
        fold = np.where(self.fold == DEV_FOLD, DEV_FOLD, UNUSED)
        k = self.settings.k
        groups = self.frame["group"].to_numpy()[rows]
        fold[rows] = stratified_group_split(*strata_of(data.tasks, labels), groups, [1 / k] * k, seed)
        return FoldPlan(FoldSettings(k, seed), self.frame.assign(fold=fold), self.tasks)

    def ordered(self, data: Dataset) -> "FoldPlan":
        """The same plan with its rows in the order of the table, which may have been sorted anew."""
        if np.array_equal(self.frame["id"].to_numpy(dtype=object), data.ids):
            return self
        return replace(self, frame=self.frame.set_index("id").loc[list(data.ids)].reset_index())

    def check(self, data: Dataset, settings: FoldSettings, extend: bool = False) -> None:
        """Raises FoldError naming the first differences if the settings or the table are not those of the plan; new
        rows are none where it is to ``extend`` to them."""
        for name, was in vars(self.settings).items():
            says = vars(settings.as_in(self))[name]
            if says != was:
                raise FoldError(
                    f"This run's fold plan has {name} = {was}, the configuration says {says}. "
                    "A plan is never redrawn: restore the setting or choose another run folder."
                )
        if self.tasks != data.task_names:
            raise FoldError(
                f"This run's folds were made for the tasks {list(self.tasks)}, the table has {list(data.task_names)}. "
                "Restore the tasks or choose another run folder."
            )
        planned = dict(zip(python_values(self.frame["id"]), python_values(self.frame["digest"]), strict=True))
        present = dict(zip(data.ids.tolist(), row_digests(data), strict=True))
        if present == planned:
            return
        new = [row for row in present if row not in planned]
        differences = {
            "no longer there": [row for row in planned if row not in present],
            "new": [] if extend else new,
            "changed": [row for row, digest in present.items() if planned.get(row, digest) != digest],
        }
        found = [f"{len(rows)} rows {what} ({some(rows)})" for what, rows in differences.items() if rows]
        if found:
            grown = len(found) == 1 and differences["new"]
            kept = "`ensemble train-base --extend-folds` keeps the folds of the others; or restore"
            ways = kept if grown else "Restore"
            raise FoldError(
                f"The table is not the one this run's folds were made for: {'; '.join(found)}. "
                f"{ways} the data or choose another run folder."
            )

    def write(self, path: Path) -> None:
        write_table(path, pa.Table.from_pandas(self.frame, preserve_index=False).replace_schema_metadata(None))
        write_json(
            path.with_suffix(".json"),
            vars(self.settings) | {"tasks": list(self.tasks), "fingerprint": self.fingerprint()},
        )

    @classmethod
    def read(cls, path: Path) -> "FoldPlan":
        record = read_json(path.with_suffix(".json"))
        recorded, tasks = record.pop("fingerprint", None), record.pop("tasks", [])
        try:
            plan = cls(FoldSettings(**record), read_table(path).to_pandas(), tuple(tasks))
        except (TypeError, KeyError) as error:
            raise StoreError(f"{path} or its .json is damaged ({error}); restore it, or start another run.") from error
        if plan.fingerprint() != recorded:
            raise FoldError(f"{path} was edited after it was made; a plan is never redrawn.")
        return plan


def check_given_groups(plan: FoldPlan, data: Dataset) -> None:
    """Raises FoldError where the table's own groups, in plan order, are divided by the plan's folds."""
    if "group" not in data.frame:
        return
    rows = (data.frame["part"] == TRAIN).to_numpy()
    folds = pd.Series(plan.fold[rows]).groupby(data.frame["group"].to_numpy()[rows]).nunique()
    if (folds > 1).any():
        divided = folds[folds > 1]
        raise FoldError(
            f"This run's folds divide {len(divided)} groups of data.group: {some(divided.index)}. A plan is never "
            "redrawn: choose another run folder."
        )


def make_plan(data: Dataset, group: Codes, settings: FoldSettings) -> FoldPlan:
    """Stratified over every task at once, groups kept whole, seeded.

    Raises FoldError where there are fewer groups than folds, DataError where labels leave nothing to learn.
    """
    fold = rows_outside(data)
    train = np.flatnonzero((data.frame["part"] == TRAIN).to_numpy())
    if not len(train):
        raise FoldError(f"There are no training posts: the table has {len(data):,} rows, none of them to train on.")
    distinct = len(np.unique(group[train]))
    if distinct < settings.k:
        joined = f" among the {len(train):,}: groups of posts are kept whole" if distinct < len(train) else ""
        raise FoldError(
            f"{settings.k} folds need at least {settings.k} distinct training posts; there are {distinct}{joined}."
        )
    rest = 1.0 - settings.test_fraction
    shares = [settings.test_fraction] + [rest / settings.k] * settings.k
    labels = [data.labels(task)[train] for task in data.tasks]
    for task, of_task in zip(data.tasks, labels, strict=True):
        task.target.check_training(task, of_task)
    fold[train] = stratified_group_split(*strata_of(data.tasks, labels), group[train], shares, settings.seed) - 1
    frame = pd.DataFrame({"id": data.ids, "fold": fold, "group": group, "digest": row_digests(data)})
    return FoldPlan(settings, frame, data.task_names)


def rows_outside(data: Dataset) -> Codes:
    """(rows,) the fold of each row before any is held: that of the development part, or of the test rows."""
    return np.where(data.frame["part"] == DEV, DEV_FOLD, TEST_FOLD).astype(np.int64)


def row_digests(data: Dataset) -> list[str]:
    """One short digest per row of everything a result depends on: contents, part, labels."""
    ratings = [name for name in data.frame if str(name).startswith(RATING)]
    # Texts as they are, of other contents the keys at the end: as the plans on disk were made.
    columns = [data.frame[name] for name in ("id", "text", "part", *data.task_names, *ratings) if name in data.frame]
    keys = [data.keys(name) for name in data.modalities if name != "text"]
    values = zip(*(python_values(column.where(column.notna(), None)) for column in columns), *keys, strict=True)
    return [hashlib.sha256(repr(row).encode()).hexdigest()[:16] for row in values]
