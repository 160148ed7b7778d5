"""All the jobs of a run, on whatever engine; then out-of-fold probabilities joined from the folds."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Task
from ensemble.errors import LearnerError
from ensemble.jobs.job import JobSpec, Outcome, list_work, prepare_learner, run_job
from ensemble.jobs.modality_weights import join_weights, mean_weights, write_modality_weights
from ensemble.jobs.worker import Transform
from ensemble.learner import ChecksModels, TrainsLong
from ensemble.predictions import Predictions, concatenate, mean
from ensemble.result_folder import TABLES
from ensemble.run import Run
from ensemble.scoring import score_card
from ensemble.store import Job, LearnerFolder
from ensemble.system.claims import ASK, owner_of
from ensemble.system.interruption import asked
from ensemble.system.paths import relative_to
from ensemble.system.progress import Track, silent
from ensemble.system.stale_files import remove_stale_files
from ensemble.tuned import tuning_note


class Engine(Protocol):
    """Runs jobs, in any order and in any process, and yields what became of each; never two at once of one job."""

    def __call__(self, run: Run, work: Sequence[JobSpec], track: Track) -> Iterator[Outcome]: ...


@runtime_checkable
class OpensRuns(Engine, Protocol):
    """An engine whose processes open the run for themselves."""

    def with_transform(self, transform: Transform) -> Engine:
        """The same engine for a transformed run."""
        ...


def sequential(run: Run, work: Sequence[JobSpec], track: Track) -> Iterator[Outcome]:
    """One after the other, in this process."""
    for job_spec in work:
        yield run_job(run, job_spec, track, wait=run.distributed.size > 1)


def with_transform(engine: Engine, transform: Transform) -> Engine:
    """The engine for a transformed run; one that works in this process is given that run itself."""
    return engine.with_transform(transform) if isinstance(engine, OpensRuns) else engine


def train(run: Run, work: Sequence[JobSpec], track: Track = silent, engine: Engine = sequential) -> list[Outcome]:
    """Do what is not done; the jobs that failed. What another process is at, is waited for at the end."""
    if not run.distributed.is_worker:
        _remove_stale_files(run)
    done = {job_spec.job for job_spec in work if run.store.job(job_spec.job).is_done(job_spec.provenance)}
    for job in done:
        run.store.job(job).discard_training()  # killed just before it was tidied
    open_work = [job_spec for job_spec in work if job_spec.job not in done]
    run.distributed.barrier()  # every process has the same list before the first entry is done
    if run.distributed.is_worker:
        return _join_training(run, open_work)
    label = f"jobs ({len(done)} already done)" if done else "jobs"
    outcomes = list(track(_begun(engine(run, open_work, track)), label, len(open_work)))
    failures = [outcome for outcome in outcomes if outcome.reason is not None]
    while claimed := {outcome.job for outcome in outcomes if outcome.claimed_elsewhere}:
        waiting = [job_spec for job_spec in open_work if job_spec.job in claimed]
        outcomes = list(track(_once_free(run, waiting, track, engine), "jobs of another process", len(waiting)))
        failures += [outcome for outcome in outcomes if outcome.reason is not None]
    _remove_stale_files(run)
    for spec, task in _pairs(work):
        join_folds(run, spec, task)
    return failures


def check_models(run: Run, work: Sequence[JobSpec]) -> None:
    """Raises LearnerError where a published model that open jobs need cannot be had: once, before the first of them."""
    undone = [job_spec for job_spec in work if not run.store.job(job_spec.job).is_done(job_spec.provenance)]
    for spec, task in _pairs(undone):
        learner = run.learners.bind(spec, task).example
        try:
            with relative_to(run.home):
                if isinstance(learner, ChecksModels):
                    learner.check_models(run.data.without_labels(), run.cache)
        except LearnerError as error:
            raise LearnerError(f"base.{spec.name}: {error}") from error


def _remove_stale_files(run: Run) -> None:
    """What killed processes left goes: those of earlier, and those that the engine has replaced."""
    remove_stale_files(run.store.root)
    if run.cache.root is not None:
        remove_stale_files(run.cache.root)


def _begun(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Without the jobs that are not begun any more since we were asked to come to an end."""
    return (outcome for outcome in outcomes if not (outcome.claimed_elsewhere and asked()))


def _once_free(run: Run, waiting: Sequence[JobSpec], track: Track, engine: Engine) -> Iterator[Outcome]:
    """What becomes of jobs that other processes were at, from when one of them is free again."""
    while all(owner_of(run.store.job(job_spec.job).path) for job_spec in waiting):
        time.sleep(ASK)
    yield from _begun(engine(run, waiting, track))


def _join_training(run: Run, open_work: Sequence[JobSpec]) -> list[Outcome]:
    """Take part in the trainings that processes share, and in nothing else."""
    for job_spec in open_work:
        if not isinstance(run.learners.make(job_spec.spec, job_spec.task), TrainsLong):
            continue
        with suppress(LearnerError), relative_to(run.home):  # the leader has the same error, and reports it
            learner = prepare_learner(run, job_spec, silent)
            learner.fit(run.data.take(run.plan.fit_rows(job_spec.job.fold)), job_spec.task, job_spec.job.seed)
    return []


def _pairs(work: Iterable[JobSpec]) -> list[tuple[LearnerSpec, Task]]:
    """Learner and task pairs touched by this work."""
    pairs = {(job_spec.spec.name, job_spec.task.name): (job_spec.spec, job_spec.task) for job_spec in work}
    return list(pairs.values())


def join_folds(run: Run, spec: LearnerSpec, task: Task) -> bool:
    """Join the folds of a learner into its OOF and test predictions; False where some fold is not done yet."""
    folder = run.store.base(spec.name, task.name)
    work = list_work(run, [spec], [task], ())
    if not all(run.store.job(job_spec.job).is_done(job_spec.provenance) for job_spec in work):
        return False
    provenance = work[0].provenance.of_all_folds(run.seeds)
    if folder.is_done(provenance):
        return True
    with run.store.lock():
        if not folder.is_done(provenance):  # by another process since
            _join(run, folder, spec, work)
    return True


def _join(run: Run, folder: LearnerFolder, spec: LearnerSpec, work: Sequence[JobSpec]) -> None:
    """OOF: each row from the fold model that never saw it, the mean over seeds. Test: the mean over all fold models."""
    task, jobs = work[0].task, {job_spec.job: run.store.job(job_spec.job) for job_spec in work}
    records = [
        jobs[job_spec.job].verify(job_spec.provenance, "run the command again", hashed=TABLES) for job_spec in work
    ]
    folder.clear()
    oof_by_seed, test_by_seed = predictions_by_seed(run, spec.name, task)
    inside, dev_rows = run.data.take(run.plan.cv_rows), run.data.take(run.plan.dev_rows)
    oof = mean(oof_by_seed).take(inside.ids)
    test = mean([result.read("test", task) for result in jobs.values()])
    provenance = work[0].provenance.of_all_folds(run.seeds)
    folder.write({"oof": oof, "test": test}, provenance)
    weights = join_weights([result.path for result in jobs.values()])
    write_modality_weights(folder.path, weights)
    seconds = round(sum(record["seconds"] for record in records), 3)
    card = score_card(task, oof, inside, run.plan.fold[run.plan.cv_rows], oof_by_seed)
    dev = {"dev": score_card(task, test, dev_rows, seeds=test_by_seed)} if len(dev_rows) else {}
    facts = {"seconds": seconds, "folds": "run", "oof": card, **dev, **run.results.size(spec.name, task)}
    tuned = {"tuned": tuning_note(run.learners.best(spec, task))} if spec.tuned else {}
    folder.commit(provenance, **facts, **mean_weights(weights), **tuned)


def predictions_by_seed(run: Run, learner: str, task: Task) -> tuple[list[Predictions], list[Predictions]]:
    """What the finished jobs of each seed say: of rows inside the folds, each by the model that never saw it; of those
    outside, the mean over fold models."""
    jobs = [[run.store.job(Job(learner, task.name, seed, k)) for k in range(run.plan.settings.k)] for seed in run.seeds]
    inside = [concatenate([folder.read("held_out", task) for folder in folders]) for folders in jobs]
    return inside, [mean([folder.read("test", task) for folder in folders]) for folders in jobs]
