"""Stacking one task: candidates fitted in nested folds, their choice scored, what is chosen fitted on all and kept."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats, Task
from ensemble.errors import FoldError, StoreError, command
from ensemble.metrics import spelled
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.records import StackRecord
from ensemble.result_folder import ResultFolder
from ensemble.run import Run
from ensemble.system.progress import Track, silent
from ensemble.targets import Labels
from meta.candidates import StackSpec
from meta.fitting import Fitted, Option, fit
from meta.nested_cv import NestedCV, nested_cv, options_chosen, options_of
from meta.nested_fits import NestedPredictions, nest
from meta.records import StackReport
from meta.rules import Rule
from meta.stack_report import stack_report
from meta.table import RECORD, SEED, MetaTable, StackInputs, StackSettings, assemble, provenance_of
from meta.targets import target_of


@dataclass(frozen=True)
class Stack:
    """A stack that can be asked: ``learners`` in the order of their columns, the ``members`` whose mean it is, its
    decision rule."""

    learners: tuple[str, ...]
    members: tuple[Fitted, ...]
    rule: Rule

    def values(self, features: Floats) -> Floats:
        """(rows, columns) predictions from the learners' predictions side by side."""
        return np.asarray(sum(member.predict(features) for member in self.members) / len(self.members))

    def predict(self, features: Floats) -> tuple[Floats, Labels]:
        """The same and (rows,) labels."""
        values = self.values(features)
        return values, self.rule.decide(values)

    def predictions(self, task: Task, ids: npt.NDArray[np.object_], features: Floats) -> Predictions:
        """The same with task and ids."""
        values, labels = self.predict(features)
        return Predictions(task, ids, values, decided=labels if target_of(task).ruled else None)

    @classmethod
    def load(cls, folder: ResultFolder[StackRecord], report: StackReport | None = None) -> "Stack":
        """``report`` is its record, which is read where it is not given. Raises StoreError where the stack is
        unfinished, damaged, or holds a type that is not trusted."""
        report = report or read_report(folder)
        members = tuple(Fitted.load(folder.model, name) for name in report["members"])
        return cls(tuple(report["stacked"]), members, Rule.of_json(report["rule"]))


@dataclass(frozen=True)
class FinishedStack:
    """Its out-of-fold predictions, which are those of the whole procedure; test predictions; report."""

    oof: Predictions
    test: Predictions
    report: StackReport


def stack_task(run: Run, task: Task, settings: StackSettings, track: Track = silent) -> StackReport:
    """Stack one task into ``stack/<task>/`` and return its report; a fresh finished stack is only read again."""
    return stack_inputs(run, assemble(run, task, settings), track)


def stack_inputs(run: Run, inputs: StackInputs, track: Track = silent) -> StackReport:
    """The same with inputs that are assembled."""
    started = time.monotonic()
    table, provenance, folder = inputs.table, provenance_of(run, inputs), run.store.stack(inputs.task.name)
    if folder.is_done(provenance):
        return read_report(folder, provenance)
    nested, stack = make_stack(table, inputs.settings, track)
    in_sample = stack.predictions(inputs.task, table.ids, table.features)
    test = stack.predictions(inputs.task, table.test_ids, table.test_features)
    report = stack_report(run, inputs, nested, in_sample, test, started)
    with run.store.lock():
        if not folder.is_done(provenance):  # another process may have been faster
            folder.clear()
            folder.write({"oof": nested.oof, "test": test}, provenance)
            for member in stack.members:
                member.save(folder.model)
            folder.commit(provenance, **report)
        return read_report(folder, provenance)


def make_stack(table: MetaTable, settings: StackSettings, track: Track = silent) -> tuple[NestedCV, Stack]:
    """Nested cross-validation on a table, and what it chose, fitted on all rows; raises FoldError where labels are in
    too few folds to choose and score on different ones."""
    labelled = np.unique(table.fold[table.known])
    if len(labelled) < 3:
        raise FoldError(
            f"Task {table.task.name!r} has labels in {len(labelled)} of {len(np.unique(table.fold))} folds; stacking "
            "needs them in at least 3."
        )
    spec = StackSpec(
        len(table.learners), table.width, spelled(table.task), SEED, table.task.kind, int(table.known.sum())
    )
    options = options_of(settings.tried(table))
    flat = [option for variants in options.values() for option in variants]
    fits = nest(table, flat, spec, settings.calibrate, settings.threads, track)
    nested = nested_cv(table, _by_candidate(options, fits), settings.threads, track)
    chosen = options_chosen(nested.final)
    members = tuple(fit(option, table.features, table.labels, spec, settings.calibrate) for option in chosen)
    return nested, Stack(table.learners, members, nested.final.rule)


def _by_candidate(
    options: Mapping[str, list[Option]], fits: list[NestedPredictions]
) -> dict[str, list[NestedPredictions]]:
    remaining = iter(fits)
    return {name: [next(remaining) for _ in variants] for name, variants in options.items()}


def read_stack(run: Run, inputs: StackInputs) -> FinishedStack:
    """The finished stack of these inputs; raises StoreError where it is missing or stale."""
    task, folder = inputs.task, run.store.stack(inputs.task.name)
    report = read_report(folder, provenance_of(run, inputs), "--task", task.name)
    return FinishedStack(folder.read("oof", task), folder.read("test", task), report)


def read_report(folder: ResultFolder[StackRecord], provenance: Provenance | None = None, *named: str) -> StackReport:
    """The record of a finished stack; raises StoreError where it is missing or damaged, of an older version, or not of
    the same ``provenance`` (None: whatever it was made of)."""
    run = f"run {command('stack', *named)}"
    if folder.record.is_file() and Provenance.of_record(folder.read_record(run)).parts.get("record") != RECORD:
        raise StoreError(f"{folder.path} was made by an older version: {run} again.")
    return cast(StackReport, folder.verify(provenance, run))


def adjusted(oof: Predictions, report: StackReport, fold: Codes) -> Floats:
    """(rows of oof, columns) with each fold adjusted by the rule that decided it."""
    values = np.zeros_like(oof.values)
    for name, rule in report["rules_by_fold"].items():
        held = fold == int(name)
        values[held] = Rule.of_json(rule).adjust(oof.values[held])
    return values
