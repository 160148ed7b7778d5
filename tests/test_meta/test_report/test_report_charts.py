"""Figures as inline SVG: words stay words, colours follow the page, ids do not collide."""

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reported import CANDIDATES, LEARNERS, SCRIPT, report_facts

from meta.report.charts import IntervalRow, correlation_map, cost_plot, curve_plot, interval_plot, reliability_plot
from meta.report.leaderboard import make_leaderboard, most_telling
from meta.report.reliability import Reliability

SCORED = {"value": 0.5, "low": 0.45, "high": 0.56}


def test_names_with_markup_or_mathematics_are_only_text() -> None:
    rows = [IntervalRow("$\\frac{1}{2}$", SCORED, "stack"), IntervalRow("<b>bold", SCORED, "learner")]
    drawn = interval_plot(rows, SCRIPT)
    assert "<b>" not in drawn and "<script" not in drawn
    assert {"$\\frac{1}{2}$", "<b>bold"} <= {unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)<", drawn)}


def test_a_figure_takes_its_colours_and_its_font_from_the_page() -> None:
    drawn = interval_plot([IntervalRow("a", SCORED, "learner")], "one", origin=0.5)
    assert "var(--learner)" in drawn and "var(--muted)" in drawn
    assert "#0a0b" not in drawn and "font-family" not in drawn
    assert "<style" not in drawn and "<metadata" not in drawn


def test_ids_differ_between_figures_and_equal_figures_are_equal() -> None:
    rows = [IntervalRow("a", SCORED, "learner")]
    first, again = interval_plot(rows, "one"), interval_plot(rows, "one")
    other = interval_plot([*rows, IntervalRow("b", SCORED, "stack")], "two")
    assert first == again
    ids, others = (set(re.findall(r' id="([^"]+)"', drawn)) for drawn in (first, other))
    assert ids and not ids & others
    for drawn, own in ((first, ids), (other, others)):
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', drawn)) == own


@settings(max_examples=20)
@given(st.lists(st.floats(-1, 1) | st.none(), min_size=9, max_size=9))
def test_a_map_of_any_correlations_can_be_drawn(values: list[float | None]) -> None:
    drawn = correlation_map(["a", "b", "c"], [values[:3], values[3:6], values[6:]], "map")
    assert "data:image/png;base64," in drawn


@pytest.mark.parametrize("value", [0.5, None])
def test_scores_that_do_not_exist_leave_their_place_empty(value: float | None) -> None:
    scored = {"value": value, "low": None, "high": None}
    assert interval_plot([IntervalRow("a", scored, "stack"), IntervalRow("b", SCORED, "stack")], "scores")
    assert cost_plot({"a": (10.0, scored), "b": (100.0, SCORED)}, "gain", "cost")


def test_curves_of_one_epoch_and_reliability_of_no_rows_can_be_drawn() -> None:
    assert curve_plot({0: [(1, 0.5)]}, "loss", "one epoch")
    assert reliability_plot({"stack": Reliability([], [], [], None)}, "nothing")


def test_the_leaderboard_ranks_within_stack_candidates_and_learners() -> None:
    facts = report_facts(1).tasks[0]
    report, leaderboard = facts.report, make_leaderboard(facts)
    ranked = ["candidate"] * len(CANDIDATES) + ["learner"] * len(LEARNERS)
    assert [model.kind for model in leaderboard] == ["stack", *ranked, "baseline"]
    for kind in ("candidate", "learner"):
        values = [model.score["value"] for model in leaderboard if model.kind == kind]
        assert values == sorted(values, reverse=True)
    assert {model.name for model in leaderboard if model.member} == set(report["members"])
    assert [model.title for model in leaderboard if model.mark == "*"] == ["clip_joint *"]


def test_a_short_figure_keeps_the_stack_and_the_plain_mean() -> None:
    facts = report_facts(1).tasks[0]
    leaderboard = make_leaderboard(facts)
    few = most_telling(leaderboard, 5)
    assert len(few) == 5
    assert {"stack", "soft_vote", "majority class"} <= {model.name for model in few}
    assert few == [model for model in leaderboard if model in few]
    assert most_telling(leaderboard, 100) == leaderboard
