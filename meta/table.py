"""What meta-estimators see: the learners' predictions side by side, joined by id, on the folds of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats, Task
from ensemble.errors import ConfigError, unknown
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.records import BaseRecord
from ensemble.run import Run
from ensemble.targets import Labels
from meta.many_rows import left_out
from meta.targets import STACK_TARGETS, target_of

SEED = 0
RECORD = 3  # of a stack; raise it when its record says other things


@dataclass(frozen=True)
class StackSettings:
    """``estimators`` and ``learners`` empty mean all, but for candidates that are too costly for the table (see
    ``tried``). ``calibrate``: a temperature per learner before stacking.
    ``related``: what the learners say of the other tasks of the same kind, as further columns. ``threads`` change no
    result."""

    estimators: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    calibrate: bool = False
    related: bool = False
    threads: int = 1

    def candidates(self, task: Task) -> tuple[str, ...]:
        """All that a task of this kind has, or the named ones among them; raises ConfigError where none is."""
        own = target_of(task).estimators
        elsewhere = {name for target in STACK_TARGETS.values() for name in target.estimators} - set(own)
        named = tuple(name for name in dict.fromkeys(self.estimators) if name not in elsewhere)
        if self.estimators and not named:
            raise ConfigError(
                f"stack.estimators names {', '.join(self.estimators)}, none of which can stack {task.name!r}, a "
                f"{task.kind}; name one of {', '.join(own)}, too."
            )
        return named or tuple(own)

    def omitted(self, table: "MetaTable") -> tuple[str, ...]:
        """Those that are not tried on this table, since it is large and nobody named them."""
        return () if self.estimators else left_out(*table.oof.shape)

    def tried(self, table: "MetaTable") -> tuple[str, ...]:
        """The candidates for this table."""
        omitted = self.omitted(table)
        return tuple(name for name in self.candidates(table.task) if name not in omitted)


@dataclass(frozen=True)
class MetaTable:
    """Features (rows, learners * width), learners outermost: ``oof`` for rows inside folds, ``test`` for the others.

    ``labels`` (inside rows,) are in part unknown; ``fold`` and ``groups`` are of the same rows. ``related`` and
    ``test_related`` (rows, any width) are what is known of the same rows from other tasks. ``doubtful`` learners were
    imported with unknown folds: no claim may rest on them.
    """

    task: Task
    learners: tuple[str, ...]
    ids: npt.NDArray[np.object_]
    oof: Floats
    labels: Labels
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
    def width(self) -> int:
        """How many columns each learner has: one per class, or that of the number."""
        return len(self.task.columns)

    @property
    def plain_mean(self) -> Predictions:
        """The mean of the learners' OOF predictions, under no decision rule."""
        by_learner = self.oof.reshape(len(self.ids), len(self.learners), self.width)
        return Predictions(self.task, self.ids, by_learner.mean(axis=1))

    def learner_oof(self, learner: str) -> Predictions:
        return Predictions(self.task, self.ids, self._columns(self.oof, learner))

    def learner_test(self, learner: str) -> Predictions:
        return Predictions(self.task, self.test_ids, self._columns(self.test, learner))

    def _columns(self, features: Floats, learner: str) -> Floats:
        position = self.learners.index(learner)
        return features[:, position * self.width : (position + 1) * self.width]


@dataclass(frozen=True)
class StackInputs:
    """What one task's stack is made from: the table, and each learner's checked record; records of related tasks stand
    under ``<task>/<learner>``. To assemble it reads and hashes many files, so it is done once and handed on."""

    table: MetaTable
    records: Mapping[str, BaseRecord]
    settings: StackSettings

    @property
    def task(self) -> Task:
        return self.table.task


def choose_learners(run: Run, task: Task, named: Sequence[str]) -> tuple[str, ...]:
    """The named learners, or all of the configuration that are complete and all imported ones whose folds are known;
    raises ConfigError for unknown names. What was imported with unknown folds may have seen what it predicts: it must
    be named."""
    known = list(dict.fromkeys([*(spec.name for spec in run.specs), *run.results.imported(task)]))
    for name in named:
        if name not in known:
            raise ConfigError(unknown("base learner", name, known))
    doubtful = () if named else unknown_folds(run, task)  # once: it reads and hashes the files of every imported one
    chosen = tuple(named) or tuple(name for name in known if name not in doubtful)
    unfinished = () if named else unfinished_learners(run, task)
    if len(unfinished) < len(chosen):  # else the first is refused, with what to do about it
        chosen = tuple(name for name in chosen if name not in unfinished)
    if not chosen:
        raise ConfigError(
            "There is nothing to stack: the configuration has no [base.NAME], and no learner with known folds was "
            "imported (stack.learners may name others)."
        )
    return chosen


def unfinished_learners(run: Run, task: Task) -> list[str]:
    """Those of the configuration that have no results of all folds yet; stale or damaged ones are not among them."""
    return [spec.name for spec in run.specs if not run.store.base(spec.name, task.name).record.is_file()]


def unknown_folds(run: Run, task: Task) -> list[str]:
    """Imported learners of which nobody can say whether they have seen the rows they predict."""
    return [name for name in run.results.imported(task) if run.results.base_record(name, task)["folds"] == "unknown"]


def assemble(run: Run, task: Task, settings: StackSettings) -> StackInputs:
    """The table and the records; raises StoreError where a learner is unfinished, stale or damaged."""
    learners = choose_learners(run, task, settings.learners)
    records: dict[str, BaseRecord] = {name: run.results.base_record(name, task) for name in learners}
    others = _others(run, task, settings)
    for other, having in others.items():
        records |= {f"{other.name}/{name}": run.results.base_record(name, other) for name in having}
    inside, outside = run.data.take(run.plan.cv_rows), run.data.take(run.plan.outside_rows)
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
    """The other tasks whose learners are looked at, and which: of named ones those that the task has. A number has no
    place among logarithms of probabilities, so tasks are of the same kind."""
    found = {}
    for other in run.data.tasks if settings.related else ():
        known = [*(spec.name for spec in run.specs), *run.results.imported(other)]
        named = [name for name in settings.learners if name in known]
        if other.name != task.name and other.kind == task.kind and (named or not settings.learners):
            found[other] = choose_learners(run, other, named)
    return found


def _parts(table: MetaTable) -> Sequence[tuple[str, npt.NDArray[np.object_]]]:
    return ("oof", table.ids), ("test", table.test_ids)


def _side_by_side(run: Run, task: Task, learners: Sequence[str], part: str, ids: npt.NDArray[np.object_]) -> Floats:
    folders = [run.store.base(name, task.name) for name in learners]
    return np.hstack([folder.read(part, task).take(ids).values for folder in folders])


def _related(run: Run, others: Mapping[Task, Sequence[str]], part: str, ids: npt.NDArray[np.object_]) -> Floats:
    """What the learners say of other tasks, as further columns."""
    found = []
    for task, learners in others.items():
        values = _side_by_side(run, task, learners, part, ids)
        found.append((task, values.reshape(len(ids), len(learners), len(task.columns))))
    return means_of(found)


def means_of(values: Sequence[tuple[Task, Floats]]) -> Floats:
    """(rows, columns) the learners' mean for each task, as far as it says something to another one, from their (rows,
    learners, columns)."""
    return np.hstack([target_of(task).related(of_task.mean(axis=1)) for task, of_task in values])


def provenance_of(run: Run, inputs: StackInputs) -> Provenance:
    """What a stack depends on: the learners' files, the candidates, the metric."""
    task, settings = inputs.task, inputs.settings
    choices: dict[str, object] = {
        "record": RECORD,
        "estimators": settings.candidates(task),
        "calibrate": settings.calibrate,
        "related": settings.related,
        "seed": SEED,
    }
    if settings.estimators and set(left_out(*inputs.table.oof.shape)) & set(settings.estimators):
        choices["costly"] = "named"  # apart from what all candidates mean on so large a table
    return Provenance.of_stack(run.identity, task, choices, Provenance.of_inputs(inputs.records))
