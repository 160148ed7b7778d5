"""The report of a stack names its rivals, its reason, and what to be wary of."""

from dataclasses import replace

import numpy as np
import pytest
from support.world import meta_table

from ensemble.data import Task
from ensemble.errors import FoldError
from ensemble.metrics import METRICS
from ensemble.predictions import Predictions
from ensemble.scoring import difference
from meta.nested_cv import mean_under_rule
from meta.selection import SelectionData, select
from meta.stack import make_stack
from meta.stack_report import best_single, reason, warnings
from meta.table import MetaTable, StackSettings

QUIET = {"log_loss": None, "rare_classes": {}, "unknown_folds": []}
FEW = StackSettings(("best_single", "soft_vote", "logistic_regression"))


def as_stack(table: MetaTable, values: np.ndarray) -> Predictions:
    return Predictions(table.task, table.ids, values)


def test_the_best_single_learner_is_never_one_of_unknown_folds() -> None:
    table = meta_table()
    table.oof[:, 3:6] = np.eye(3)[table.labels]
    assert best_single(table) == "b"
    assert best_single(replace(table, doubtful=("b",))) != "b"


def test_better_labels_with_worse_probabilities_are_warned_of() -> None:
    table = meta_table(signal=1.0)
    mean = table.plain_mean.values
    true = np.eye(3)[table.labels]
    wrong = mean.argmax(axis=1) != table.labels
    bold = np.where((wrong & (np.arange(240) % 2 == 0))[:, None], true, np.eye(3)[mean.argmax(axis=1)])
    assert (warnings(table, as_stack(table, bold))["log_loss"] or 0) > 0.02


def test_a_stack_that_is_worse_in_everything_wins_nothing_in_the_warnings() -> None:
    table = meta_table()
    assert warnings(table, as_stack(table, np.eye(3)[(table.labels + 1) % 3])) == QUIET


def test_stacked_learners_of_unknown_folds_are_warned_of_by_name() -> None:
    table = replace(meta_table(), doubtful=("c",))
    assert warnings(table, table.plain_mean) == {**QUIET, "unknown_folds": ["c"]}


def test_a_difference_is_positive_where_ours_is_better_also_for_a_loss() -> None:
    table = meta_table()
    uniform = as_stack(table, np.full((240, 3), 1 / 3))
    for name in ("log_loss", "brier", "macro_f1", "accuracy"):
        found = difference(METRICS[name], table.labels, table.groups, table.plain_mean, uniform)
        assert found["value"] > 0 and found["low"] > 0


def test_the_reason_says_what_was_chosen_and_what_it_had_to_beat() -> None:
    table = meta_table(rows=400, signal=0.5)
    rows = SelectionData(table.task, table.labels, table.fold, table.groups)
    mean, better = table.plain_mean.values, 0.5 * table.plain_mean.values + 0.5 * np.eye(3)[table.labels]
    won = reason(select(rows, {"soft_vote": [mean], "random_forest": [better]}))
    assert (won["best"], won["rival"], won["tried"]) == ("random_forest", "soft_vote", 1)
    assert (won["gain"] or 0) > 0 and won["p_value"] < 0.05
    even = reason(select(rows, {"soft_vote": [mean], "random_forest": [mean]}))
    assert even == {"rival": "soft_vote", "best": "soft_vote", "gain": 0.0, "p_value": 1.0, "tried": 1}


@pytest.mark.parametrize("labelled", [0, 1, 2])
def test_labels_in_fewer_than_three_folds_are_refused_in_one_line(labelled: int) -> None:
    table = meta_table()
    table = replace(table, labels=np.where(table.fold < labelled, table.labels, -1))
    with pytest.raises(FoldError, match=f"'sentiment' has labels in {labelled} of 4 folds; .* at least 3"):
        make_stack(table, FEW)


@pytest.mark.parametrize("name", ["roc_auc", "log_loss"])
def test_metrics_of_probabilities_are_stacked_by_arg_max_and_never_below_the_worst_learner(name: str) -> None:
    table = replace(meta_table(), task=Task("sentiment", ("negative", "neutral", "positive"), metric=name))
    nested, stack = make_stack(table, FEW)
    assert stack.rule.kind == "arg_max"
    worst = min((table.learner_oof(each) for each in table.learners), key=lambda one: one.values[0, 0])
    assert difference(METRICS[name], table.labels, table.groups, nested.oof, worst)["value"] > 0


def test_a_class_of_few_rows_is_warned_of() -> None:
    table = meta_table()
    table.labels[np.flatnonzero(table.labels == 1)[3:]] = -1
    assert warnings(table, table.plain_mean) == {**QUIET, "rare_classes": {"neutral": 3}}


def test_the_stack_that_is_the_plain_mean_gains_nothing_over_the_plain_mean_under_a_rule() -> None:
    """What a rule gives is not counted as the stack's skill."""
    table = meta_table(signal=1.0)
    nested, _ = make_stack(table, StackSettings(("soft_vote",)))
    ruled = mean_under_rule(table, table.learners)
    assert (nested.oof.labels() == ruled.labels()).all()
    assert difference(METRICS["macro_f1"], table.labels, table.groups, nested.oof, ruled)["value"] == 0
