"""One trial: the learner with other parameters, evaluated fold by fold, and ended where it is hopeless."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError, LearnerError, StoreError
from ensemble.jobs.job import list_work
from ensemble.jobs.train import Engine, train, with_transform
from ensemble.metrics import metric_of, score
from ensemble.predictions import Predictions, concatenate
from ensemble.run import Run
from ensemble.scoring import difference, metric_input
from ensemble.store import Job
from ensemble.system.progress import Track
from ensemble.tuned import overlay

KEPT_OUT = 0  # the fold that nested folds see nothing of


@dataclass(frozen=True)
class Split:
    """On what trials are evaluated: "nested" folds within all folds but the first; the first so many of the run's
    folds; "all" of them."""

    folds: str | int = "nested"
    seed: int = 0

    def trained(self, run: Run) -> Sequence[int]:
        """The folds of a trial; raises ConfigError where the run has fewer."""
        k = run.plan.settings.k
        if isinstance(self.folds, int) and self.folds > k:
            raise ConfigError(f"tune: folds = {self.folds}, and the run has {k}.")
        return range(self.folds if isinstance(self.folds, int) else k)

    def validation_folds(self, run: Run) -> list[int]:
        """The folds of the run whose rows the scores are of."""
        return [fold for fold in self.trained(run) if self.folds != "nested" or fold != KEPT_OUT]

    def covers(self, run: Run) -> bool:
        """Whether a finished trial has out-of-fold probabilities for the stack."""
        return self.folds != "nested" and len(self.trained(run)) == run.plan.settings.k


@dataclass(frozen=True)
class TrialRun:
    """Changes a run to one of a single learner with ``params`` (JSON) over its parameters. Its results are kept under
    what they are made of, so equal parameters are trained once, whichever trials have them."""

    learner: str
    task: str
    params: str
    split: Split

    def __call__(self, run: Run) -> Run:
        spec = run.learners.spec(self.learner)
        spec = replace(spec, params=overlay(spec.params, json.loads(self.params)), tuned=False)
        plan = run.plan.nested(run.data, KEPT_OUT, self.split.seed) if self.split.folds == "nested" else run.plan
        tried = replace(run, plan=plan, specs=(spec,), seeds=run.seeds[:1], keep_models="none")
        name = tried.learners.settings(spec, run.data.task(self.task)).fingerprint(seed=tried.seeds[0])[:16]
        return replace(tried, store=run.store.trial(self.learner, self.task, name))


def evaluate_trial(
    run: Run, tried: TrialRun, best: TrialRun | None, track: Track, engine: Engine, at_once: int = 1
) -> Iterator[tuple[list[float], bool]]:
    """Train a trial fold by fold (``at_once`` at a time): the new scores, and whether it is hopeless by now beside the
    ``best`` trial. Raises LearnerError where a fold fails."""
    alone = tried(run)
    rival = None if best is None else best(run)
    task = alone.data.task(tried.task)
    folds = list(tried.split.trained(run))
    ours: list[Predictions] = []
    theirs: list[Predictions] = []  # the best trial's, of the same folds
    for start in range(0, len(folds), at_once):
        new = folds[start : start + at_once]
        train_folds(run, tried, new, track, engine)
        ours += [_held_out(alone, task, fold) for fold in new]
        hopeless = False
        if rival is not None and start + at_once < len(folds):
            try:
                theirs += [_held_out(rival, task, fold) for fold in new]
                hopeless = is_worse(alone.data, concatenate(ours), concatenate(theirs))
            except StoreError:  # the best one was done elsewhere, or is cleaned away
                rival = None
        yield [fold_score(alone.data, predictions) for predictions in ours[start:]], hopeless


def train_folds(run: Run, tried: TrialRun, folds: Sequence[int], track: Track, engine: Engine) -> None:
    """Train these folds of a trial, or all, as far as they are not; raises LearnerError where one fails."""
    alone = tried(run)
    work = list_work(alone, alone.specs, [alone.data.task(tried.task)], folds)
    there = with_transform(engine, tried)
    # The folds of a trial are not shown one by one; how far a training is, is.
    failures = train(alone, work, engine=lambda changed, jobs, _: there(changed, jobs, track))
    if failures:
        raise LearnerError(failures[0].reason or "failed")


def fold_score(data: Dataset, predictions: Predictions) -> float:
    """The task's metric on the predicted rows, by arg max where it judges labels."""
    metric, rows = metric_of(predictions.task), _rows(data, predictions)
    return score(metric, rows.labels(predictions.task), metric_input(predictions.take(rows.ids), metric))


def why_no_score(run: Run, task: Task, split: Split) -> str:
    """What keeps a task's metric from having a value in any fold that trials are evaluated on."""
    labels = run.data.labels(task)[np.isin(run.plan.fold, split.validation_folds(run))]
    known = labels[task.target.known(labels)]
    if not len(known):
        return f"no row it was evaluated on has a label of {task.name}"
    if task.kind != "classification":
        return f"{task.metric} of {task.name} has no value in any fold it was evaluated on"
    present = [task.classes[code] for code in np.unique(known)]
    found = f"the {len(known)} rows it was evaluated on have only one class, {present[0]!r}"
    if len(present) > 1:
        found = "each fold it was evaluated on has rows of only one class"
    return f"{task.metric} of {task.name} compares classes, and {found}; take another metric"


def is_worse(data: Dataset, ours: Predictions, theirs: Predictions) -> bool:
    """Whether we are worse beyond noise on the rows that both predicted: the 95 % interval of the paired differences,
    copies of a post together, lies below zero.

    Row by row there is more to see than in a handful of fold scores: Optuna's WilcoxonPruner, which has only these,
    cannot act before the third fold (at p = .2; before the fourth at .1). ``benchmarks/pruning.py`` compares them.
    """
    task, rows = ours.task, _rows(data, ours)
    pair = ours.take(rows.ids), theirs.take(rows.ids)
    interval = difference(metric_of(task), rows.labels(task), rows.groups, *pair)
    return interval["high"] is not None and interval["high"] < 0


def _rows(data: Dataset, predictions: Predictions) -> Dataset:
    return data.take(data.frame["id"].isin(predictions.ids).to_numpy())


def seconds_of(run: Run, task: Task, folds: Sequence[int]) -> float:
    """What a trial's folds took, whenever they were done."""
    records = [run.store.job(_job(run, task, fold)).read_record() for fold in folds]
    return round(sum(record["seconds"] for record in records), 3)


def _held_out(run: Run, task: Task, fold: int) -> Predictions:
    return run.store.job(_job(run, task, fold)).read("held_out", task)


def _job(run: Run, task: Task, fold: int) -> Job:
    return Job(run.specs[0].name, task.name, run.seeds[0], fold)
