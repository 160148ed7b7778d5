"""The report of one stack: what everything scored, on which rows, why these candidates, and what to be wary of."""

import time
from collections.abc import Sequence

import numpy as np

from ensemble.data import Dataset
from ensemble.metrics import METRICS, Metric, bootstrap, metric_of, score
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.scoring import Score, difference, finite, metric_input, score_card, score_with_interval
from meta.many_rows import many_rows_notes
from meta.nested_cv import NestedCV, mean_under_rule, options_chosen
from meta.records import LabelledParts, LabelledTest, SelectionReason, StackReport, StackWarnings
from meta.selection import Selection
from meta.table import MetaTable, StackInputs, unknown_folds
from meta.targets import target_of
from meta.votes import by_learner

PLAIN = "plain mean"
RULED = " under a rule"
WORSE = 0.02  # nats of log-loss above the plain mean's that are worth a warning


def stack_report(
    run: Run, inputs: StackInputs, nested: NestedCV, in_sample: Predictions, test: Predictions, started: float
) -> StackReport:
    """The report of a task. ``in_sample`` are predictions of the final stack for the rows it was fitted on, ``test``
    those for the rows outside the folds; ``started`` when it was begun, by time.monotonic()."""
    table, final, stack = inputs.table, nested.final, nested.oof
    task, metric = table.task, metric_of(table.task)
    unknown = unknown_folds(run, task)
    learners = _oof(run, table, unknown)
    inside = run.data.take(run.plan.cv_rows)
    fitted, unseen = (score(metric, table.labels, metric_input(each, metric)) for each in (in_sample, stack))
    report: StackReport = {
        "task": task.name,
        "metric": task.metric,
        "classes": list(task.classes),
        "folds": run.plan.settings.k,
        "stacked": list(table.learners),
        "learners": {name: score_card(task, oof, inside, table.fold) for name, oof in learners.items()},
        "unknown_folds": list(dict.fromkeys([*unknown, *table.doubtful])),
        "candidates": {
            name: {**score_card(task, values, inside, table.fold), "arg_max": _arg_max(metric, table, values)}
            for name, values in nested.candidates.items()
        },
        "stack": score_card(task, stack, inside, table.fold),
        "arg_max": _arg_max(metric, table, stack),
        "rule_gain": difference(metric, table.labels, table.groups, stack, Predictions(task, table.ids, stack.values)),
        "members": list(final.members),
        "options": list(map(str, options_chosen(final))),
        "members_by_fold": {str(fold): list(selection.members) for fold, selection in nested.by_fold.items()},
        "reason": reason(final),
        "proven": final.proven,
        "rule": final.rule.as_json(),
        "rules_by_fold": {str(fold): selection.rule.as_json() for fold, selection in nested.by_fold.items()},
        "in_sample": finite(value=fitted)["value"],
        "optimism": finite(value=metric.sign * (fitted - unseen))["value"],
        "against": against(table, stack),
        "hard_vote_ties": target_of(task).ties(by_learner(table.oof, len(table.learners), table.width)),
        "warnings": warnings(table, stack, inputs.settings.omitted(table)),
        "tuned": {name: inputs.records[name]["tuned"] for name in table.learners if "tuned" in inputs.records[name]},
        "seconds": round(time.monotonic() - started, 3),
    }
    return {**report, **_parts(run, table, test, inside)}


def _parts(run: Run, table: MetaTable, test: Predictions, inside: Dataset) -> LabelledParts:
    """The labelled test part and the development part, looked at only here, after the choice."""
    parts: LabelledParts = {}
    test_rows, dev_rows = run.data.take(run.plan.test_rows), run.data.take(run.plan.dev_rows)
    if table.task.target.known(test_rows.labels(table.task)).any():
        parts["test"] = _test_part(table, test, inside, test_rows)
    if table.task.target.known(dev_rows.labels(table.task)).any():
        parts["development"] = _test_part(table, test, inside, dev_rows)
    return parts


def _oof(run: Run, table: MetaTable, unknown: Sequence[str]) -> dict[str, Predictions]:
    """Of every learner that has them, those left out because their folds are unknown included."""
    found = {name: table.learner_oof(name) for name in table.learners}
    for name in unknown:
        if name not in found:
            found[name] = run.store.base(name, table.task.name).read("oof", table.task)
    return found


def rivals_of(table: MetaTable) -> dict[str, Predictions]:
    """What a stack is compared with: the plain mean as everybody has it, by arg max, and, lest a rule pass for skill,
    the plain mean and the best single learner each under a rule of its own. Numbers know no rules."""
    single = best_single(table)
    if not target_of(table.task).ruled:
        return {PLAIN: table.plain_mean, best_alone(single): table.learner_oof(single)}
    return {
        PLAIN: table.plain_mean,
        PLAIN + RULED: mean_under_rule(table, table.learners),
        best_under_rule(single): mean_under_rule(table, [single]),
    }


def best_alone(single: str) -> str:
    return f"best single ({single})"


def best_under_rule(single: str) -> str:
    return f"best single{RULED} ({single})"


def best_single(table: MetaTable) -> str:
    """The learner with the best score by plain arg max, of those whose folds are known: the best in hindsight."""
    metric = metric_of(table.task)
    honest = [name for name in table.learners if name not in table.doubtful] or table.learners
    scores = {name: metric.sign * score(metric, table.labels, table.learner_oof(name).values) for name in honest}
    return max(scores, key=lambda name: np.nan_to_num(scores[name], nan=-np.inf))


def against(table: MetaTable, stack: Predictions) -> dict[str, Score]:
    """By how much the stack is better than each rival, paired row by row."""
    metric, rivals = metric_of(table.task), rivals_of(table)
    return {name: difference(metric, table.labels, table.groups, stack, rival) for name, rival in rivals.items()}


def reason(selection: Selection) -> SelectionReason:
    """What is simple, what is best, and by how much."""
    gain = selection.tuned[selection.best].score - selection.tuned[selection.rival].score
    return {
        "rival": selection.rival,
        "best": selection.best,
        "gain": finite(gain=gain)["gain"],
        "p_value": selection.p_value,
        "tried": selection.tried,
    }


def warnings(table: MetaTable, stack: Predictions, omitted: tuple[str, ...] = ()) -> StackWarnings:
    """What a reader of the score must know."""
    metric, plain, lost = metric_of(table.task), table.plain_mean, None
    if metric.of_counts and (difference(metric, table.labels, table.groups, stack, plain)["value"] or 0) > 0:
        worse = difference(METRICS["log_loss"], table.labels, table.groups, plain, stack)
        if (worse["low"] or 0) > 0 and (worse["value"] or 0) > WORSE:
            lost = worse["value"]
    rare = target_of(table.task).rare(table.task, table.labels[table.known])
    found: StackWarnings = {"log_loss": lost, "rare_classes": rare, "unknown_folds": list(table.doubtful)}
    notes = many_rows_notes(len(table.ids), table.oof.shape[1], omitted)
    return {**found, "many_rows": notes} if notes else found


def _arg_max(metric: Metric, table: MetaTable, predictions: Predictions) -> Score:
    """The score without the decision rule."""
    draws = bootstrap(metric, table.labels, predictions.values, table.groups)
    return score_with_interval(score(metric, table.labels, predictions.values), draws)


def _test_part(table: MetaTable, test: Predictions, inside: Dataset, outside: Dataset) -> LabelledTest:
    """Cards of the labelled rows outside the folds; a given test part may hold copies of training rows, so the stack
    is also scored without these."""
    copied = outside.frame["group"].isin(set(inside.frame["group"])).to_numpy()
    cards = {name: score_card(table.task, table.learner_test(name), outside) for name in table.learners}
    return {
        "cards": {**cards, "stack": score_card(table.task, test, outside)},
        "copies_in_training": int((copied & table.task.target.known(outside.labels(table.task))).sum()),
        "stack_without_copies": score_card(table.task, test, outside.take(~copied)),
    }
