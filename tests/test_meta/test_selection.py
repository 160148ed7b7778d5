"""Candidates that cannot be told from the best are averaged, chosen from rows that may be looked at."""

import numpy as np
import pytest
from support.world import SENTIMENT, meta_table

from ensemble.data import Floats, Task
from ensemble.metrics import bootstraps, score
from meta.candidates import StackSpec
from meta.fitting import Option
from meta.nested_cv import nested_cv
from meta.nested_fits import nest
from meta.selection import SelectionData, reality_check, select
from meta.table import MetaTable

SPEC = StackSpec(3, 3, "macro_f1", 0)


def rows_of(table: MetaTable) -> SelectionData:
    return SelectionData(SENTIMENT, table.labels, table.fold, table.groups)


def nested(table: MetaTable, *names: str) -> dict[str, list[object]]:
    return {name: nest(table, [Option(name)], SPEC) for name in names}


def p_value(rows: SelectionData, rival: Floats, others: list[Floats]) -> float:
    scored = [rival, *others]
    merits = np.array([score(rows.metric, rows.labels, each) for each in scored])
    drawn = bootstraps(rows.metric, rows.labels, scored, rows.groups)
    return reality_check(merits[1:] - merits[0], drawn[1:] - drawn[0])


def test_what_is_no_better_than_the_plain_mean_beyond_noise_is_averaged_with_it() -> None:
    table = meta_table(rows=200, signal=1.0)
    mean = table.oof.reshape(200, 3, 3).mean(axis=1)
    better_by_luck = mean.copy()
    wrong = np.flatnonzero(mean.argmax(axis=1) != table.labels)[:2]
    better_by_luck[wrong] = np.eye(3)[table.labels[wrong]]
    selection = select(rows_of(table), {"soft_vote": [mean], "xgboost": [better_by_luck]})
    assert set(selection.members) == {"soft_vote", "xgboost"} and not selection.proven
    mean_of_both = selection.mean({"soft_vote": [mean], "xgboost": [better_by_luck]})
    np.testing.assert_allclose(mean_of_both, (mean + better_by_luck) / 2)


def test_what_is_clearly_better_stands_alone() -> None:
    table = meta_table(rows=400, signal=0.5)
    mean = table.oof.reshape(400, 3, 3).mean(axis=1)
    selection = select(rows_of(table), {"soft_vote": [mean], "xgboost": [0.5 * mean + 0.5 * np.eye(3)[table.labels]]})
    assert selection.members == ("xgboost",) and selection.proven and selection.p_value < 0.01


def test_of_equal_candidates_the_first_and_simplest_counts_as_best() -> None:
    table = meta_table()
    mean = table.oof.reshape(240, 3, 3).mean(axis=1)
    selection = select(rows_of(table), {"soft_vote": [mean], "xgboost": [mean.copy()]})
    assert selection.members == ("soft_vote", "xgboost") and selection.best == selection.rival == "soft_vote"


def test_a_candidate_without_a_score_is_no_member() -> None:
    """Of a correlation, who says the same of every row."""
    random = np.random.default_rng(0)
    labels = random.normal(size=90)
    task = Task("feeling", kind="regression", metric="pearson")
    rows = SelectionData(task, labels, np.arange(90) % 3, np.arange(90))
    known = labels[:, None] + random.normal(size=(90, 1))
    assert select(rows, {"mean": [np.zeros((90, 1))], "ridge": [known]}).members == ("ridge",)
    assert select(rows, {"mean": [np.zeros((90, 1))], "ridge": [np.ones((90, 1))]}).members == ("mean", "ridge")


def test_many_useless_candidates_do_not_pass_for_one_that_is_better() -> None:
    """White's check holds its level where the best of thirty draws of noise would fool a single comparison."""
    passed = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = random.integers(2, size=150)
        rows = SelectionData(SENTIMENT, labels, np.arange(150) % 3, np.arange(150))
        guesses = [np.eye(3)[random.integers(2, size=150)] for _ in range(31)]
        passed += p_value(rows, guesses[0], guesses[1:]) < 0.05
    assert passed <= 4


@pytest.mark.parametrize("rare", [1, 2, 3])
def test_what_is_better_on_a_few_rows_of_a_rare_class_only_is_not_better_beyond_noise(rare: int) -> None:
    """Many draws lack these rows altogether, which a centred bootstrap does not see."""
    labels = np.where(np.arange(1000) < rare, 2, np.arange(1000) % 2)
    rows = SelectionData(SENTIMENT, labels, np.arange(1000) % 5, np.arange(1000))
    better = np.eye(3)[labels]
    without = better.copy()
    without[:1] = [1, 0, 0]
    assert p_value(rows, without, [better]) > 0.05


def test_a_single_candidate_is_chosen_without_a_rival() -> None:
    table = meta_table()
    selection = select(rows_of(table), {"xgboost": [table.plain_mean.values]})
    assert selection.members == ("xgboost",) and not selection.proven


def test_the_choice_for_a_fold_does_not_depend_on_that_fold() -> None:
    """Neither the fits it compares, nor parameters, nor rule: labels of the fold are scrambled and nothing changes."""
    table = meta_table(rows=240)
    held = table.fold == 2
    scrambled = np.where(held, (table.labels + 1) % 3, table.labels)
    other = MetaTable(*[scrambled if name == "labels" else value for name, value in vars(table).items()])
    names = ("soft_vote", "greedy", "logistic_regression", "decision_tree")
    ours, theirs = (nested_cv(each, nested(each, *names)) for each in (table, other))
    assert ours.by_fold[2].members == theirs.by_fold[2].members
    assert (ours.oof.values[held] == theirs.oof.values[held]).all()
    assert (ours.oof.labels()[held] == theirs.oof.labels()[held]).all()
    for name in names:
        assert (ours.candidates[name].labels()[held] == theirs.candidates[name].labels()[held]).all()


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest", "xgboost", "simplex"])
def test_inner_predictions_of_a_fold_come_from_fits_that_saw_neither_it_nor_the_scored_fold(name: str) -> None:
    table = meta_table()
    both = np.isin(table.fold, [0, 3])
    scrambled = np.where(both, (table.labels + 1) % 3, table.labels)
    other = MetaTable(*[scrambled if key == "labels" else value for key, value in vars(table).items()])
    ours, theirs = (nest(each, [Option(name)], SPEC)[0] for each in (table, other))
    for scored, seen in ((0, 3), (3, 0)):
        rows = table.fold == seen
        assert (ours.inner[scored][rows] == theirs.inner[scored][rows]).all()
        assert (ours.inner[scored][table.fold == scored] == 0).all()
        np.testing.assert_allclose(ours.inner[scored][table.fold != scored].sum(axis=1), 1)
