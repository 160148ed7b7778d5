"""What a study found: the best trial for training, the best few for the stack, all of them as a table."""

import re
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.data import Task
from ensemble.errors import ConfigError
from ensemble.jobs.importing import bring_in
from ensemble.jobs.train import Engine
from ensemble.modalities import describe, modalities_of
from ensemble.run import IMPORTED, LearnerSpec, Run, flat
from ensemble.store import REPORT, read_predictions
from ensemble.system.files import read_json, write_json
from ensemble.system.locks import hold
from ensemble.system.progress import Track
from ensemble.tuned import BEST, tuning_note
from ensemble.tuning.search import Search
from ensemble.tuning.study import FOUND, REASON, SECONDS, TRAINED
from ensemble.tuning.trial import train_folds

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def write_best(search: Search) -> None:
    """The best trial so far: its parameters, its score, and on what it was judged."""
    with hold(search.study.folder):
        best = search.study.best()
        if best is not None:
            write_json(search.study.folder / BEST, _record(search, best))


def _record(search: Search, trial: "FrozenTrial") -> dict[str, Any]:
    run = search.run
    judged = search.split.judged(run)
    states = [one.state.name for one in search.study.trials()]
    return {
        "params": trial.user_attrs[FOUND],
        "study": search.study.name,
        "trial": trial.number,
        **_scores(trial),
        "metric": search.task.metric,
        "folds": search.split.folds,
        "judged": judged,
        "rows": int(np.isin(run.plan.fold, judged).sum()),
        "trials": len(states),
        "pruned": states.count("PRUNED"),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_of": run.settings(search.spec, search.task),
    }


def _scores(trial: "FrozenTrial") -> dict[str, Any]:
    """Mean, deviation and values over the folds that have a score."""
    values = [value for _, value in sorted(trial.intermediate_values.items())]
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"score": float(np.mean(values)) if values else None, "std": deviation, "values": values}


def account(search: Search) -> dict[str, Any]:
    """Every finished trial from best to worst, what was pruned and what that saved, as plain JSON."""
    run, folds = search.run, len(search.split.trained(search.run))
    trials = search.study.trials()
    rows = [_row(search, trial) for trial in trials]
    pruned = [row for row in rows if row["state"] == "pruned"]
    judged = search.split.judged(run)
    return {
        "learner": search.spec.name,
        "task": search.task.name,
        "metric": search.task.metric,
        "study": search.study.name,
        "split": search.split.folds,
        "folds": folds,
        "judged": judged,
        "unseen": [fold for fold in range(run.plan.settings.k) if fold not in judged],
        "rows": int(np.isin(run.plan.fold, judged).sum()),
        "trials": rows,
        "pruned": len(pruned),
        "saved": round(
            sum(row["seconds"] / row["folds"] * (folds - row["folds"]) for row in pruned if row["folds"]), 3
        ),
        "best": str(search.study.folder / BEST) if search.study.best() else None,
    }


def _row(search: Search, trial: "FrozenTrial") -> dict[str, Any]:
    found = flat("", trial.user_attrs.get(FOUND, {}))
    params = {path.removeprefix("."): value for path, value in found.items()}
    return {
        "trial": trial.number,
        "state": {"COMPLETE": "done", "PRUNED": "pruned"}.get(trial.state.name, "failed"),
        **_scores(trial),
        "folds": trial.user_attrs.get(TRAINED, 0),
        "seconds": trial.user_attrs.get(SECONDS, 0.0),
        "params": {path: value for path, value in params.items() if value != search.params.get(path)},
        "reason": trial.user_attrs.get(REASON),
    }


def keep(search: Search, count: int, track: Track, engine: Engine) -> list[str]:
    """Make the best finished trials base learners of the run, instead of those kept before; their names.

    The one whose parameters the learner itself is trained with is left out: the best, where it is tuned, else the one
    as set. Folds that are cleaned away, or were done by somebody with another run folder, are trained again; raises
    LearnerError where one fails.
    """
    run, task, learner = search.run, search.task, search.spec.name
    done = [trial for trial in search.study.trials() if trial.state.name == "COMPLETE"]
    distinct = {search.tried(trial.user_attrs[FOUND]): trial for trial in reversed(done)}
    ranked = [trial for trial in done if trial in distinct.values()]
    own = run.pinned(run.spec(learner), task)
    ranked = [trial for trial in ranked if not _is(search, trial, own)]
    names = {f"{learner}.trial{trial.number}": trial for trial in ranked[:count]}
    _forget_kept(run, learner, task, names)
    for name, trial in names.items():
        tried = search.tried(trial.user_attrs[FOUND])
        train_folds(run, tried, (), track, engine)
        alone = tried(run)
        record = alone.base_record(learner, task)
        folder = alone.store.base(learner, task.name)
        parts = {part: read_predictions(folder, part, task) for part in ("oof", "test")}
        made_of = {**run.identity, "learner": IMPORTED, "task": task.name, "files": record["files"]}
        bring_in(
            run,
            name,
            parts,
            made_of,
            seconds=record["seconds"],
            folds="run",
            modality=describe(modalities_of(alone.make(alone.specs[0]))),
            oof=record["oof"],
            tuned=tuning_note(_record(search, trial)),
        )
    return list(names)


def _is(search: Search, trial: "FrozenTrial", own: LearnerSpec) -> bool:
    """Whether a trial has the parameters that the learner itself is trained with."""
    alone = search.tried(trial.user_attrs[FOUND])(search.run)
    return alone.settings(alone.specs[0], search.task) == alone.settings(own, search.task)


def _forget_kept(run: Run, learner: str, task: Task, names: Collection[str]) -> None:
    """Remove the trials of a learner that were kept before; raises ConfigError where others have one of the names."""
    with run.store.lock():
        for name in run.imported(task):
            folder = run.store.base(name, task.name)
            kept = re.fullmatch(re.escape(learner) + r"\.trial\d+", name) and "tuned" in read_json(folder / REPORT)
            if kept:
                shutil.rmtree(folder)
            elif name in names:
                raise ConfigError(f"{name!r} was imported; a trial of {learner!r} would be kept under this name.")
