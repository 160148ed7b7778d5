"""Nested cross-validation: candidates, parameters, rule are chosen on the other folds, then the fold is predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.data import Floats
from ensemble.predictions import Predictions
from ensemble.system.progress import Track, silent
from meta.candidates import VARIANTS
from meta.fitting import Option
from meta.nested_fits import NestedPredictions
from meta.rules import Rule
from meta.selection import Selection, SelectionData, rule_of, select
from meta.side_by_side import side_by_side
from meta.table import MetaTable
from meta.targets import target_of
from meta.votes import by_learner


@dataclass(frozen=True)
class NestedCV:
    """``oof`` are out-of-fold predictions of the whole procedure: fold by fold by what was chosen on the other folds.
    ``candidates`` are the same with the candidate given and only its parameters and rule chosen. ``final`` is the
    choice on all folds, which predicts new rows."""

    oof: Predictions
    candidates: Mapping[str, Predictions]
    by_fold: Mapping[int, Selection]
    final: Selection


def options_of(candidates: Sequence[str]) -> dict[str, list[Option]]:
    """Every candidate with all its variants."""
    nothing: tuple[Mapping[str, float], ...] = ({},)
    return {name: [Option(name, variant) for variant in VARIANTS.get(name, nothing)] for name in candidates}


def nested_cv(
    table: MetaTable, nested: Mapping[str, Sequence[NestedPredictions]], threads: int = 1, track: Track = silent
) -> NestedCV:
    """Choose for each fold on the others, and once on all; as many choices at a time as ``threads``."""
    rows, folds = rows_of(table), np.unique(table.fold).tolist()
    done = side_by_side(_choose, ((rows, nested, fold) for fold in (*folds, None)), threads)
    *of_folds, final = track(done, f"{table.task.name}: choices", len(folds) + 1)
    by_fold = dict(zip(folds, of_folds, strict=True))
    outer = {name: [one.outer for one in variants] for name, variants in nested.items()}
    oof = _assembled(table, {fold: (selection.mean(outer), selection.rule) for fold, selection in by_fold.items()})
    candidates = {}
    for name in nested:
        tuned = {fold: selection.tuned[name] for fold, selection in by_fold.items()}
        candidates[name] = _assembled(table, {n: (outer[name][one.variant], one.rule) for n, one in tuned.items()})
    return NestedCV(oof, candidates, by_fold, final)


def _choose(rows: SelectionData, nested: Mapping[str, Sequence[NestedPredictions]], fold: int | None) -> Selection:
    """On the rows of the other folds; on all where that is None."""
    if fold is None:
        return select(rows, {name: [one.outer for one in variants] for name, variants in nested.items()})
    others = rows.fold != fold
    inner = {name: [one.inner[fold][others] for one in variants] for name, variants in nested.items()}
    return select(rows.take(others), inner)


def _assembled(table: MetaTable, by_fold: Mapping[int, tuple[Floats, Rule]]) -> Predictions:
    """Each fold by the (rows, columns) and the rule that are for it."""
    values, decided = np.zeros((len(table.ids), table.width)), np.zeros_like(table.labels)
    for fold, (of_fold, rule) in by_fold.items():
        held = table.fold == fold
        values[held] = of_fold[held]
        decided[held] = rule.decide(values[held])
    return Predictions(table.task, table.ids, values, decided=decided if target_of(table.task).ruled else None)


def options_chosen(selection: Selection) -> list[Option]:
    """The members, each with its parameters."""
    return [options_of([name])[name][selection.tuned[name].variant] for name in selection.members]


def mean_under_rule(table: MetaTable, learners: Sequence[str]) -> Predictions:
    """The plain mean of some learners ``under_rule``: what a stack must be compared with, lest its rule pass for its
    skill."""
    positions = [table.learners.index(name) for name in learners]
    return under_rule(table, by_learner(table.oof, len(table.learners), table.width)[:, positions].mean(axis=1))


def under_rule(table: MetaTable, values: Floats) -> Predictions:
    """Out-of-fold predictions (rows, columns) that are finished, each fold's labels by a rule learned on the others."""
    rows, rules = rows_of(table), {}
    for fold in np.unique(table.fold).tolist():
        others = table.fold != fold
        rules[fold] = values, rule_of(rows.take(others), values[others])
    return _assembled(table, rules)


def rows_of(table: MetaTable) -> SelectionData:
    """The rows of a table, to choose on."""
    return SelectionData(table.task, table.labels, table.fold, table.groups)
