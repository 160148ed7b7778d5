"""The facts of a report come from finished stacks and say what a reader must know."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.toys import TOYS
from support.world import SARCASM, SENTIMENT, toy_table

from base_models import LEARNERS as LEARNERS_REGISTRY
from ensemble.errors import ConfigError, StoreError
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.run import Run
from meta.report.gather import gather_facts, reliability
from meta.report.leaderboard import make_leaderboard, paper_table
from meta.report.modality_table import modality_table
from meta.report.writing import write_report
from meta.stack import stack_task
from meta.table import StackSettings, assemble

FEW = StackSettings(("best_single", "soft_vote", "logistic_regression"))
Make = Callable[..., Run]


@pytest.fixture
def run(make_run: Make) -> Run:
    """Two tasks; a learner twice, and one that writes labels down and reads them again."""
    TOYS_AND_OURS = {**LEARNERS_REGISTRY, **TOYS}
    data = toy_table(400, seed=4, test_rows=120, tasks=(SENTIMENT, SARCASM))
    data = replace(data, subtasks={"A": ("sentiment",), "B": ("sentiment", "sarcasm")})
    learners = {
        "words": ("tfidf", {}),
        "again": ("tfidf", {}),
        "letters": ("tfidf", {"characters": 2}),
        "leaking": ("leaking", {"share": 0.9}),
    }
    made = make_run(data, learners, k=5, registry=TOYS_AND_OURS)
    assert train(made, list_work(made, made.specs, made.data.tasks, ())) == []
    for task in made.data.tasks:
        stack_task(made, task, FEW)
    return made


def test_the_facts_name_what_leaks_and_what_is_redundant(run: Run) -> None:
    facts = gather_facts(run, FEW, {"rows": 400})
    sentiment, sarcasm = facts.tasks
    assert (sentiment.name, sarcasm.name) == ("sentiment", "sarcasm")
    assert list(sentiment.leaks) == ["leaking"]
    shares = sentiment.contributions["learners"]
    assert {shares["words"]["redundant_with"], shares["again"]["redundant_with"]} == {None, "words"}
    assert {"stack", "plain mean"} < set(sarcasm.reliability)
    assert facts.table8[0].subtask == "A, B"
    assert set(facts.summary["against"]["B"]) == {"plain mean", "plain mean under a rule", "leaking under a rule"}
    assert facts.summary["rows_of"] == {"A": 400, "B": 400}


def test_the_json_lists_each_kind_of_fact_by_task_and_curves_by_learner(run: Run) -> None:
    facts = gather_facts(run, FEW, {"rows": 400}).as_json()
    json.dumps(facts, allow_nan=False)
    for kind in ("contributions", "seeds", "diversity", "leaks", "suspects", "hardest", "reliability"):
        assert list(facts[kind]) == ["sentiment", "sarcasm"]
    assert facts["contributions"]["sentiment"]["cost"].keys() == facts["modality"].keys() == facts["curves"].keys()
    assert facts["suspects"]["sentiment"].keys() == {"labels", "conflicts"}


def test_table_7_has_a_row_for_each_modality_and_its_last_is_the_headline(run: Run) -> None:
    facts = gather_facts(run, FEW, {})
    table = facts.table7
    assert table.columns == ["A", "B", "sarcasm"] and table.metrics == [["macro_f1"]] * 3
    assert [row.name for row in table.rows] == ["best single", "textual ensemble", "all learners", "stack"]
    assert table.rows[-1].scores[1] == facts.summary["subtasks"]["B"]["stack"]


def test_a_modality_without_a_name_of_its_own_has_an_ensemble_and_an_unknown_one_has_none(run: Run) -> None:
    inputs = {task.name: assemble(run, task, FEW).table for task in run.data.tasks}
    modality = {"words": "text", "again": "sound", "letters": "unknown", "leaking": "sound"}
    rows = modality_table(run.data, inputs, {}, modality, run.data.take(run.plan.cv_rows)).rows
    assert [row.name for row in rows][1:-1] == ["textual ensemble", "sound ensemble", "all learners"]


def test_a_report_needs_every_stack(run: Run) -> None:
    (run.store.stack("sarcasm") / "report.json").unlink()
    with pytest.raises(StoreError, match=r"sarcasm is not finished; run `ensemble stack --task sarcasm`"):
        gather_facts(run, FEW, {})


def test_a_page_that_cannot_be_written_is_refused_before_the_facts_are_gathered(run: Run) -> None:
    nothing: Any = None  # neither stacks nor scan are looked at
    with pytest.raises(ConfigError, match=r"name it \.html"):
        write_report(run, FEW, nothing, run.store.root / "page.json")
    with pytest.raises(StoreError, match="it is a folder"):
        write_report(run, FEW, nothing, run.store.root)


def test_seeds_alone_and_the_test_part_of_every_learner_are_among_the_facts(make_run: Make) -> None:
    learners = {"a": ("hash", {"salt": 1}), "b": ("hash", {"salt": 2})}
    made = replace(make_run(toy_table(80), learners, registry=TOYS, test_fraction=0.2), seeds=(0, 5))
    assert train(made, list_work(made, made.specs, made.data.tasks, ())) == []
    settings = StackSettings(("soft_vote",))
    stack_task(made, SENTIMENT, settings)
    facts = gather_facts(made, settings, {"rows": {"train": 80, "test": 0}})
    (task,) = facts.tasks
    assert set(task.report["test"]["cards"]) == {"a", "b", "stack"}
    assert {card["rows"] for card in task.report["test"]["cards"].values()} == {16}
    assert {name: len(scores["values"]) for name, scores in task.seeds.items()} == {"a": 2, "b": 2}
    rows = paper_table(make_leaderboard(task.report), task)
    assert {row.model.name for row in rows} == {"a", "b", "stack"}
    for row in rows:
        assert row.test is not None and len(row.over_folds) == len(row.test) == 4
        assert row.over_folds[0]["std"] is not None and row.size == ""


def test_reliability_counts_every_labelled_row_once(run: Run) -> None:
    table = assemble(run, SENTIMENT, FEW).table
    curve = reliability(table, table.learner_oof("words"))
    assert sum(curve.rows) == 400
    right = np.dot(curve.accuracy, curve.rows) / 400
    assert right == pytest.approx((table.learner_oof("words").labels() == table.labels).mean())
