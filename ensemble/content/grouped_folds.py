"""The fold plan of a run, near-duplicates together: made on the first call, then only read and checked."""

import re
from dataclasses import replace

import numpy as np

from ensemble.content.duplicates import Duplicates, find_duplicates, united_groups
from ensemble.content.extended_folds import extended_plan
from ensemble.content.given_folds import GivenFolds, given_plan
from ensemble.data import Codes, Dataset
from ensemble.errors import FoldError, StoreError, some
from ensemble.folds import FoldPlan, FoldSettings, check_given_groups, make_plan
from ensemble.modalities import Scans
from ensemble.provenance import Provenance
from ensemble.run import OpenedData
from ensemble.store import Store
from ensemble.system.files import read_json


def bind_folds(
    store: Store,
    data: Dataset,
    scans: Scans,
    settings: FoldSettings,
    given: GivenFolds | None = None,
    extend: bool = False,
) -> FoldPlan:
    """With other settings, or another ``given`` plan, it is made again as long as nothing has been made on it. One that
    is gone or damaged is made again where that gives the plan the results were made on. Raises FoldError where data
    changed, but to ``extend`` it is where they have grown."""
    with store.lock():
        plan, is_new = find_plan(store, data, scans, settings, given, extend=extend)
        if is_new:
            plan.write(store.plan)
        return plan


def _kept_plan(store: Store) -> tuple[FoldPlan | None, str]:
    """The plan on the disk, or what is wrong with it where results were made on one."""
    try:
        if store.plan_settings.exists():
            return FoldPlan.read(store.plan), ""
        lost = f"{store.plan_settings} is gone"
    except StoreError as error:
        lost = re.split(r"\.? Delete it|; restore it", str(error))[0].rstrip(".")
    return None, lost if store.has_begun() else ""


def _check_same(store: Store, plan: FoldPlan, data: Dataset, lost: str) -> None:
    """Raises StoreError where a plan that was drawn again is not the one that the results were made on."""
    identity = OpenedData(store, data, plan).identity
    for folder in store.learner_folders():
        results = [(folder.path, folder.record), *((job.path, job.record) for job in folder.finished_jobs())]
        for path, record in results:
            if record.is_file() and Provenance.of_record(read_json(record)).identity != identity:
                raise StoreError(
                    f"{lost}, and today's settings of [folds] and posts give another plan than the one {path} "
                    "was made on. Restore it from a copy, or settings and posts as they were, or choose another run "
                    "folder."
                )


def find_plan(
    store: Store,
    data: Dataset,
    scans: Scans,
    settings: FoldSettings,
    given: GivenFolds | None = None,
    copies: Duplicates | None = None,
    extend: bool = False,
) -> tuple[FoldPlan, bool]:
    """The plan of a run, and whether it is new and not written yet; ``copies`` where they have been looked for."""
    plan, lost = _kept_plan(store)
    if plan is not None and (store.has_results() or (given is None and plan.settings == settings)):
        plan.check(data, settings, extend)
        if extend and len(data) > len(plan.frame):
            return _extended(store, plan, data, scans, settings, given), True
        plan = plan.ordered(data)
        check_given_groups(plan, data)
        if given is not None:
            _check_given(plan, data, given)
        return plan, False
    # groups of a given plan are kept as they are
    own = given is not None and given.group is not None
    group = np.arange(len(data)) if own else find_groups(data, scans, settings, copies)
    plan = make_plan(data, group, settings) if given is None else given_plan(data, given, group, settings)
    if lost:
        _check_same(store, plan, data, lost)
    return replace(plan, lost=lost), True


def _extended(
    store: Store, plan: FoldPlan, data: Dataset, scans: Scans, settings: FoldSettings, given: GivenFolds | None
) -> FoldPlan:
    """For the rows that the table has more. Raises FoldError where a given plan would have to say where they are."""
    if given is not None:
        raise FoldError(
            f"{given.path} holds this run's plan, so it says where new rows are: choose another run folder for the "
            "longer one, or extend a plan of our own."
        )
    longer = extended_plan(plan, data, find_groups(data, scans, settings))
    stale = dict.fromkeys(folder.learner for folder in store.learner_folders() if folder.finished_jobs())
    return replace(longer, extended=f"{longer.extended}; stale from now on: {', '.join(stale) or 'nothing'}")


def find_groups(data: Dataset, scans: Scans, settings: FoldSettings, copies: Duplicates | None = None) -> Codes:
    """(rows,) what a new plan keeps together: copies, unless they are to be ignored, and the table's own groups."""
    if settings.copies != "group":
        return united_groups(data, np.arange(len(data)))
    return united_groups(data, (copies or find_duplicates(data, scans)).group)


def _check_given(plan: FoldPlan, data: Dataset, given: GivenFolds) -> None:
    moved = data.ids[given.of(data) != plan.fold]
    if len(moved):
        raise FoldError(
            f"{given.path} is not the plan this run was made on: {len(moved):,} rows are in other folds "
            f"({some(moved)}). Restore it or choose another run folder."
        )
