"""Training: every job once, finished work never again, then out-of-fold probabilities joined from the pieces."""

import errno
import shutil
import time
import traceback
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.errors import EnsembleError, FoldError, LearnerError, StoreError
from ensemble.files import read_json, unwritable, write_atomic, write_json
from ensemble.learner import BaseLearner, Workspace
from ensemble.modality_weights import join_weights, weigh, weighed, write_weights
from ensemble.predictions import Predictions, concatenate, mean
from ensemble.progress import Track, silent
from ensemble.run import Run, Spec
from ensemble.scoring import per_seed, score_card
from ensemble.store import (
    CURVE,
    DONE,
    FAILED,
    REPORT,
    Job,
    clear,
    read_predictions,
    reserve,
    seal,
    state,
    write_predictions,
)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class Work:
    """A job and what its result will be made of."""

    job: Job
    spec: Spec
    task: Task
    made_of: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    job: Job
    reason: str


def list_work(run: Run, specs: Sequence[Spec], tasks: Sequence[Task], folds: Sequence[int]) -> list[Work]:
    """Every job of these learners, tasks and folds (none named: all); learners outermost, so that what they share stays
    in memory. Raises FoldError for a fold the plan does not have."""
    planned = range(run.plan.settings.k)
    for fold in folds:
        if fold not in planned:
            raise FoldError(f"There is no fold {fold}: the plan has folds 0 to {len(planned) - 1}.")
    return [
        Work(Job(spec.name, task.name, seed, fold), spec, task, {**made_of, "seed": seed, "fold": fold})
        for spec in specs
        for task in tasks
        for made_of in [run.made_of(spec, task)]
        for seed in run.seeds
        for fold in folds or planned
    ]


def train(run: Run, work: Sequence[Work], track: Track = silent) -> list[Failure]:
    """Do what is not done. A failing job stops no other; what another process is at, is waited for at the end."""
    done = {item.job for item in work if state(run.store.job(item.job), DONE, item.made_of)[0] == "done"}
    for job in done:
        shutil.rmtree(run.store.unfinished(job), ignore_errors=True)  # killed just before it was tidied
    open_work = [item for item in work if item.job not in done]
    run.peers.meet()  # every process has the same list before the first entry is done
    if run.peers.follows:
        return _follow(run, open_work)
    finished = len(work) - len(open_work)
    label = f"jobs ({finished} already done)" if finished else "jobs"
    failures: list[Failure] = []
    elsewhere: list[Work] = []
    for item in track(open_work, label, len(open_work)):
        with run.store.claim(item.job, wait=run.peers.size > 1) as claimed:
            if claimed:
                failures += _attempt(run, item, track)
            else:
                elsewhere.append(item)
    for item in track(elsewhere, "jobs of another process", len(elsewhere)) if elsewhere else ():
        with run.store.claim(item.job, wait=True):
            failures += _attempt(run, item, track)
    for spec, task in _pairs(work):
        combine(run, spec, task)
    return failures


def _follow(run: Run, open_work: Sequence[Work]) -> list[Failure]:
    """Take part in the trainings that processes share, and in nothing else."""
    for item in open_work:
        if not hasattr(run.make(item.spec), "work_in"):
            continue
        with suppress(LearnerError):  # the leader has the same error, and reports it
            learner = _ready(run, item, silent)
            learner.fit(run.data.take(run.plan.fit_rows(item.job.fold)), item.task, item.job.seed)
    return []


def _attempt(run: Run, item: Work, track: Track) -> list[Failure]:
    folder = run.store.job(item.job)
    if state(folder, DONE, item.made_of)[0] == "done":  # finished by another process since
        return []
    clear(folder)
    try:
        run_job(run, item, track)
        return []
    except StoreError:
        raise  # the disk is full or the folder is gone: no other job would fare better
    except OSError as error:
        if error.errno in FULL:
            raise unwritable(Path(error.filename or folder), error) from error
        return [_failed(run, item, f"{type(error).__name__}: {error}")]
    except EnsembleError as error:
        return [_failed(run, item, str(error))]
    except Exception as error:
        _failed(run, item, f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
        raise


def _failed(run: Run, item: Work, reason: str, **details: str) -> Failure:
    write_json(run.store.job(item.job) / FAILED, {"made_of": item.made_of, "reason": reason, **details})
    return Failure(item.job, reason)


def run_job(run: Run, item: Work, track: Track = silent) -> None:
    """Fit on the other folds, predict the held-out fold and the rows outside all folds, save, seal."""
    started = time.monotonic()
    folder = run.store.job(item.job)
    unlabelled = run.data.without_labels()
    learner = _ready(run, item, track)
    learner.fit(run.data.take(run.plan.fit_rows(item.job.fold)), item.task, item.job.seed)
    rows = {"held_out": run.plan.held_out_rows(item.job.fold), "test": run.plan.outside}
    parts = {name: predict(learner, item, unlabelled.take(positions)) for name, positions in rows.items()}
    write_predictions(folder, parts, item.made_of)
    everywhere = np.concatenate([positions for positions in rows.values() if len(positions)])
    write_weights(folder, weigh(learner, unlabelled.take(everywhere)))
    if run.keep_models == "best":
        (folder / "model").mkdir(exist_ok=True)
        learner.save(folder / "model")
    facts = learner.facts() if hasattr(learner, "facts") else {}
    if hasattr(learner, "curve") and learner.curve():
        write_atomic(folder / CURVE, pd.DataFrame(learner.curve()).to_csv(index=False).encode())
    seal(folder, DONE, item.made_of, seconds=round(time.monotonic() - started, 3), **facts)
    shutil.rmtree(run.store.unfinished(item.job), ignore_errors=True)


def _ready(run: Run, item: Work, track: Track) -> BaseLearner:
    """A learner with what the optional methods of the protocol offer it."""
    learner = run.make(item.spec)
    if hasattr(learner, "prepare"):
        learner.prepare(run.data.without_labels(), run.cache)
    if hasattr(learner, "work_in"):
        unfinished = run.store.unfinished(item.job)
        if not run.peers.follows:
            reserve(unfinished, {**item.made_of, "processes": run.peers.size})
        memory = None if run.cache.root is None else run.cache.root / "batch-sizes.json"
        learner.work_in(
            Workspace(unfinished, memory, f"{item.job.learner} {item.job.task} fold {item.job.fold}", track)
        )
    return learner


def predict(learner: BaseLearner, item: Work, data: Dataset) -> Predictions:
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


def _pairs(work: Iterable[Work]) -> list[tuple[Spec, Task]]:
    """Learner and task pairs touched by this work."""
    return list({(item.spec.name, item.task.name): (item.spec, item.task) for item in work}.values())


def combine(run: Run, spec: Spec, task: Task) -> bool:
    """Join the folds of a learner into its OOF and test probabilities; False where some fold is not done yet.

    OOF: each row from the fold model that never saw it, the mean over seeds. Test: the mean over all fold models.
    """
    folder = run.store.base(spec.name, task.name)
    work = list_work(run, [spec], [task], ())
    if any(state(run.store.job(item.job), DONE, item.made_of)[0] != "done" for item in work):
        return False
    made_of = {**run.made_of(spec, task), "seeds": list(run.seeds)}
    with run.store.lock():
        if state(folder, REPORT, made_of)[0] == "done":
            return True
        clear(folder)
        by_seed = []
        for seed in run.seeds:
            folders = [run.store.job(item.job) for item in work if item.job.seed == seed]
            by_seed.append(concatenate([read_predictions(path, "held_out", task) for path in folders]))
        inside = run.data.take(run.plan.inside)
        oof = mean(by_seed).take(inside.ids)
        test = mean([read_predictions(run.store.job(item.job), "test", task) for item in work])
        write_predictions(folder, {"oof": oof, "test": test}, made_of)
        weights = join_weights([run.store.job(item.job) for item in work])
        write_weights(folder, weights)
        seconds = sum(read_json(run.store.job(item.job) / DONE)["seconds"] for item in work)
        card = {**score_card(task, oof, inside, run.plan.fold[run.plan.inside]), **per_seed(task, by_seed, inside)}
        facts = {"seconds": round(seconds, 3), "folds": "run", "oof": card, **run.size(spec.name, task)}
        seal(folder, REPORT, made_of, **facts, **weighed(weights))
    return True
