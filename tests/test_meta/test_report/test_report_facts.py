"""The facts of a report come from finished stacks and say what a reader must know."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.toys import TOYS
from support.world import SARCASM, SENTIMENT, toy_table

from base_models import LEARNERS
from ensemble.content.scan import scan
from ensemble.datasets.slices import keep_slices
from ensemble.errors import ConfigError, StoreError
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.run import LearnerSpec, Run
from ensemble.store import Store
from meta.report.facts import ReportFacts
from meta.report.gather import gather_facts
from meta.report.leaderboard import make_leaderboard, paper_table
from meta.report.modality_table import modality_table
from meta.report.reliability import reliability
from meta.report.writing import write_report
from meta.stack import stack_task
from meta.table import StackSettings, assemble

FEW = StackSettings(("best_single", "soft_vote", "logistic_regression"))
Make = Callable[..., Run]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two tasks, stacked; a learner twice, and one that writes labels down and reads them again."""
    toy = toy_table(400, seed=4, test_rows=120, tasks=(SENTIMENT, SARCASM))
    data = replace(toy, subtasks={"A": ("sentiment",), "B": ("sentiment", "sarcasm")})
    specs = (
        LearnerSpec("words", "tfidf", {}),
        LearnerSpec("again", "tfidf", {}),
        LearnerSpec("letters", "tfidf", {"characters": 2}),
        LearnerSpec("leaking", "leaking", {"share": 0.9}),
    )
    plan = make_plan(data, np.arange(len(data)), FoldSettings(k=5))
    store = Store(tmp_path_factory.mktemp("run"))
    made = Run(store, plan.with_groups(data), plan, {**LEARNERS, **TOYS}, specs)
    assert train(made, list_work(made, made.specs, made.data.tasks, ())) == []
    for task in made.data.tasks:
        stack_task(made, task, FEW)
    return made


@pytest.fixture(scope="module")
def facts(run: Run) -> ReportFacts:
    return gather_facts(run, FEW, {"rows": 400})


def test_the_facts_name_what_leaks_and_what_is_redundant(facts: ReportFacts) -> None:
    sentiment, sarcasm = facts.tasks
    assert (sentiment.name, sarcasm.name) == ("sentiment", "sarcasm")
    assert list(sentiment.leaks) == ["leaking"]
    shares = sentiment.contributions["learners"]
    assert {shares["words"]["redundant_with"], shares["again"]["redundant_with"]} == {None, "words"}
    assert {"stack", "plain mean"} < set(sarcasm.reliability)
    assert facts.table8[0].subtask == "A, B"
    single = "best single under a rule (leaking)"
    assert set(facts.summary["against"]["B"]) == {"plain mean", "plain mean under a rule", single}
    assert facts.summary["rows_of"] == {"A": 400, "B": 400}


def test_the_json_lists_each_kind_of_fact_by_task_and_curves_by_learner(facts: ReportFacts) -> None:
    listed = facts.as_json()
    json.dumps(listed, allow_nan=False)
    for kind in ("contributions", "seeds", "diversity", "leaks", "label_issues", "hardest", "reliability"):
        assert list(listed[kind]) == ["sentiment", "sarcasm"]
    assert listed["contributions"]["sentiment"]["cost"].keys() == listed["modality"].keys() == listed["curves"].keys()
    assert listed["label_issues"]["sentiment"].keys() == {"labels", "conflicts"}


def test_table_7_has_a_row_for_each_modality_and_its_last_is_the_headline(facts: ReportFacts) -> None:
    table = facts.table7
    assert table.columns == ["A", "B", "sarcasm"] and table.metrics == [["macro_f1"]] * 3
    assert [row.name for row in table.rows] == [
        "majority class",
        "best single",
        "textual ensemble",
        "all learners",
        "stack",
    ]
    assert table.rows[-1].scores[1] == facts.summary["subtasks"]["B"]["stack"]


def test_a_modality_without_a_name_of_its_own_has_an_ensemble_and_an_unknown_one_or_none_has_none(run: Run) -> None:
    inputs = {task.name: assemble(run, task, FEW).table for task in run.data.tasks}
    modality = {"words": "text", "again": "sound", "letters": "unknown", "leaking": "none"}
    rows = modality_table(run.data, inputs, {}, modality, run.data.take(run.plan.cv_rows)).rows
    assert [row.name for row in rows][2:-1] == ["textual ensemble", "sound ensemble", "all learners"]


def test_a_report_needs_every_stack(run: Run) -> None:
    record = run.store.stack("sarcasm").record
    aside = record.rename(record.with_suffix(".aside"))
    with pytest.raises(StoreError, match=r"sarcasm is not finished; run `ensemble stack --task sarcasm`"):
        gather_facts(run, FEW, {})
    aside.rename(record)


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
    rows = paper_table(make_leaderboard(task), task)
    assert {row.model.name for row in rows} == {"a", "b", "stack", "majority class"}
    for row in rows:
        assert row.test is not None and len(row.over_folds) == len(row.test) == 4
        assert row.over_folds[0]["std"] is not None and row.size == ""


def test_reliability_counts_every_labelled_row_once(run: Run) -> None:
    table = assemble(run, SENTIMENT, FEW).table
    curve = reliability(table.labels, table.learner_oof("words"))
    assert sum(curve.rows) == 400
    right = np.dot(curve.accuracy, curve.rows) / 400
    assert right == pytest.approx((table.learner_oof("words").labels() == table.labels).mean())


def test_scores_by_slice_stand_beside_the_whole_in_numbers_and_words(make_run: Make, tmp_path: Path) -> None:
    toy = toy_table(150, seed=4)
    said = [
        text.rsplit("sentiment")[-1] == label for text, label in zip(toy.texts, toy.frame["sentiment"], strict=True)
    ]
    easy = np.where(np.arange(150) < 20, None, np.where(said, "easy", "hard")).tolist()
    columns = {"kind": easy, "length": np.arange(150), "source": ["web"] * 150}
    run = make_run(
        keep_slices(toy.with_columns(**columns), [*columns]), {"words": ("tfidf", {}), "prior": ("prior", {})}
    )
    train(run, list_work(run, run.specs, run.data.tasks, ()))
    report = stack_task(run, SENTIMENT, FEW)
    kind, length, source = gather_facts(run, FEW, {"rows": 150}).tasks[0].slices
    of = {one["name"]: one for one in kind["slices"]}
    assert sum(one["rows"] for one in kind["slices"]) == 150 and kind["few"] == ["(none)"]
    assert of["easy"]["against"]["low"] > 0 > of["hard"]["against"]["high"]  # type: ignore[operator]
    assert length["slices"][0]["name"] == "from 0 to 37" and len(length["slices"]) == 4
    (only,) = source["slices"]
    assert only["score"] == pytest.approx(report["stack"]["metrics"]["macro_f1"]) and only["against"]["value"] is None
    write_report(run, FEW, scan(run.data)[1], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    for words in ("Scores by <bdi>kind</bdi>", "all rows", "above 74 to 112", "Fewer than 30 rows, which say little:"):
        assert words in page, words
    written = json.loads((tmp_path / "report.json").read_text())
    assert [each["column"] for each in written["slices"]["sentiment"]] == ["kind", "length", "source"]


def test_without_such_columns_a_report_says_nothing_of_slices(facts: ReportFacts) -> None:
    assert "slices" not in facts.as_json() and not facts.tasks[0].slices
