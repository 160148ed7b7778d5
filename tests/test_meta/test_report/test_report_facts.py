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
from meta.report.board import as_papers_report, leaderboard
from meta.report.facts import gather, reliability
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


def test_the_facts_are_json_and_name_what_leaks_and_what_is_redundant(run: Run) -> None:
    facts = gather(run, FEW, {"rows": 400})
    json.dumps(facts, allow_nan=False)
    assert [report["task"] for report in facts["tasks"]] == ["sentiment", "sarcasm"]
    assert list(facts["leaks"]["sentiment"]) == ["leaking"]
    again = facts["contributions"]["sentiment"]["learners"]
    assert {again["words"]["redundant_with"], again["again"]["redundant_with"]} == {None, "words"}
    assert facts["table7"]["columns"] == ["A", "B", "sarcasm"]
    names = [row["name"] for row in facts["table7"]["rows"]]
    assert names[0] == "best single" and names[-1] == "stack" and "textual ensemble" in names
    assert facts["table8"][0]["subtask"] == "A, B"
    assert {"stack", "plain mean"} < set(facts["reliability"]["sarcasm"])
    assert set(facts["against"]["B"]) == {"plain mean", "plain mean under a rule", "leaking under a rule"}
    assert facts["rows_of"] == {"A": 400, "B": 400}
    for kind in ("suspects", "hardest"):
        assert set(facts[kind]) == {"sentiment", "sarcasm"}


def test_the_stack_row_of_table_7_is_the_headline(run: Run) -> None:
    facts = gather(run, FEW, {})
    position = facts["table7"]["columns"].index("B")
    assert facts["table7"]["rows"][-1]["scores"][position] == facts["subtasks"]["B"]["stack"]


def test_a_report_needs_every_stack(run: Run) -> None:
    (run.store.stack("sarcasm") / "report.json").unlink()
    with pytest.raises(StoreError, match=r"sarcasm is not finished; run `ensemble stack --task sarcasm`"):
        gather(run, FEW, {})


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
    facts = gather(made, settings, {"rows": {"train": 80, "test": 0}})
    (report,) = facts["tasks"]
    assert set(report["test"]["cards"]) == {"a", "b", "stack"}
    assert {card["rows"] for card in report["test"]["cards"].values()} == {16}
    assert {name: len(found["values"]) for name, found in facts["seeds"]["sentiment"].items()} == {"a": 2, "b": 2}
    rows = as_papers_report(
        leaderboard(report), report, facts["contributions"]["sentiment"]["cost"], facts["seeds"]["sentiment"]
    )
    assert {row["model"].name for row in rows} == {"a", "b", "stack"}
    for row in rows:
        assert len(row["over_folds"]) == len(row["test"]) == 4 and row["over_folds"][0]["std"] is not None
        assert row["size"] == ""


def test_reliability_counts_every_labelled_row_once(run: Run) -> None:
    table = assemble(run, SENTIMENT, FEW).table
    curve = reliability(table, table.learner_oof("words"))
    assert sum(curve["rows"]) == 400
    right = np.dot(curve["accuracy"], curve["rows"]) / 400
    assert right == pytest.approx((table.learner_oof("words").labels() == table.labels).mean())
