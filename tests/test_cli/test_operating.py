"""`ensemble thresholds` and `ensemble score`: a finished run put to work, and held to its word."""

import json
from pathlib import Path

import pandas as pd
import pytest
from support.shell import SOFT, Ensemble

from cli.memes import draw_memes


@pytest.fixture
def finished(ensemble: Ensemble, finished_config: Path) -> Ensemble:
    return ensemble


def test_an_operating_point_is_chosen_said_applied_left_out_and_taken_away(
    finished: Ensemble, memes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def labels(*options: str) -> list[str]:
        caplog.clear()
        assert finished("predict", memes / "test.csv", "--quiet", "-o", "out.csv", *options).code == 0
        return pd.read_csv(tmp_path / "out.csv", dtype=str)["sarcasm"].tolist()

    before = labels()
    chosen = finished("thresholds", "-t", "sarcasm", "--recall", "0.99", "--quiet")
    assert chosen.code == 0, chosen.err
    assert "chosen anew by fold" in chosen.out and "sarcasm: '1' from a probability of" in chosen.out
    assert labels() != before and "sarcasm: labels at the operating point: '1' from" in caplog.text
    assert labels("--no-operating-point") == before and "operating point" not in caplog.text
    found = json.loads(finished("thresholds", "run", "-t", "sarcasm", "--review", "0.2", "--json", "--quiet").out)
    assert found["point"]["kind"] == "least_sure" and "review" in labels()
    assert finished("stack", *SOFT[:2], "--set", 'stack.estimators=["rank_mean"]', "--quiet").code == 0
    stale = finished("predict", memes / "test.csv", "--quiet")
    assert stale.code == 2 and "--task sarcasm --review 0.2`" in stale.err.splitlines()[-1]
    assert "Took the operating point" in finished("thresholds", "-t", "sarcasm", "--undo", "--quiet").out
    assert finished("predict", memes / "test.csv", "--quiet").code == 0
    assert "sarcasm has no operating point" in finished("thresholds", "-t", "sarcasm", "--undo", "--quiet").out


def test_what_cannot_be_asked_is_refused_in_one_line(finished: Ensemble, tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text("caption\ngreat\n")
    (tmp_path / "odd.csv").write_text("caption,sentiment\ngreat,splendid\n")
    cases = {
        ("thresholds", "-t", "sarcasm"): "One question at a time",
        ("thresholds", "--precision", "0.9"): "--task must name one of",
        ("thresholds", "-t", "sarcasm", "--precision", "x"): "--precision",
        ("thresholds", "-t", "sarcasm", "--undo", "--recall", "0.5"): "--undo takes the operating point away",
        ("thresholds", "nowhere", "-t", "sarcasm", "--recall", "0.5"): "nowhere does not exist",
        ("score", "plain.csv"): "has no column of labels",
        ("score", "odd.csv"): "'splendid'",
        ("score", "odd.csv", "--by", "plattform"): "",
        ("score", "none.csv"): "No such file",
        ("score", "odd.csv", "--label", "sentiment"): "must be TASK=COLUMN",
    }
    for arguments, said in cases.items():
        outcome = finished(*arguments, "--quiet")
        line = outcome.err.splitlines()[-1]
        assert outcome.code == 2 and line.startswith("ensemble: ") and said in line, outcome.err


def test_later_posts_are_scored_beside_the_promise_and_known_ones_left_out(
    finished: Ensemble, memes: Path, tmp_path: Path
) -> None:
    draw_memes(tmp_path / "later", 60, seed=9)
    table = pd.read_csv(tmp_path / "later" / "posts.csv", dtype=str)
    table["platform"] = ["x", "y"] * (len(table) // 2)
    known = pd.read_csv(memes / "posts.csv", dtype=str).head(7)
    pd.concat([table, known]).assign(name=lambda frame: [f"n{n}" for n in range(len(frame))]).to_csv(
        tmp_path / "later.csv", index=False
    )
    outcome = finished("score", "later.csv", "--by", "platform", "--by", "language", "--quiet")
    assert outcome.code == 0, outcome.err
    for words in (
        "7 of 57 posts were trained on: left out",
        "sentiment: macro_f1 on",
        "promised out of fold",
        "calibration",
        "sentiment: macro_f1 by platform",
        "(none)",
        "predictions of sarcasm",
        "near copies of (other)",
    ):
        assert words in outcome.out, words
    found = json.loads(finished("score", "later.csv", "-t", "sentiment", "--with-training", "--json", "--quiet").out)
    assert found["in_training"] == 7 and not found["left_out"] and found["tasks"][0]["rows"] > 50
    (memes / "posts.csv").rename(memes / "away.csv")
    try:
        alone = finished("score", "later.csv", "-t", "sentiment", "--quiet")
    finally:
        (memes / "away.csv").rename(memes / "posts.csv")
    assert alone.code == 0 and "the run's own posts cannot be read" in alone.out


def test_columns_named_for_a_finished_run_are_in_its_report_and_nothing_is_done_again(
    finished: Ensemble, tmp_path: Path
) -> None:
    named = ("--set", 'data.slices=["language", "file"]')
    outcome = finished("report", *SOFT, *named, "--out", "page.html", "--quiet")
    assert outcome.code == 0, outcome.err
    assert "Scores by <bdi>language</bdi>" in (tmp_path / "page.html").read_text()
    found = json.loads((tmp_path / "page.json").read_text())["slices"]["sentiment"]
    assert [each["column"] for each in found] == ["language", "file"] and found[1]["slices"][-1]["name"] == "(others)"
    refused = finished("report", "--set", 'data.slices=["flie"]', "--quiet")
    assert refused.code == 2 and "Unknown column 'flie'. Did you mean 'file'" in refused.err.splitlines()[-1]
