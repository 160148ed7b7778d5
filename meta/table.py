"""What meta-estimators see: the learners' probabilities side by side, joined by id, on the folds of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Task
from ensemble.errors import ConfigError, unknown
from ensemble.files import fingerprint
from ensemble.predictions import Predictions
from ensemble.run import FORMAT, Run
from ensemble.store import read_predictions

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MetaTable:
    """Features (rows, learners * classes), learners outermost: ``oof`` for rows inside folds, ``test`` for the others.

    ``labels`` (inside rows,) is -1 where unknown; ``fold`` and ``groups`` are of the same rows.
    """

    task: Task
    learners: tuple[str, ...]
    ids: npt.NDArray[np.object_]
    oof: Floats
    labels: Codes
    fold: Codes
    groups: Codes
    test_ids: npt.NDArray[np.object_]
    test: Floats

    @property
    def classes(self) -> int:
        return len(self.task.classes)

    def learner_oof(self, learner: str) -> Predictions:
        return Predictions(self.task, self.ids, self._columns(self.oof, learner))

    def learner_test(self, learner: str) -> Predictions:
        return Predictions(self.task, self.test_ids, self._columns(self.test, learner))

    def _columns(self, features: Floats, learner: str) -> Floats:
        position = self.learners.index(learner)
        return features[:, position * self.classes : (position + 1) * self.classes]


def choose_learners(run: Run, task: Task, named: Sequence[str]) -> tuple[str, ...]:
    """The named learners, or all of the configuration and all imported ones; raises ConfigError for unknown names."""
    known = [spec.name for spec in run.specs]
    known += [name for name in run.imported(task) if name not in known]
    for name in named:
        if name not in known:
            raise ConfigError(unknown("base learner", name, known))
    chosen = tuple(named) or tuple(known)
    if not chosen:
        raise ConfigError("There is nothing to stack: the configuration has no [base.NAME] and nothing was imported.")
    return chosen


def assemble(run: Run, task: Task, learners: Sequence[str]) -> tuple[MetaTable, dict[str, dict[str, Any]]]:
    """The table, and each learner's checked record; raises StoreError where one is unfinished, stale or damaged."""
    records = {name: run.base_record(name, task) for name in learners}
    inside, outside = run.data.take(run.plan.inside), run.data.take(run.plan.outside)

    def side_by_side(part: str, ids: npt.NDArray[np.object_]) -> Floats:
        folders = [run.store.base(name, task.name) for name in learners]
        return np.hstack([read_predictions(folder, part, task).take(ids).values for folder in folders])

    table = MetaTable(
        task,
        tuple(learners),
        inside.ids,
        side_by_side("oof", inside.ids),
        inside.labels(task),
        run.plan.fold[run.plan.inside],
        inside.groups,
        outside.ids,
        side_by_side("test", outside.ids),
    )
    return table, records


def made_of(
    run: Run, task: Task, records: dict[str, dict[str, Any]], estimators: Sequence[str], seed: int
) -> dict[str, Any]:
    """What a stack depends on: the learners' files, the candidates, the metric."""
    return {
        "format": FORMAT,
        **run.identity,
        "task": task.name,
        "classes": list(task.classes),
        "metric": task.metric,
        "estimators": list(estimators),
        "seed": seed,
        **inputs_of(records),
    }


def inputs_of(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The part of it that is of the learners: which files, and whose folds."""
    return {f"learner.{name}": [fingerprint(record["files"]), record["folds"]] for name, record in records.items()}
