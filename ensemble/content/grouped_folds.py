"""The fold plan of a run, near-duplicates together: made on the first call, then only read and checked."""

from ensemble.content.duplicates import find_duplicates, with_given_groups
from ensemble.data import Dataset
from ensemble.errors import StoreError
from ensemble.folds import FoldPlan, FoldSettings, check_given_groups, make_plan
from ensemble.modalities import Scans
from ensemble.store import Store


def bind_folds(store: Store, data: Dataset, scans: Scans, settings: FoldSettings) -> FoldPlan:
    """With other settings it is drawn again as long as nothing has been made on it. Raises FoldError where data
    changed."""
    with store.lock():
        if store.plan_settings.exists():
            plan = FoldPlan.read(store.plan)
            if plan.settings == settings or store.has_results():
                plan.check(data, settings)
                plan = plan.ordered(data)
                check_given_groups(plan, data)
                return plan
        elif store.has_begun():  # results without the plan they were made on
            raise StoreError(f"{store.plan_settings} is gone; restore it or choose another run folder.")
        plan = make_plan(data, with_given_groups(find_duplicates(data, scans).group, data), settings)
        plan.write(store.plan)
        return plan
