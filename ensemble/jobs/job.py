"""One job: a learner fitted on the other folds, its probabilities of the held-out one kept, once."""

import errno
import os
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd

from ensemble.bound_learners import LearnerSpec, check_kind
from ensemble.data import Dataset, Task
from ensemble.errors import EnsembleError, FoldError, LearnerError, StoreError
from ensemble.jobs.modality_weights import mean_weights, predict_weights, write_modality_weights
from ensemble.jobs.usage import Meter
from ensemble.learner import (
    BaseLearner,
    HasCurve,
    PredictsSpread,
    Prepares,
    ReportsTraining,
    TakesDevelopment,
    TrainingContext,
    TrainsLong,
)
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.claims import Claim
from ensemble.system.files import unwritable, write_atomic
from ensemble.system.paths import relative_to
from ensemble.system.progress import Track, silent

BUG = "(a bug; its traceback is in"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class JobSpec:
    """A job and what its result will be made of."""

    job: Job
    spec: LearnerSpec
    task: Task
    provenance: Provenance


class Failure(TypedDict):
    """A failed job, as JSON."""

    job: str
    reason: str | None
    bug: bool


def cause_of(reason: str) -> str:
    """What failures by one cause share: their tracebacks lie in different places."""
    return reason.partition(f" {BUG}")[0]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: done; failed, for a ``reason``, by a ``bug`` in the learner; or
    ``claimed_elsewhere``, another process being at it."""

    job: Job
    reason: str | None = None
    claimed_elsewhere: bool = False
    seconds: float = 0.0
    bug: bool = False

    def as_json(self) -> Failure:
        """Of a failure."""
        return {"job": str(self.job), "reason": self.reason, "bug": self.bug}

    def describe(self, known: set[str]) -> str:
        """``fusion / sentiment / seed 0 / fold 2: done in 34 s``; a cause of failure is said once, then ``known``."""
        if self.claimed_elsewhere:
            return f"{self.job}: another process is at it"
        if self.reason is None:
            return f"{self.job}: done in {self.seconds:.0f} s"
        cause = cause_of(self.reason)
        said = ", as before" if cause in known else f": {self.reason}"
        known.add(cause)
        return f"{self.job}: failed{said}"


def list_work(run: Run, specs: Sequence[LearnerSpec], tasks: Sequence[Task], folds: Sequence[int]) -> list[JobSpec]:
    """Every job of these learners, tasks and folds (none named: all); learners outermost, so that what they share stays
    in memory. Raises FoldError for a fold the plan does not have, ConfigError for a learner that does not take a task's
    kind."""
    planned = range(run.plan.settings.k)
    for fold in folds:
        if fold not in planned:
            raise FoldError(f"There is no fold {fold}: the plan has folds 0 to {len(planned) - 1}.")
    for learner in specs:
        for task in tasks:
            check_kind(run.learners.bind(learner).example, task, f"base.{learner.name}")
    return [
        JobSpec(Job(spec.name, task.name, seed, fold), spec, task, provenance.of_job(seed, fold))
        for learner in specs
        for task in tasks
        for spec in [run.learners.pinned(learner, task)]
        for provenance in [run.learners.provenance(spec, task)]
        for seed in run.seeds
        for fold in folds or planned
    ]


def run_job(run: Run, job_spec: JobSpec, track: Track = silent, wait: bool = False) -> Outcome:
    """Do a job unless it is done, or another process is at it and we do not ``wait``.

    A job that fails does so for itself, also by a bug, whose traceback is recorded; raises StoreError where no other
    job would fare better: the disk is full, or the folder is gone.
    """
    with run.store.claim(job_spec.job, wait) as claim:
        if claim is None:
            return Outcome(job_spec.job, claimed_elsewhere=True)
        folder = run.store.job(job_spec.job)
        if folder.is_done(job_spec.provenance):  # finished by another process since
            return Outcome(job_spec.job)
        folder.clear()
        started = time.monotonic()
        try:
            with relative_to(run.home):
                ours = fit_and_predict(run, job_spec, claim, track)
            return Outcome(job_spec.job, claimed_elsewhere=not ours, seconds=time.monotonic() - started)
        except StoreError:
            raise
        except Exception as error:
            return record_failure(run, job_spec, error)


def record_failure(run: Run, job_spec: JobSpec, error: Exception) -> Outcome:
    """Record why a job failed; raises StoreError where it is the disk that did."""
    folder = run.store.job(job_spec.job)
    if isinstance(error, OSError) and error.errno in FULL:
        raise unwritable(Path(error.filename or folder.path), error) from error
    if any(os.strerror(number) in str(error) for number in FULL):  # as libraries say it that are not written in Python
        raise unwritable(folder.path, OSError(errno.ENOSPC, "")) from error
    bug = not isinstance(error, EnsembleError | OSError)
    reason = str(error) if isinstance(error, EnsembleError) else f"{type(error).__name__}: {error}"
    reason += f" {BUG} {folder.failure})" if bug else ""
    details = "".join(traceback.format_exception(error)) if bug else None
    folder.record_failure(job_spec.provenance, reason, details)
    return Outcome(job_spec.job, reason, bug=bug)


def fit_and_predict(run: Run, job_spec: JobSpec, claim: Claim, track: Track = silent) -> bool:
    """Fit on the other folds, predict the held-out fold and the rows outside all folds, save, commit.

    False where another process has taken us for dead meanwhile, and the job with it: what we have is thrown away.
    """
    started, meter = time.monotonic(), Meter(run.cache)
    folder, job = run.store.job(job_spec.job), job_spec.job
    unlabelled = run.data.without_labels()
    learner = prepare_learner(run, job_spec, track)
    meter.ready()
    fit_rows = run.plan.fit_rows(job.fold)
    learner.fit(run.data.take(fit_rows), job_spec.task, job.seed)
    rows = {"held_out": run.plan.held_out_rows(job.fold), "test": run.plan.outside_rows}
    parts = {name: predict(learner, job_spec, unlabelled.take(positions)) for name, positions in rows.items()}
    if not claim.held():
        return False
    folder.write(parts, job_spec.provenance)
    everywhere = np.concatenate([positions for positions in rows.values() if len(positions)])
    weights = predict_weights(learner, unlabelled.take(everywhere))
    write_modality_weights(folder.path, weights)
    if run.keep_models == "best":
        folder.model.mkdir(exist_ok=True)
        learner.save(folder.model)
    if not claim.held():
        return False
    training_info = learner.training_info() if isinstance(learner, ReportsTraining) else {}
    if isinstance(learner, HasCurve) and learner.curve():
        write_atomic(folder.curve, pd.DataFrame(learner.curve()).to_csv(index=False).encode())
    usage = meter.read(len(fit_rows), folder.model, folder.training)
    seconds = round(time.monotonic() - started, 3)
    folder.commit(job_spec.provenance, seconds=seconds, usage=usage, **mean_weights(weights), **training_info)
    folder.discard_training()
    return True


def prepare_learner(run: Run, job_spec: JobSpec, track: Track) -> BaseLearner:
    """A learner with what the optional methods of the protocol offer it."""
    learner = run.learners.make(job_spec.spec, job_spec.task)
    if isinstance(learner, Prepares):
        learner.prepare(run.data.without_labels(), run.cache)
    if isinstance(learner, TakesDevelopment) and len(run.plan.dev_rows):
        dev = run.data.take(run.plan.dev_rows)
        learner.set_development(dev.take(job_spec.task.target.known(dev.labels(job_spec.task))))
    if isinstance(learner, TrainsLong):
        job, folder = job_spec.job, run.store.job(job_spec.job)
        if not run.distributed.is_worker:
            folder.prepare_training(job_spec.provenance.with_parts(processes=run.distributed.size))
        name = f"{job.learner} {job.task} fold {job.fold}"
        learner.set_context(TrainingContext(folder.training, run.cache.batch_sizes, name, track))
    return learner


def predict(learner: BaseLearner, job_spec: JobSpec, data: Dataset) -> Predictions:
    """What a fitted learner says of these rows; raises LearnerError where its predictions have the wrong shape."""
    task = job_spec.task
    shape, method, spread = (len(data), len(task.columns)), task.target.method, None
    if not len(data):
        values = np.zeros(shape)
    elif isinstance(learner, PredictsSpread):
        method = "predict_with_spread"
        values, spread = learner.predict_with_spread(data)
    else:
        values = getattr(learner, method)(data)
        values = values[:, None] if values.ndim == 1 and len(task.columns) == 1 else values
    if values.shape != shape:
        raise LearnerError(f"{job_spec.job}: {method} gave shape {values.shape}, expected {shape}.")
    return Predictions(task, data.ids, values, spread)
