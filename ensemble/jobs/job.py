"""One job: a learner fitted on the other folds, its probabilities of the held-out one kept, once."""

import errno
import os
import shutil
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.errors import EnsembleError, FoldError, LearnerError, StoreError
from ensemble.jobs.modality_weights import weigh, write_weights
from ensemble.jobs.usage import Meter
from ensemble.learner import BaseLearner, TrainingContext
from ensemble.predictions import Predictions
from ensemble.run import LearnerSpec, Run
from ensemble.store import (
    CURVE,
    DONE,
    FAILED,
    Job,
    clear,
    reserve,
    seal,
    state,
    write_predictions,
)
from ensemble.system.claims import Claim
from ensemble.system.files import unwritable, write_atomic, write_json
from ensemble.system.progress import Track, silent

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class JobSpec:
    """A job and what its result will be made of."""

    job: Job
    spec: LearnerSpec
    task: Task
    made_of: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: done; failed, for a ``reason``, by a ``bug`` in the learner; or ``elsewhere``, another
    process being at it."""

    job: Job
    reason: str | None = None
    elsewhere: bool = False
    seconds: float = 0.0
    bug: bool = False

    def as_json(self) -> dict[str, Any]:
        """Of a failure."""
        return {"job": str(self.job), "reason": self.reason, "bug": self.bug}

    def said(self) -> str:
        """``fusion / sentiment / seed 0 / fold 2: done in 34 s``"""
        if self.elsewhere:
            return f"{self.job}: another process is at it"
        return f"{self.job}: {f'failed: {self.reason}' if self.reason else f'done in {self.seconds:.0f} s'}"


def list_work(run: Run, specs: Sequence[LearnerSpec], tasks: Sequence[Task], folds: Sequence[int]) -> list[JobSpec]:
    """Every job of these learners, tasks and folds (none named: all); learners outermost, so that what they share stays
    in memory. Raises FoldError for a fold the plan does not have."""
    planned = range(run.plan.settings.k)
    for fold in folds:
        if fold not in planned:
            raise FoldError(f"There is no fold {fold}: the plan has folds 0 to {len(planned) - 1}.")
    return [
        JobSpec(Job(spec.name, task.name, seed, fold), spec, task, {**made_of, "seed": seed, "fold": fold})
        for learner in specs
        for task in tasks
        for spec in [run.pinned(learner, task)]
        for made_of in [run.made_of(spec, task)]
        for seed in run.seeds
        for fold in folds or planned
    ]


def attempt(run: Run, item: JobSpec, track: Track = silent, wait: bool = False) -> Outcome:
    """Do a job unless it is done, or another process is at it and we do not ``wait``.

    A job that fails does so for itself, also by a bug, whose traceback is recorded; raises StoreError where no other
    job would fare better: the disk is full, or the folder is gone.
    """
    with run.store.claim(item.job, wait) as claim:
        if claim is None:
            return Outcome(item.job, elsewhere=True)
        folder = run.store.job(item.job)
        if state(folder, DONE, item.made_of)[0] == "done":  # finished by another process since
            return Outcome(item.job)
        clear(folder)
        started = time.monotonic()
        try:
            ours = run_job(run, item, claim, track)
            return Outcome(item.job, elsewhere=not ours, seconds=time.monotonic() - started)
        except StoreError:
            raise
        except Exception as error:
            return failed(run, item, error)


def failed(run: Run, item: JobSpec, error: Exception) -> Outcome:
    """Record why a job failed; raises StoreError where it is the disk that did."""
    folder = run.store.job(item.job)
    if isinstance(error, OSError) and error.errno in FULL:
        raise unwritable(Path(error.filename or folder), error) from error
    if any(os.strerror(number) in str(error) for number in FULL):  # as libraries say it that are not written in Python
        raise unwritable(folder, OSError(errno.ENOSPC, "")) from error
    record, bug = folder / FAILED, not isinstance(error, EnsembleError | OSError)
    reason = str(error) if isinstance(error, EnsembleError) else f"{type(error).__name__}: {error}"
    details = {"traceback": "".join(traceback.format_exception(error))} if bug else {}
    reason += f" (a bug; its traceback is in {record})" if bug else ""
    write_json(record, {"made_of": item.made_of, "reason": reason, **details})
    return Outcome(item.job, reason, bug=bug)


def run_job(run: Run, item: JobSpec, claim: Claim, track: Track = silent) -> bool:
    """Fit on the other folds, predict the held-out fold and the rows outside all folds, save, seal.

    False where another process has taken us for dead meanwhile, and the job with it: what we have is thrown away.
    """
    started, meter = time.monotonic(), Meter(run.cache)
    folder = run.store.job(item.job)
    unlabelled = run.data.without_labels()
    learner = ready(run, item, track)
    meter.ready()
    fit_rows = run.plan.fit_rows(item.job.fold)
    learner.fit(run.data.take(fit_rows), item.task, item.job.seed)
    rows = {"held_out": run.plan.held_out_rows(item.job.fold), "test": run.plan.test_rows}
    parts = {name: predict(learner, item, unlabelled.take(positions)) for name, positions in rows.items()}
    if not claim.held():
        return False
    write_predictions(folder, parts, item.made_of)
    everywhere = np.concatenate([positions for positions in rows.values() if len(positions)])
    write_weights(folder, weigh(learner, unlabelled.take(everywhere)))
    if run.keep_models == "best":
        (folder / "model").mkdir(exist_ok=True)
        learner.save(folder / "model")
    if not claim.held():
        return False
    facts = learner.facts() if hasattr(learner, "facts") else {}
    if hasattr(learner, "curve") and learner.curve():
        write_atomic(folder / CURVE, pd.DataFrame(learner.curve()).to_csv(index=False).encode())
    usage = meter.read(len(fit_rows), folder / "model", run.store.unfinished(item.job))
    seal(folder, DONE, item.made_of, seconds=round(time.monotonic() - started, 3), usage=usage, **facts)
    shutil.rmtree(run.store.unfinished(item.job), ignore_errors=True)
    return True


def ready(run: Run, item: JobSpec, track: Track) -> BaseLearner:
    """A learner with what the optional methods of the protocol offer it."""
    learner = run.make(item.spec, item.task)
    if hasattr(learner, "prepare"):
        learner.prepare(run.data.without_labels(), run.cache)
    if hasattr(learner, "set_context"):
        unfinished = run.store.unfinished(item.job)
        if not run.distributed.is_worker:
            reserve(unfinished, {**item.made_of, "processes": run.distributed.size})
        memory = None if run.cache.root is None else run.cache.root / "batch-sizes.json"
        learner.set_context(
            TrainingContext(unfinished, memory, f"{item.job.learner} {item.job.task} fold {item.job.fold}", track)
        )
    return learner


def predict(learner: BaseLearner, item: JobSpec, data: Dataset) -> Predictions:
    """What a fitted learner says of these rows; raises LearnerError where its probabilities have the wrong shape."""
    shape = (len(data), len(item.task.classes))
    spread = None
    if not len(data):
        values = np.zeros(shape)
    elif hasattr(learner, "predict_with_spread"):
        values, spread = learner.predict_with_spread(data)
    else:
        values = learner.predict_proba(data)
    if values.shape != shape:
        raise LearnerError(f"{item.job}: predict_proba gave shape {values.shape}, expected {shape}.")
    return Predictions(item.task, data.ids, values, spread)
