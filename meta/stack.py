"""Stacking one task: all candidates cross-fitted, the winner chosen on other folds than it is scored on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.data import Dataset, Task
from ensemble.metrics import Metric, bootstrap, interval, metric_named, score
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.scoring import finite, score_card
from ensemble.store import REPORT, check, clear, read_predictions, seal, state, write_predictions
from meta import META_ESTIMATORS
from meta.fitting import cross_fit, fit
from meta.table import MetaTable, assemble, choose_learners, made_of
from meta.votes import count_ties

Floats = npt.NDArray[np.float64]

SEED = 0
PLAIN_MEAN = "soft_vote"


@dataclass(frozen=True)
class Choice:
    """``values`` are the OOF probabilities of the whole procedure: in each fold, of the candidate that was best on the
    other folds. ``name`` is the candidate best on all folds, which predicts the test rows."""

    name: str
    by_fold: dict[int, str]
    values: Floats


def choose(metric: Metric, table: MetaTable, candidates: Mapping[str, Floats]) -> Choice:
    """Leave-one-fold-out choice among OOF probabilities, so that the score of the chosen is not its best-of-many.

    The candidates' own fits on the other folds have seen the fold that is scored; nested fits would not.
    """
    values = np.zeros((len(table.ids), table.classes))
    by_fold = {}
    for fold in np.unique(table.fold):
        held = table.fold == fold
        by_fold[int(fold)] = _best(metric, table, candidates, ~held)
        values[held] = candidates[by_fold[int(fold)]][held]
    return Choice(_best(metric, table, candidates, np.ones(len(table.ids), dtype=bool)), by_fold, values)


def _best(metric: Metric, table: MetaTable, candidates: Mapping[str, Floats], rows: npt.NDArray[np.bool_]) -> str:
    scores = {
        name: metric.sign * score(metric, table.labels[rows], values[rows]) for name, values in candidates.items()
    }
    return max(scores, key=lambda name: -np.inf if np.isnan(scores[name]) else scores[name])


def stack_task(run: Run, task: Task, estimators: Sequence[str], learners: Sequence[str]) -> dict[str, Any]:
    """Stack one task into ``stack/<task>/`` and return its report; a fresh finished stack is only read again."""
    estimators = list(estimators) or list(META_ESTIMATORS)
    table, records = assemble(run, task, choose_learners(run, task, learners))
    made = made_of(run, task, records, estimators, SEED)
    folder = run.store.stack(task.name)
    if state(folder, REPORT, made)[0] == "done":
        return check(folder, REPORT, made, "")
    metric = metric_named(task.metric)
    candidates = {name: cross_fit(name, table, SEED) for name in dict.fromkeys([*estimators, PLAIN_MEAN])}
    choice = choose(metric, table, {name: candidates[name] for name in estimators})
    fitted = fit(choice.name, table.oof, table.labels, table.classes, task.metric, SEED)
    oof = Predictions(task, table.ids, choice.values)
    test = Predictions(task, table.test_ids, fitted.predict_proba(table.test))
    report = _report(run, table, records, candidates, choice, oof, test)
    with run.store.lock():
        if state(folder, REPORT, made)[0] != "done":  # another process may have been faster
            clear(folder)
            write_predictions(folder, {"oof": oof, "test": test}, made)
            fitted.save(folder / "model")
            seal(folder, REPORT, made, **report)
        return check(folder, REPORT, made, "")


def _report(
    run: Run,
    table: MetaTable,
    records: Mapping[str, Mapping[str, Any]],
    candidates: Mapping[str, Floats],
    choice: Choice,
    oof: Predictions,
    test: Predictions,
) -> dict[str, Any]:
    task = table.task
    metric = metric_named(task.metric)
    inside, outside = run.data.take(run.plan.inside), run.data.take(run.plan.outside)
    base = {name: score_card(task, table.learner_oof(name), inside, table.fold) for name in table.learners}
    single = _best(metric, table, {n: table.learner_oof(n).values for n in table.learners}, table.labels >= 0)
    rivals = {"plain mean": candidates[PLAIN_MEAN], f"best single ({single})": table.learner_oof(single).values}
    report: dict[str, Any] = {
        "task": task.name,
        "metric": task.metric,
        "chosen": choice.name,
        "chosen_by_fold": {str(fold): name for fold, name in choice.by_fold.items()},
        "learners": base,
        "unknown_folds": [name for name in table.learners if records[name]["folds"] == "unknown"],
        "candidates": {
            name: score_card(task, Predictions(task, table.ids, values), inside, table.fold)
            for name, values in candidates.items()
        },
        "stack": score_card(task, oof, inside, table.fold),
        "hard_vote_ties": count_ties(table.oof, table.classes),
        "against": {name: difference(metric, table, oof.values, values) for name, values in rivals.items()},
    }
    if (outside.labels(task) >= 0).any():  # the labelled test part: looked at only here, after the choice
        report["test"] = _test_part(table, test, inside, outside)
    return report


def _test_part(table: MetaTable, test: Predictions, inside: Dataset, outside: Dataset) -> dict[str, Any]:
    """Cards of the labelled rows outside the folds; a given test part may hold copies of training rows, so the stack
    is also scored without these."""
    copied = outside.frame["group"].isin(set(inside.frame["group"])).to_numpy()
    cards = {name: score_card(table.task, table.learner_test(name), outside) for name in table.learners}
    return {
        "cards": {**cards, "stack": score_card(table.task, test, outside)},
        "copies_in_training": int((copied & (outside.labels(table.task) >= 0)).sum()),
        "stack_without_copies": score_card(table.task, test, outside.take(~copied)),
    }


def difference(metric: Metric, table: MetaTable, ours: Floats, theirs: Floats) -> dict[str, float | None]:
    """Ours minus theirs, with the interval of paired bootstrap differences; positive is better."""
    values = metric.sign * (score(metric, table.labels, ours) - score(metric, table.labels, theirs))
    draws = [bootstrap(metric, table.labels, each, table.groups) for each in (ours, theirs)]
    low, high = interval(metric.sign * (draws[0] - draws[1]))
    return finite(value=values, low=low, high=high)


def read_stack(
    run: Run, task: Task, estimators: Sequence[str], learners: Sequence[str]
) -> tuple[Predictions, Predictions]:
    """The finished stack's OOF and test probabilities; raises StoreError where it is missing or stale."""
    chosen = choose_learners(run, task, learners)
    records = {name: run.base_record(name, task) for name in chosen}
    made = made_of(run, task, records, list(estimators) or list(META_ESTIMATORS), SEED)
    folder = run.store.stack(task.name)
    check(folder, REPORT, made, f"run `ensemble stack --task {task.name}`")
    return read_predictions(folder, "oof", task), read_predictions(folder, "test", task)
