"""Where a run stands: what is done, missing, stale or failed, and the scores of what is finished."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ensemble.data import Task
from ensemble.errors import StoreError
from ensemble.jobs.job import JobSpec, list_work
from ensemble.run import LearnerSpec, Run
from ensemble.store import DONE, state
from ensemble.system.files import read_json


def status(run: Run) -> dict[str, Any]:
    """Per learner and task the jobs in each state; per failed or stale job the reason."""
    learners: dict[str, dict[str, dict[str, int]]] = {}
    work, reasons = listed(run, run.specs, run.data.tasks)
    for item in work:
        found, reason = state(run.store.job(item.job), DONE, item.made_of)
        counts = learners.setdefault(item.job.learner, {}).setdefault(item.job.task, {})
        counts[found] = counts.get(found, 0) + 1
        if reason:
            reasons[str(item.job)] = f"{found}: {reason}"
    totals = Counter[str]()
    for tasks in learners.values():
        for counts in tasks.values():
            totals.update(counts)
    imported = {task.name: names for task in run.data.tasks if (names := run.imported(task))}
    return {"jobs": dict(totals), "learners": learners, "imported": imported, "reasons": reasons}


def listed(
    run: Run, specs: Sequence[LearnerSpec], tasks: Sequence[Task], folds: Sequence[int] = ()
) -> tuple[list[JobSpec], dict[str, str]]:
    """`list_work` but for learners that have to be tuned first; of these, by learner and task, why."""
    work: list[JobSpec] = []
    reasons: dict[str, str] = {}
    for spec in specs:
        for task in tasks:
            try:
                work += list_work(run, [spec], [task], folds)
            except StoreError as error:
                reasons[f"{spec.name} / {task.name}"] = str(error)
    return work, reasons


def under_way(run: Run, work: Sequence[JobSpec]) -> dict[str, tuple[str, int, int]]:
    """By job in another process: what it does, how much of it is done, of how much."""
    found = {}
    for item in work:
        try:
            report = read_json(run.store.progress(item.job))
            found[str(item.job)] = (str(report["label"]), int(report["done"]), int(report["total"]))
        except (OSError, StoreError, KeyError):
            continue  # not under way, or just over
    return found


def finished(run: Run, specs: Sequence[LearnerSpec], tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """The score cards of the learners whose folds are all done."""
    cards = []
    for spec in specs:
        for task in tasks:
            try:
                record = run.base_record(spec.name, task)
            except StoreError:
                continue
            known = {"seconds": record["seconds"], **run.size(spec.name, task), "oof": record["oof"]}
            known |= {"tuned": record["tuned"]} if "tuned" in record else {}
            cards.append({"learner": spec.name, "task": task.name, **known})
    return cards
