"""What meta-estimators see: the learners' probabilities side by side, joined by id, on the folds of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats, Task
from ensemble.errors import ConfigError, unknown
from ensemble.predictions import Predictions
from ensemble.run import FORMAT, Run
from ensemble.store import MadeOf, read_predictions
from ensemble.system.files import fingerprint
from meta.records import LearnerRecord
from meta.targets import target_of

SEED = 0
RECORD = 2  # of a stack; raise it when its record says other things


@dataclass(frozen=True)
class StackSettings:
    """``estimators`` and ``learners`` empty mean all. ``calibrate``: a temperature per learner before stacking.
    ``related``: what the learners say of the other tasks, as further columns. ``threads`` change no result."""

    estimators: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    calibrate: bool = False
    related: bool = False
    threads: int = 1

    def candidates(self, task: Task) -> tuple[str, ...]:
        """The named ones, or all that a task of this kind has."""
        return tuple(dict.fromkeys(self.estimators)) or tuple(target_of(task).estimators)


@dataclass(frozen=True)
class MetaTable:
    """Features (rows, learners * classes), learners outermost: ``oof`` for rows inside folds, ``test`` for the others.

    ``labels`` (inside rows,) is -1 where unknown; ``fold`` and ``groups`` are of the same rows. ``related`` and
    ``test_related`` (rows, any width) are what is known of the same rows from other tasks. ``doubtful`` learners were
    imported with unknown folds: no claim may rest on them.
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
    related: Floats | None = None
    test_related: Floats | None = None
    doubtful: tuple[str, ...] = ()

    @property
    def features(self) -> Floats:
        """(inside rows, columns) all that candidates may look at."""
        return self.oof if self.related is None else np.hstack([self.oof, self.related])

    @property
    def test_features(self) -> Floats:
        return self.test if self.test_related is None else np.hstack([self.test, self.test_related])

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(inside rows,) whether the label is known."""
        return self.task.target.known(self.labels)

    @property
    def classes(self) -> int:
        return len(self.task.classes)

    @property
    def plain_mean(self) -> Predictions:
        """The mean of the learners' OOF probabilities, by plain arg max."""
        by_learner = self.oof.reshape(len(self.ids), len(self.learners), self.classes)
        return Predictions(self.task, self.ids, by_learner.mean(axis=1))

    def learner_oof(self, learner: str) -> Predictions:
        return Predictions(self.task, self.ids, self._columns(self.oof, learner))

    def learner_test(self, learner: str) -> Predictions:
        return Predictions(self.task, self.test_ids, self._columns(self.test, learner))

    def _columns(self, features: Floats, learner: str) -> Floats:
        position = self.learners.index(learner)
        return features[:, position * self.classes : (position + 1) * self.classes]


@dataclass(frozen=True)
class StackInputs:
    """What one task's stack is made from: the table, and each learner's checked record; records of related tasks stand
    under ``<task>/<learner>``. To assemble it reads and hashes many files, so it is done once and handed on."""

    table: MetaTable
    records: Mapping[str, LearnerRecord]
    settings: StackSettings

    @property
    def task(self) -> Task:
        return self.table.task


def choose_learners(run: Run, task: Task, named: Sequence[str]) -> tuple[str, ...]:
    """The named learners, or all of the configuration and all imported ones whose folds are known; raises ConfigError
    for unknown names. What was imported with unknown folds may have seen what it predicts: it must be named."""
    known = list(dict.fromkeys([*(spec.name for spec in run.specs), *run.imported(task)]))
    for name in named:
        if name not in known:
            raise ConfigError(unknown("base learner", name, known))
    doubtful = () if named else unknown_folds(run, task)  # once: it reads and hashes the files of every imported one
    chosen = tuple(named) or tuple(name for name in known if name not in doubtful)
    if not chosen:
        raise ConfigError(
            "There is nothing to stack: the configuration has no [base.NAME], and no learner with known folds was "
            "imported (stack.learners may name others)."
        )
    return chosen


def unknown_folds(run: Run, task: Task) -> list[str]:
    """Imported learners of which nobody can say whether they have seen the rows they predict."""
    return [name for name in run.imported(task) if run.base_record(name, task)["folds"] == "unknown"]


def assemble(run: Run, task: Task, settings: StackSettings) -> StackInputs:
    """The table and the records; raises StoreError where a learner is unfinished, stale or damaged."""
    learners = choose_learners(run, task, settings.learners)
    records: dict[str, LearnerRecord] = {name: run.base_record(name, task) for name in learners}
    others = _others(run, task, settings)
    for other, having in others.items():
        records |= {f"{other.name}/{name}": run.base_record(name, other) for name in having}
    inside, outside = run.data.take(run.plan.cv_rows), run.data.take(run.plan.test_rows)
    table = MetaTable(
        task,
        learners,
        inside.ids,
        _side_by_side(run, task, learners, "oof", inside.ids),
        inside.labels(task),
        run.plan.fold[run.plan.cv_rows],
        inside.groups,
        outside.ids,
        _side_by_side(run, task, learners, "test", outside.ids),
        doubtful=tuple(name for name, record in records.items() if record["folds"] == "unknown"),
    )
    if others:
        related, test_related = (_related(run, others, part, ids) for part, ids in _parts(table))
        table = replace(table, related=related, test_related=test_related)
    return StackInputs(table, records, settings)


def _others(run: Run, task: Task, settings: StackSettings) -> dict[Task, tuple[str, ...]]:
    """The other tasks whose learners are looked at, and which: of named ones those that the task has."""
    found = {}
    for other in run.data.tasks if settings.related else ():
        known = [*(spec.name for spec in run.specs), *run.imported(other)]
        named = [name for name in settings.learners if name in known]
        if other.name != task.name and (named or not settings.learners):
            found[other] = choose_learners(run, other, named)
    return found


def _parts(table: MetaTable) -> Sequence[tuple[str, npt.NDArray[np.object_]]]:
    return ("oof", table.ids), ("test", table.test_ids)


def _side_by_side(run: Run, task: Task, learners: Sequence[str], part: str, ids: npt.NDArray[np.object_]) -> Floats:
    folders = [run.store.base(name, task.name) for name in learners]
    return np.hstack([read_predictions(folder, part, task).take(ids).values for folder in folders])


def _related(run: Run, others: Mapping[Task, Sequence[str]], part: str, ids: npt.NDArray[np.object_]) -> Floats:
    """What the learners say of other tasks, as further columns."""
    found = []
    for task, learners in others.items():
        values = _side_by_side(run, task, learners, part, ids)
        found.append(values.reshape(len(ids), len(learners), len(task.classes)))
    return means_of(found)


def means_of(values: Sequence[Floats]) -> Floats:
    """(rows, classes - 1 of every task) the learners' mean, from (rows, learners, classes) for each task; a first class
    is what the others leave."""
    return np.hstack([of_task.mean(axis=1)[:, 1:] for of_task in values])


def made_of(run: Run, inputs: StackInputs) -> MadeOf:
    """What a stack depends on: the learners' files, the candidates, the metric."""
    task, settings = inputs.task, inputs.settings
    return {
        "format": FORMAT,
        "record": RECORD,
        **run.identity,
        "task": task.name,
        "classes": list(task.classes),
        "metric": task.metric,
        "ordinal": task.ordinal,
        "estimators": list(settings.candidates(task)),
        "calibrate": settings.calibrate,
        "related": settings.related,
        "seed": SEED,
        **inputs_of(inputs.records),
    }


def inputs_of(records: Mapping[str, LearnerRecord]) -> MadeOf:
    """The part of it that is of the learners: which files, and whose folds."""
    return {f"learner.{name}": [fingerprint(record["files"]), record["folds"]] for name, record in records.items()}
