"""Where a run stands: what is done, missing, stale or failed, and the scores of what is finished."""

from collections import Counter
from collections.abc import Sequence
from typing import NotRequired, TypedDict

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Task
from ensemble.errors import StoreError, command
from ensemble.jobs.job import JobSpec, list_work
from ensemble.records import TuningNote
from ensemble.run import Run
from ensemble.scoring import BaselineCard, ScoreCard, baseline_card
from ensemble.system.files import read_json


class RunStatus(TypedDict):
    """How many jobs are in each state, in all, and by learner and task; per failed or stale job the reason."""

    jobs: dict[str, int]
    learners: dict[str, dict[str, dict[str, int]]]
    imported: dict[str, list[str]]
    reasons: dict[str, str]


class FinishedLearner(TypedDict):
    """A learner whose folds are all done."""

    learner: str
    task: str
    seconds: float
    parameters: int | None
    trainable_parameters: int | None
    oof: ScoreCard
    dev: NotRequired[ScoreCard]
    tuned: NotRequired[TuningNote]


def baseline_cards(run: Run, tasks: Sequence[Task]) -> dict[str, BaselineCard]:
    """By task what knows the labels alone scores on the rows in folds."""
    inside, fold = run.data.take(run.plan.cv_rows), run.plan.fold[run.plan.cv_rows]
    return {task.name: baseline_card(task, inside, fold) for task in tasks}


def status(run: Run) -> RunStatus:
    learners: dict[str, dict[str, dict[str, int]]] = {}
    work, reasons = listed(run, run.specs, run.data.tasks)
    for job_spec in work:
        job_status, reason = run.store.job(job_spec.job).status(job_spec.provenance)
        counts = learners.setdefault(job_spec.job.learner, {}).setdefault(job_spec.job.task, {})
        counts[job_status] = counts.get(job_status, 0) + 1
        if reason:
            reasons[str(job_spec.job)] = f"{job_status}: {reason}"
    totals = Counter[str]()
    for tasks in learners.values():
        for counts in tasks.values():
            totals.update(counts)
    done = [(name, task) for name, tasks in learners.items() for task in tasks if set(tasks[task]) == {"done"}]
    reasons |= _lost_joins(run, done)
    imported = {task.name: names for task in run.data.tasks if (names := run.results.imported(task))}
    return {"jobs": dict(totals), "learners": learners, "imported": imported, "reasons": reasons}


def _lost_joins(run: Run, done: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Of learners and tasks whose jobs are all done: why what the stack reads of them cannot be read."""
    reasons = {}
    for name, task in done:
        provenance = run.results.provenance(run.learners.spec(name), run.data.task(task))
        found, reason = run.store.base(name, task).status(provenance)
        if found != "done":
            again = command("train-base", "--learner", name, "--task", task)
            reasons[f"{name} / {task}"] = reason or f"its folds are not joined; run {again}"
    return reasons


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
    reports = {}
    for job_spec in work:
        try:
            report = read_json(run.store.job(job_spec.job).progress)
            reports[str(job_spec.job)] = (str(report["label"]), int(report["done"]), int(report["total"]))
        except (OSError, StoreError, KeyError):
            continue  # not under way, or just over
    return reports


def finished(run: Run, specs: Sequence[LearnerSpec], tasks: Sequence[Task]) -> list[FinishedLearner]:
    """The score cards of the learners whose folds are all done."""
    cards: list[FinishedLearner] = []
    for spec in specs:
        for task in tasks:
            try:
                record = run.results.base_record(spec.name, task)
            except StoreError:
                continue
            size = run.results.size(spec.name, task)
            card: FinishedLearner = {
                "learner": spec.name,
                "task": task.name,
                "seconds": record["seconds"],
                "parameters": size["parameters"],
                "trainable_parameters": size["trainable_parameters"],
                "oof": record["oof"],
            }
            if "dev" in record:
                card["dev"] = record["dev"]
            if "tuned" in record:
                card["tuned"] = record["tuned"]
            cards.append(card)
    return cards
