"""What a study found: the best trial for training, the best few for the stack, all of them as a table."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ensemble.bound_learners import LearnerSpec, flatten
from ensemble.data import Task
from ensemble.errors import ConfigError
from ensemble.jobs.importing import bring_in
from ensemble.jobs.job import BUG, Failure
from ensemble.jobs.train import Engine
from ensemble.metrics import metric_of, score
from ensemble.modalities import describe
from ensemble.provenance import Provenance
from ensemble.records import BestTrial
from ensemble.run import Run
from ensemble.scoring import baseline, metric_input
from ensemble.system.files import write_json
from ensemble.system.folders import delete_path
from ensemble.system.locks import hold
from ensemble.system.progress import Track
from ensemble.tuned import tuning_note
from ensemble.tuning.search import Search
from ensemble.tuning.study import PARAMS, REASON, SECONDS, TRAINED, Params, attributes
from ensemble.tuning.trial import KEPT_OUT, train_folds

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class FoldScores(TypedDict):
    """Mean and deviation of a trial's ``values``, one for each fold that has one; None where there are too few."""

    score: float | None
    std: float | None
    values: list[float]


@dataclass(frozen=True)
class TrialRow:
    """A trial: "done", "pruned", or "failed" for a ``reason``; ``params`` are those that are not as configured."""

    trial: int
    state: str
    score: float | None
    std: float | None
    values: list[float]
    folds: int
    seconds: float
    params: Params
    reason: str | None


@dataclass(frozen=True)
class StudySummary:
    """``trials`` from best to worst, how many were ``pruned`` and the seconds that saved.

    The scores are of ``rows`` rows, in so many ``folds`` of a trial, from the folds ``judged`` of the run; nothing of
    the ``unseen`` ones was looked at. ``best`` is where the best trial is written down; ``kept`` are the base learners
    made of the best few. ``baseline`` is what knows the labels alone scores in the same way.
    """

    learner: str
    task: str
    metric: str
    study: str
    split: str | int
    folds: int
    judged: list[int]
    unseen: list[int]
    rows: int
    baseline: FoldScores
    baseline_name: str
    trials: list[TrialRow]
    pruned: int
    saved: float
    best: str | None
    kept: list[str]

    def failures(self) -> list[Failure]:
        """The trials, where all have failed: then nothing was found."""
        if any(trial.state != "failed" for trial in self.trials):
            return []
        reasons = {f"{self.learner} / {self.task} / trial {trial.trial}": trial.reason or "" for trial in self.trials}
        return [{"job": name, "reason": reason, "bug": BUG in reason} for name, reason in reasons.items()]


def write_best(search: Search) -> None:
    """The best trial so far: its parameters, its score, and on what it was evaluated."""
    with hold(search.study.folder):
        best = search.study.best()
        if best is not None:
            write_json(_best_trial(search), {**_record(search, best)})


def _best_trial(search: Search) -> Path:
    return search.run.store.best_trial(search.spec.name, search.task.name)


def _record(search: Search, trial: "FrozenTrial") -> BestTrial:
    run = search.run
    judged, scores = search.split.validation_folds(run), _scores(trial)
    states = [trial.state.name for trial in search.study.trials()]
    return {
        "params": attributes(trial)[PARAMS],
        "study": search.study.name,
        "trial": trial.number,
        "score": scores["score"],
        "std": scores["std"],
        "values": scores["values"],
        "metric": search.task.metric,
        "folds": search.split.folds,
        "judged": judged,
        "rows": int(np.isin(run.plan.fold, judged).sum()),
        "trials": len(states),
        "pruned": states.count("PRUNED"),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_of": dict(run.learners.settings(search.spec, search.task).parts),
    }


def _scores(trial: "FrozenTrial") -> FoldScores:
    return _fold_scores([value for _, value in sorted(trial.intermediate_values.items())])


def _fold_scores(values: list[float]) -> FoldScores:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"score": float(np.mean(values)) if values else None, "std": deviation, "values": values}


def study_summary(search: Search, kept: Sequence[str] = ()) -> StudySummary:
    """Every finished trial; ``kept`` are names of base learners made of the best."""
    run, folds = search.run, len(search.split.trained(search.run))
    rows = [_row(search, trial) for trial in search.study.trials()]
    pruned = [row for row in rows if row.state == "pruned"]
    judged = search.split.validation_folds(run)
    return StudySummary(
        learner=search.spec.name,
        task=search.task.name,
        metric=search.task.metric,
        study=search.study.name,
        split=search.split.folds,
        folds=folds,
        judged=judged,
        unseen=[fold for fold in range(run.plan.settings.k) if fold not in judged],
        rows=int(np.isin(run.plan.fold, judged).sum()),
        baseline=_baseline(search),
        baseline_name=search.task.target.baseline,
        trials=rows,
        pruned=len(pruned),
        saved=round(sum(row.seconds / row.folds * (folds - row.folds) for row in pruned if row.folds), 3),
        best=str(_best_trial(search)) if search.study.best() else None,
        kept=list(kept),
    )


def _baseline(search: Search) -> FoldScores:
    """The scores of what knows the labels of the judged rows alone, fold by fold of a trial."""
    run, task = search.run, search.task
    tried = run.plan.nested(run.data, KEPT_OUT, search.split.seed) if search.split.folds == "nested" else run.plan
    rows = [tried.held_out_rows(fold) for fold in search.split.trained(run)]
    labels = run.data.labels(task)
    constant, metric = baseline(task, run.data, labels[np.concatenate(rows)]), metric_of(task)
    values = metric_input(constant, metric)
    return _fold_scores([found for held in rows if np.isfinite(found := score(metric, labels[held], values[held]))])


def _row(search: Search, trial: "FrozenTrial") -> TrialRow:
    known = attributes(trial)
    params = flatten(known.get(PARAMS, {}))
    return TrialRow(
        trial=trial.number,
        state={"COMPLETE": "done", "PRUNED": "pruned"}.get(trial.state.name, "failed"),
        **_scores(trial),
        folds=known.get(TRAINED, 0),
        seconds=known.get(SECONDS, 0.0),
        params={path: value for path, value in params.items() if value != search.params.get(path)},
        reason=known.get(REASON),
    )


def keep(search: Search, count: int, track: Track, engine: Engine) -> list[str]:
    """Make the best finished trials base learners of the run, instead of those kept before; their names.

    The one whose parameters the learner itself is trained with is left out: the best, where it is tuned, else the one
    as set. Folds that are cleaned away, or were done by somebody with another run folder, are trained again; raises
    LearnerError where one fails.
    """
    run, task, learner = search.run, search.task, search.spec.name
    done = [trial for trial in search.study.trials() if trial.state.name == "COMPLETE"]
    distinct = {search.tried(attributes(trial)[PARAMS]): trial for trial in reversed(done)}
    ranked = [trial for trial in done if trial in distinct.values()]
    own = run.learners.pinned(run.learners.spec(learner), task)
    ranked = [trial for trial in ranked if not _is(search, trial, own)]
    names = {f"{learner}.trial{trial.number}": trial for trial in ranked[:count]}
    _forget_kept(run, learner, task, names)
    for name, trial in names.items():
        tried = search.tried(attributes(trial)[PARAMS])
        train_folds(run, tried, (), track, engine)
        alone = tried(run)
        record = alone.results.base_record(learner, task)
        folder = alone.store.base(learner, task.name)
        parts = {part: folder.read(part, task) for part in ("oof", "test")}
        bring_in(
            run,
            name,
            parts,
            Provenance.of_import(run.identity, task, record["files"]),
            seconds=record["seconds"],
            folds="run",
            modality=describe(alone.learners.bind(alone.specs[0]).modalities),
            oof=record["oof"],
            **({"dev": record["dev"]} if "dev" in record else {}),
            tuned=tuning_note(_record(search, trial)),
        )
    return list(names)


def _is(search: Search, trial: "FrozenTrial", own: LearnerSpec) -> bool:
    """Whether a trial has the parameters that the learner itself is trained with."""
    alone = search.tried(attributes(trial)[PARAMS])(search.run)
    return alone.learners.settings(alone.specs[0], search.task) == alone.learners.settings(own, search.task)


def _forget_kept(run: Run, learner: str, task: Task, names: Collection[str]) -> None:
    """Remove the trials of a learner that were kept before; raises ConfigError where others have one of the names."""
    with run.store.lock():
        for name in run.results.imported(task):
            folder = run.store.base(name, task.name)
            kept = re.fullmatch(re.escape(learner) + r"\.trial\d+", name) and "tuned" in folder.read_record()
            if kept:
                delete_path(folder.path)
            elif name in names:
                raise ConfigError(f"{name!r} was imported; a trial of {learner!r} would be kept under this name.")
