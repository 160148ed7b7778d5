"""All the jobs of a run, on whatever engine; then out-of-fold probabilities joined from the pieces."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from ensemble.data import Task
from ensemble.errors import LearnerError
from ensemble.jobs.job import JobSpec, Outcome, attempt, list_work, ready
from ensemble.jobs.modality_weights import join_weights, read_weighted, write_weights
from ensemble.predictions import concatenate, mean
from ensemble.run import LearnerSpec, Run
from ensemble.scoring import score_card
from ensemble.store import DONE, REPORT, TABLES, check, clear, read_predictions, seal, state, write_predictions
from ensemble.system.claims import ASK, owner_of
from ensemble.system.files import read_json
from ensemble.system.interruption import asked
from ensemble.system.progress import Track, silent
from ensemble.system.stale_files import remove_stale_files
from ensemble.tuned import tuning_note


class Engine(Protocol):
    """Attempts jobs, in any order and in any process, and yields what became of each; never two at once of one job."""

    def __call__(self, run: Run, work: Sequence[JobSpec], track: Track) -> Iterator[Outcome]: ...


def sequential(run: Run, work: Sequence[JobSpec], track: Track) -> Iterator[Outcome]:
    """One after the other, in this process."""
    for item in work:
        yield attempt(run, item, track, wait=run.distributed.size > 1)


def over(engine: Engine, change: Callable[[Run], Run]) -> Engine:
    """The same engine for a changed run, which processes of its own open for themselves; ``change`` is picklable."""
    changed: Engine = engine.over(change) if hasattr(engine, "over") else engine
    return changed


def train(run: Run, work: Sequence[JobSpec], track: Track = silent, engine: Engine = sequential) -> list[Outcome]:
    """Do what is not done; the jobs that failed. What another process is at, is waited for at the end."""
    if not run.distributed.is_worker:
        _sweep(run)
    done = {item.job for item in work if state(run.store.job(item.job), DONE, item.made_of)[0] == "done"}
    for job in done:
        shutil.rmtree(run.store.unfinished(job), ignore_errors=True)  # killed just before it was tidied
    open_work = [item for item in work if item.job not in done]
    run.distributed.barrier()  # every process has the same list before the first entry is done
    if run.distributed.is_worker:
        return _follow(run, open_work)
    label = f"jobs ({len(done)} already done)" if done else "jobs"
    outcomes = list(track(_begun(engine(run, open_work, track)), label, len(open_work)))
    failed = [outcome for outcome in outcomes if outcome.reason is not None]
    while busy := {outcome.job for outcome in outcomes if outcome.elsewhere}:
        left = [item for item in open_work if item.job in busy]
        outcomes = list(track(_once_free(run, left, track, engine), "jobs of another process", len(left)))
        failed += [outcome for outcome in outcomes if outcome.reason is not None]
    _sweep(run)
    for spec, task in _pairs(work):
        combine(run, spec, task)
    return failed


def _sweep(run: Run) -> None:
    """What killed processes left goes: those of earlier, and those that the engine has replaced."""
    remove_stale_files(run.store.root)
    if run.cache.root is not None:
        remove_stale_files(run.cache.root)


def _begun(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Without the jobs that are not begun any more since we were asked to come to an end."""
    return (outcome for outcome in outcomes if not (outcome.elsewhere and asked()))


def _once_free(run: Run, left: Sequence[JobSpec], track: Track, engine: Engine) -> Iterator[Outcome]:
    """What becomes of jobs that other processes were at, from when one of them is free again."""
    while all(owner_of(run.store.job(item.job)) for item in left):
        time.sleep(ASK)
    yield from _begun(engine(run, left, track))


def _follow(run: Run, open_work: Sequence[JobSpec]) -> list[Outcome]:
    """Take part in the trainings that processes share, and in nothing else."""
    for item in open_work:
        if not hasattr(run.make(item.spec, item.task), "set_context"):
            continue
        with suppress(LearnerError):  # the leader has the same error, and reports it
            learner = ready(run, item, silent)
            learner.fit(run.data.take(run.plan.fit_rows(item.job.fold)), item.task, item.job.seed)
    return []


def _pairs(work: Iterable[JobSpec]) -> list[tuple[LearnerSpec, Task]]:
    """Learner and task pairs touched by this work."""
    return list({(item.spec.name, item.task.name): (item.spec, item.task) for item in work}.values())


def combine(run: Run, spec: LearnerSpec, task: Task) -> bool:
    """Join the folds of a learner into its OOF and test probabilities; False where some fold is not done yet.

    OOF: each row from the fold model that never saw it, the mean over seeds. Test: the mean over all fold models.
    """
    folder = run.store.base(spec.name, task.name)
    work = list_work(run, [spec], [task], ())
    if any(state(run.store.job(item.job), DONE, item.made_of)[0] != "done" for item in work):
        return False
    made = {key: value for key, value in work[0].made_of.items() if key not in ("seed", "fold")}
    made_of = {**made, "seeds": list(run.seeds)}
    if state(folder, REPORT, made_of)[0] == "done":
        return True
    with run.store.lock():
        if state(folder, REPORT, made_of)[0] == "done":  # by another process since
            return True
        for item in work:
            check(run.store.job(item.job), DONE, item.made_of, "run the command again", hashed=TABLES)
        clear(folder)
        by_seed = []
        for seed in run.seeds:
            folders = [run.store.job(item.job) for item in work if item.job.seed == seed]
            by_seed.append(concatenate([read_predictions(path, "held_out", task) for path in folders]))
        inside = run.data.take(run.plan.cv_rows)
        oof = mean(by_seed).take(inside.ids)
        test = mean([read_predictions(run.store.job(item.job), "test", task) for item in work])
        write_predictions(folder, {"oof": oof, "test": test}, made_of)
        weights = join_weights([run.store.job(item.job) for item in work])
        write_weights(folder, weights)
        seconds = sum(read_json(run.store.job(item.job) / DONE)["seconds"] for item in work)
        card = score_card(task, oof, inside, run.plan.fold[run.plan.cv_rows], by_seed)
        facts = {"seconds": round(seconds, 3), "folds": "run", "oof": card, **run.size(spec.name, task)}
        tuned = {"tuned": tuning_note(run.best(spec, task))} if spec.tuned else {}
        seal(folder, REPORT, made_of, **facts, **read_weighted(weights), **tuned)
    return True
