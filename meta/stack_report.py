"""The account of one stack: what everything scored, on which rows, why this candidate, and what to be wary of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Dataset
from ensemble.metrics import METRICS, Metric, bootstrap, interval, metric_named, score
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.scoring import difference, finite, metric_input, score_card
from ensemble.store import read_predictions
from meta.nested_cv import Procedure, mean_under_rule, option_of, rule_of
from meta.selection import Selection
from meta.table import MetaTable, unknown_folds
from meta.votes import by_learner, count_ties

Floats = npt.NDArray[np.float64]

PLAIN = "plain mean"
RULED = " under a rule"
FEW = 10  # rows of a class that say little
WORSE = 0.02  # nats of log-loss above the plain mean's that are worth a warning


def account(
    run: Run, table: MetaTable, procedure: Procedure, in_sample: tuple[Floats, Codes], test: Predictions
) -> dict[str, Any]:
    """The report of a task, as plain JSON. ``in_sample`` are probabilities and labels of the final stack for the rows
    it was fitted on; ``test`` its predictions for the rows outside the folds."""
    task, metric = table.task, metric_named(table.task.metric)
    unknown = unknown_folds(run, task)
    inside, outside = run.data.take(run.plan.cv_rows), run.data.take(run.plan.test_rows)
    stack = procedure.oof
    again = Predictions(task, table.ids, in_sample[0], decided=in_sample[1])
    seen = score(metric, table.labels, metric_input(again, metric))
    nested = score(metric, table.labels, metric_input(stack, metric))
    report: dict[str, Any] = {
        "task": task.name,
        "metric": task.metric,
        "classes": list(task.classes),
        "folds": run.plan.settings.k,
        "stacked": list(table.learners),
        "learners": {
            name: score_card(task, oof, inside, table.fold) for name, oof in _oof(run, table, unknown).items()
        },
        "unknown_folds": list(dict.fromkeys([*unknown, *table.doubtful])),
        "candidates": {
            name: score_card(task, values, inside, table.fold) | {"arg_max": _arg_max(metric, table, values)}
            for name, values in procedure.candidates.items()
        },
        "stack": score_card(task, stack, inside, table.fold),
        "arg_max": _arg_max(metric, table, stack),
        "rule_gain": difference(metric, table.labels, table.groups, stack, Predictions(task, table.ids, stack.values)),
        "chosen": procedure.final.name,
        "option": str(option_of(procedure.final)),
        "chosen_by_fold": {str(fold): selection.name for fold, selection in procedure.by_fold.items()},
        "why": why(procedure.final, metric),
        "fallback": procedure.final.fallback,
        "rule": rule_of(procedure.final).as_json(),
        "rules_by_fold": {str(fold): rule_of(selection).as_json() for fold, selection in procedure.by_fold.items()},
        **finite(in_sample=seen, optimism=metric.sign * (seen - nested)),
        "against": {
            name: difference(metric, table.labels, table.groups, stack, rival)
            for name, rival in rivals_of(table).items()
        },
        "hard_vote_ties": count_ties(by_learner(table.oof, len(table.learners), table.classes)),
        "warnings": warnings(table, stack),
    }
    if (outside.labels(task) >= 0).any():  # the labelled test part: looked at only here, after the choice
        report["test"] = _test_part(table, test, inside, outside)
    return report


def _oof(run: Run, table: MetaTable, unknown: Sequence[str]) -> dict[str, Predictions]:
    """Of every learner that has them, those left out because their folds are unknown included."""
    found = {name: table.learner_oof(name) for name in table.learners}
    for name in unknown:
        if name not in found:
            found[name] = read_predictions(run.store.base(name, table.task.name), "oof", table.task)
    return found


def rivals_of(table: MetaTable) -> dict[str, Predictions]:
    """What a stack is compared with: the plain mean as everybody has it, by arg max, and, lest a rule pass for skill,
    the plain mean and the best single learner each under a rule of its own."""
    single = best_single(table)
    return {
        PLAIN: table.plain_mean,
        PLAIN + RULED: mean_under_rule(table, table.learners),
        f"best single{RULED} ({single})": mean_under_rule(table, [single]),
    }


def best_single(table: MetaTable) -> str:
    """The learner with the best score by plain arg max, of those whose folds are known: the best in hindsight."""
    metric = metric_named(table.task.metric)
    honest = [name for name in table.learners if name not in table.doubtful] or table.learners
    scores = {name: metric.sign * score(metric, table.labels, table.learner_oof(name).values) for name in honest}
    return max(scores, key=lambda name: np.nan_to_num(scores[name], nan=-np.inf))


def why(selection: Selection, metric: Metric) -> str:
    """One sentence: what was chosen, and what it had to beat."""
    rival, best = spoken(selection.rival), spoken(selection.best)
    gain = selection.settings[selection.best].score - selection.settings[selection.rival].score
    tried = f"p = {selection.p_value:.3f}, reality check over {selection.tried} candidates"
    if len(selection.settings) == 1:
        return f"The {best} was the only candidate."
    if selection.best == selection.rival:
        return f"No candidate scores better than the {rival} under its decision rule, so that is used."
    if selection.fallback:
        return (
            f"No candidate beats the {rival} beyond noise, both under their decision rules (the best, {best}, by "
            f"{gain:.3f} {metric.name} where it was chosen; {tried}), so the {rival} is used."
        )
    return f"The {best} beats the {rival} by {gain:.3f} {metric.name} where it was chosen, beyond noise ({tried})."


def spoken(name: str) -> str:
    """A candidate's name as people say it."""
    return "plain mean" if name == "soft_vote" else name.replace("_", " ")


def warnings(table: MetaTable, stack: Predictions) -> list[str]:
    """What a reader of the score must know."""
    found, metric = [], metric_named(table.task.metric)
    plain = table.plain_mean
    if metric.of_counts and (difference(metric, table.labels, table.groups, stack, plain)["value"] or 0) > 0:
        worse = difference(METRICS["log_loss"], table.labels, table.groups, plain, stack)
        if (worse["low"] or 0) > 0 and (worse["value"] or 0) > WORSE:
            found.append(
                f"The stack wins {metric.name} and loses log-loss: {worse['value']:.3f} nats worse than the plain "
                "mean. Its labels are better than its probabilities."
            )
    counts = np.bincount(table.labels[table.labels >= 0], minlength=table.classes)
    rare = [f"{name} {rows:,}" for name, rows in zip(table.task.classes, counts, strict=True) if rows < FEW]
    if rare:
        found.append(
            f"Fewer than {FEW} labelled rows of a class ({', '.join(rare)}): scores and intervals hang on single rows."
        )
    if table.doubtful:
        found.append(
            f"{', '.join(table.doubtful)}: imported with unknown folds and stacked because named; the stack's score "
            "may be optimistic and supports no claim."
        )
    return found


def _arg_max(metric: Metric, table: MetaTable, predictions: Predictions) -> dict[str, float | None]:
    """The score without the decision rule."""
    low, high = interval(bootstrap(metric, table.labels, predictions.values, table.groups))
    return finite(value=score(metric, table.labels, predictions.values), low=low, high=high)


def _test_part(table: MetaTable, test: Predictions, inside: Dataset, outside: Dataset) -> Mapping[str, Any]:
    """Cards of the labelled rows outside the folds; a given test part may hold copies of training rows, so the stack
    is also scored without these."""
    copied = outside.frame["group"].isin(set(inside.frame["group"])).to_numpy()
    cards = {name: score_card(table.task, table.learner_test(name), outside) for name in table.learners}
    return {
        "cards": {**cards, "stack": score_card(table.task, test, outside)},
        "copies_in_training": int((copied & (outside.labels(table.task) >= 0)).sum()),
        "stack_without_copies": score_card(table.task, test, outside.take(~copied)),
    }
