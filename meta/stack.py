"""Stacking one task: candidates fitted in nested folds, the procedure scored, the winner fitted on all and kept."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Task
from ensemble.errors import FoldError
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.store import REPORT, check, clear, read_predictions, seal, state, write_predictions
from ensemble.system.progress import Track, silent
from meta.candidates import StackSpec
from meta.fitting import Fitted, Option, fit
from meta.nested_cv import Procedure, nested_cv, option_of, options_of, rule_of
from meta.nested_fits import Nested, nest
from meta.rules import Rule
from meta.stack_report import account
from meta.table import MetaTable, StackSettings, assemble, made_of
from meta.wording import tuning_note

Floats = npt.NDArray[np.float64]

SEED = 0


@dataclass(frozen=True)
class Stack:
    """A stack that can be asked: ``learners`` in the order of their columns, what was chosen, its decision rule."""

    learners: tuple[str, ...]
    fitted: Fitted
    rule: Rule

    def predict(self, features: Floats) -> tuple[Floats, Codes]:
        """(rows, classes) probabilities and (rows,) labels from the learners' probabilities side by side."""
        values = self.fitted.predict_proba(features)
        return values, self.rule.decide(values)

    @classmethod
    def load(cls, folder: Path) -> "Stack":
        """Raises StoreError where the stack is unfinished, damaged, or holds a type that is not trusted."""
        report = check(folder, REPORT, None, "run `ensemble stack`")
        return cls(tuple(report["stacked"]), Fitted.load(folder / "model"), Rule.of_json(report["rule"]))


def stack_task(run: Run, task: Task, settings: StackSettings, track: Track = silent) -> dict[str, Any]:
    """Stack one task into ``stack/<task>/`` and return its report; a fresh finished stack is only read again."""
    started = time.monotonic()
    table, records = assemble(run, task, settings)
    made = made_of(run, task, records, settings, SEED)
    folder = run.store.stack(task.name)
    if state(folder, REPORT, made)[0] == "done":
        return check(folder, REPORT, made, "")
    procedure, stack = make_stack(table, settings, track)
    values, labels = stack.predict(table.test_features)
    test = Predictions(task, table.test_ids, values, decided=labels)
    report = account(run, table, procedure, stack.predict(table.features), test)
    report["tuned"] = {name: records[name]["tuned"] for name in table.learners if "tuned" in records[name]}
    if report["tuned"]:
        judged = {"judged": {fold for said in report["tuned"].values() for fold in said["judged"]}}
        whose = f"the parameters of {', '.join(report['tuned'])}"
        report["warnings"].append(tuning_note("the stack", judged, report["stack"], whose))
    report["seconds"] = round(time.monotonic() - started, 3)
    with run.store.lock():
        if state(folder, REPORT, made)[0] != "done":  # another process may have been faster
            clear(folder)
            write_predictions(folder, {"oof": procedure.oof, "test": test}, made)
            stack.fitted.save(folder / "model")
            seal(folder, REPORT, made, **report)
        return check(folder, REPORT, made, "")


def make_stack(table: MetaTable, settings: StackSettings, track: Track = silent) -> tuple[Procedure, Stack]:
    """The procedure on a table, and what it chose, fitted on all rows; raises FoldError where labels are in too few
    folds to choose and score on different ones."""
    labelled = np.unique(table.fold[table.labels >= 0])
    if len(labelled) < 3:
        raise FoldError(
            f"Task {table.task.name!r} has labels in {len(labelled)} of {len(np.unique(table.fold))} folds; stacking "
            "needs them in at least 3."
        )
    problem = StackSpec(len(table.learners), table.classes, table.task.metric, SEED)
    options = options_of(settings.candidates)
    flat = [option for variants in options.values() for option in variants]
    fits = nest(table, flat, problem, settings.calibrate, settings.threads, track)
    procedure = nested_cv(table, _by_candidate(options, fits))
    fitted = fit(option_of(procedure.final), table.features, table.labels, problem, settings.calibrate)
    return procedure, Stack(table.learners, fitted, rule_of(procedure.final))


def _by_candidate(options: Mapping[str, list[Option]], fits: list[Nested]) -> dict[str, list[Nested]]:
    remaining = iter(fits)
    return {name: [next(remaining) for _ in variants] for name, variants in options.items()}


def read_stack(run: Run, task: Task, settings: StackSettings) -> tuple[Predictions, Predictions, dict[str, Any]]:
    """The finished stack's OOF and test predictions and its report; raises StoreError where it is missing or stale."""
    _, records = assemble(run, task, settings)
    folder = run.store.stack(task.name)
    made = made_of(run, task, records, settings, SEED)
    report = check(folder, REPORT, made, f"run `ensemble stack --task {task.name}`")
    return read_predictions(folder, "oof", task), read_predictions(folder, "test", task), report


def adjusted(oof: Predictions, report: Mapping[str, Any], fold: Codes) -> Floats:
    """(rows of oof, classes) with each fold adjusted by the rule that decided it."""
    values = np.zeros_like(oof.values)
    for name, rule in report["rules_by_fold"].items():
        held = fold == int(name)
        values[held] = Rule.of_json(rule).adjust(oof.values[held])
    return values
