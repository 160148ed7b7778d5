"""What papers show of videos and of their learners, from any run: courses, variances, seeds, variants, layers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.regressions import MOOD, of_videos
from support.reported import SCRIPT

from ensemble.content.audit import audit
from ensemble.content.scan import scan
from ensemble.run import Run
from ensemble.scoring import score_card
from ensemble.store import Job
from ensemble.system.files import read_json, write_json
from ensemble.tuning.layers import LayerCurves, score_layers
from meta.report.facts import ReportFacts
from meta.report.gather import gather_facts
from meta.report.group_facts import FEW, SHOWN, group_facts, variance
from meta.report.page import draw_page
from meta.report.variant_section import variant_tables
from meta.report.variants import differing
from meta.stack import stack_task
from meta.table import StackSettings

LEARNERS: dict[str, tuple[str, dict[str, object]]] = {
    "words": ("layered", {"layer": 3}),
    "late_words": ("layered", {}),
    "sound": ("layered", {"layer": 1, "looks_at": ("audio",)}),
    "all": ("layered", {"layer": 4, "looks_at": ("text", "audio")}),
}
SETTINGS = StackSettings(("best_single", "mean"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return of_videos(tmp_path_factory.mktemp("videos"), LEARNERS, hostile=SCRIPT)


def with_layers(run: Run) -> None:
    """Scores of layers, and weights of layers in the records of two fold models."""
    score_layers(run, "all", MOOD)
    for fold, weights in enumerate(([0.5, 0.3, 0.2], [0.1, 0.3, 0.6])):
        record = run.store.job(Job("all", "mood", 0, fold)).record
        write_json(record, {**read_json(record), "layer_weights": {"audio": weights}})


@pytest.fixture(scope="module")
def facts(run: Run) -> ReportFacts:
    with_layers(run)
    stack_task(run, MOOD, SETTINGS)
    return gather_facts(run, SETTINGS, audit(run.data, scan(run.data)[1]))


@pytest.fixture(scope="module")
def page(facts: ReportFacts) -> str:
    return draw_page(facts, Path())


def test_the_clips_of_the_longest_videos_stand_in_their_order_beside_the_truth(run: Run, facts: ReportFacts) -> None:
    numbers = facts.tasks[0].numbers
    assert numbers and numbers.groups
    assert len(numbers.groups.courses) == SHOWN
    labels = dict(zip(run.data.ids, run.data.labels(MOOD), strict=True))
    for course in numbers.groups.courses:
        assert [name.rpartition("_")[2] for name in course.ids] == [str(clip) for clip in range(8)]
        assert course.truth == [labels[name] for name in course.ids]
        assert set(course.predicted) == {*LEARNERS, "stack"}
    oof = run.store.base("sound", "mood").read("oof", MOOD)
    course = numbers.groups.courses[0]
    assert course.predicted["sound"] == oof.take(course.ids).values[:, 0].tolist()


def test_variances_are_of_every_labelled_part_and_the_truth_comes_first(facts: ReportFacts) -> None:
    numbers = facts.tasks[0].numbers
    assert numbers and numbers.groups
    parts = numbers.groups.parts
    assert {name: (part.rows, part.groups) for name, part in parts.items()} == {
        "oof": (64, 8),
        "dev": (16, 2),
        "test": (16, 2),
    }
    assert list(parts["oof"].variances) == ["truth", *LEARNERS, "stack"]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-3, 3)), min_size=1, max_size=60))
def test_variance_within_groups_and_between_them_add_up(rows: list[tuple[int, float]]) -> None:
    groups = np.unique([group for group, _ in rows], return_inverse=True)[1]
    values = np.array([value for _, value in rows])
    found = variance(values, groups)
    means = np.array([values[groups == group].mean() for group in groups])
    assert found.total == pytest.approx(found.within + means.var(), abs=1e-9)


def test_copies_alone_make_no_groups_worth_a_figure(run: Run) -> None:
    rows = run.data.take(run.plan.cv_rows)
    oof = {"words": run.store.base("words", "mood").read("oof", MOOD)}
    pairs = rows.with_columns(group=np.arange(len(rows)) // (FEW - 1))
    assert group_facts({"oof": (pairs, oof)}) is None
    assert group_facts({"oof": (rows, oof)}) is not None


def test_the_mean_of_the_metrics_and_the_averaged_predictions_are_told_apart(run: Run, facts: ReportFacts) -> None:
    scores = facts.tasks[0].seed_scores["words"]
    assert list(scores) == ["oof", "dev", "test"]
    outside = run.data.take(run.plan.test_rows)
    averaged = run.store.base("words", "mood").read("test", MOOD)
    assert scores["test"]["metrics"]["mae"]["value"] == pytest.approx(
        score_card(MOOD, averaged, outside)["metrics"]["mae"]["value"]
    )
    seeds = scores["test"]["seeds"]
    assert len(seeds["values"]) == 3 and seeds["metrics"]["mae"]["mean"] == pytest.approx(np.mean(seeds["values"]))
    assert seeds["metrics"]["mae"]["mean"] > scores["test"]["metrics"]["mae"]["value"], "noise averages out"
    record = run.results.base_record("words", MOOD)
    assert record["oof"]["seeds"] == scores["oof"]["seeds"] and record["dev"]["seeds"] == scores["dev"]["seeds"]


def test_learners_of_one_kind_are_told_apart_by_what_differs(facts: ReportFacts) -> None:
    (found,) = facts.tasks[0].variants
    assert found.learner == "layered"
    assert found.params["words"] == {"layer": 3, "looks_at": ("text",)}, "dial is the same in all"
    (table,) = variant_tables(facts.tasks[0], facts.modality)
    assert [row.modality for row in table.rows] == ["text+audio", "audio", "text", "text"]
    assert [title for title, _ in table.parts] == ["out of fold", "development part", "labelled test part"]
    assert table.metrics == ["mae", "pearson", "acc_2", "acc_2_nonzero"]
    best = [row.name for row in table.rows if row.best[0]]
    assert best == ["words"], "the least error is the best"
    by_name = {row.name: row.scores for row in table.rows}
    test = facts.tasks[0].report["test"]["cards"]["sound"]["metrics"]
    assert by_name["sound"][8:] == [test[name]["value"] for name in table.metrics]


def test_a_parameter_that_only_some_have_sets_them_apart() -> None:
    assert differing({"a": {"x": 1, "y": 2}, "b": {"x": 1}}) == {"a": {"y": 2}, "b": {}}


def test_layers_are_told_with_the_rows_that_judged_them(facts: ReportFacts, page: str) -> None:
    (task,) = facts.tasks
    assert [(of["modality"], of["best"]) for of in task.layers["all"]["curves"]] == [("text", 3), ("audio", 3)]
    assert "text: best at 3 of 5" in page and "audio: best at 3 of 5" in page
    assert "judged by the development part, 16 rows; no held-out row and no test row had a part in it" in page
    written = facts.as_json()["layers"]["mood"]["all"]
    assert written["judged"] == "development part" and len(written["curves"][0]["layers"]) == 5


def test_layers_of_another_learner_are_left_out_and_that_is_said(facts: ReportFacts) -> None:
    (task,) = facts.tasks
    stale: LayerCurves = {**task.layers["all"], "curves": [], "stale": ["text", "audio"]}
    page = draw_page(replace(facts, tasks=[replace(task, layers={"all": stale})]), Path())
    assert "text, audio: scored with other data, folds or parameters" in page and "best at 3 of 5" not in page


def test_learned_weights_of_layers_are_the_mean_over_fold_models(facts: ReportFacts, page: str) -> None:
    (task,) = facts.tasks
    assert task.layer_weights == {"all": {"audio": pytest.approx([0.3, 0.3, 0.4])}}
    assert "Layers as weighted" in page and "all: audio" in page


def test_the_page_shows_them_and_strangers_write_no_element(facts: ReportFacts, page: str) -> None:
    for words in (
        *("Seeds, each alone", "3 alone", "averaged", "Variants of <bdi>layered</bdi>", "layer = 3"),
        *("Posts that belong together", "8 posts from", "Variance: of all"),
    ):
        assert words in page
    assert SCRIPT not in page and "alert(1)" in page
    assert "sound (audio)" in page and "words (text)" in page and "late_words (text)" not in page, "the best of each"
    json.dumps(facts.as_json(), allow_nan=False, default=str)
