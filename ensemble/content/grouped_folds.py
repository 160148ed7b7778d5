"""The fold plan of a run, near-duplicates together: made on the first call, then only read and checked."""

import numpy as np

from ensemble.content.duplicates import Duplicates, find_duplicates, united_groups
from ensemble.content.given_folds import GivenFolds, given_plan
from ensemble.data import Codes, Dataset
from ensemble.errors import FoldError, StoreError, some
from ensemble.folds import FoldPlan, FoldSettings, check_given_groups, make_plan
from ensemble.modalities import Scans
from ensemble.store import Store


def bind_folds(
    store: Store, data: Dataset, scans: Scans, settings: FoldSettings, given: GivenFolds | None = None
) -> FoldPlan:
    """With other settings, or another ``given`` plan, it is made again as long as nothing has been made on it. Raises
    FoldError where data changed."""
    with store.lock():
        plan, is_new = find_plan(store, data, scans, settings, given)
        if is_new:
            plan.write(store.plan)
        return plan


def find_plan(
    store: Store,
    data: Dataset,
    scans: Scans,
    settings: FoldSettings,
    given: GivenFolds | None = None,
    copies: Duplicates | None = None,
) -> tuple[FoldPlan, bool]:
    """The plan of a run, and whether it is new and not written yet; ``copies`` where they have been looked for."""
    if store.plan_settings.exists():
        plan = FoldPlan.read(store.plan)
        if store.has_results() or (given is None and plan.settings == settings):
            plan.check(data, settings)
            plan = plan.ordered(data)
            check_given_groups(plan, data)
            if given is not None:
                _check_given(plan, data, given)
            return plan, False
    elif store.has_begun():  # results without the plan they were made on
        raise StoreError(f"{store.plan_settings} is gone; restore it or choose another run folder.")
    # groups of a given plan are kept as they are
    own = given is not None and given.group is not None
    group = np.arange(len(data)) if own else find_groups(data, scans, settings, copies)
    return (make_plan(data, group, settings) if given is None else given_plan(data, given, group, settings)), True


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
