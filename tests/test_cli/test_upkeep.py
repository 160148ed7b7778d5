"""`plan` before training and `clean` after it, as typed."""

import json
import shutil
from pathlib import Path

import pytest
from support.shell import Ensemble

from cli.upkeep_tables import duration

ONLY = ("--learner", "prior", "--learner", "tfidf")


def test_a_plan_before_and_after(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    before = ensemble("plan", *ONLY)
    assert before.code == 0 and "not known: prior, tfidf; `ensemble train-base -l prior -f 0`" in before.out
    ensemble("train-base", *ONLY, "--fold", "0")
    half = ensemble("plan", *ONLY, "--jobs", "2")
    assert "2 jobs at a time" in half.out and "this task" in half.out and "memory: " in half.out
    assert max(map(len, half.out.splitlines())) <= 100
    found = json.loads(ensemble("plan", *ONLY, "--json").out)
    assert found["jobs"] == {"done": 4, "missing": 12} and found["unknown"] == []
    known = {"learner", "task", "done", "seconds", "model_bytes", "peak_bytes", "estimated_from"}
    assert set(found["learners"][0]) > known
    assert set(found["disk"]) > {"models", "unknown", "places"} and set(found["disk"]["places"][0]) > {"folder", "free"}
    assert found["time"]["jobs"] == 1 and found["memory"]["bytes"] > 0 and found["cache"] == []
    ensemble("train-base", *ONLY)
    assert "All jobs are done." in ensemble("plan", *ONLY).out


def test_cleaning_says_what_would_go_and_takes_it_when_told(
    ensemble: Ensemble, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble("train-base", *ONLY)
    changed = ("--set", "base.tfidf.params.balance=0.25")
    told = ensemble("clean", *changed)
    assert told.code == 0 and "Nothing was deleted. --yes deletes" in told.out
    assert max(map(len, told.out.splitlines())) <= 100
    monkeypatch.setenv("COLUMNS", "1000")  # else the reason is broken beside a long path
    assert "params.balance was 0.5, is now 0.25" in ensemble("clean", *changed).out
    found = json.loads(ensemble("clean", *changed, "--json").out)
    assert found["kinds"]["stale"]["places"] == 10 and found["deleted"] is False and found["left"] == []
    assert set(found["items"][0]) == {"kind", "folder", "why", "files", "bytes"}
    done = json.loads(ensemble("clean", *changed, "--yes", "--json").out)
    assert done["bytes"] == found["bytes"] > 0 and done["deleted"] is True
    jobs = json.loads(ensemble("status", *changed, "--json").out)["learners"]
    assert jobs["tfidf"]["sentiment"] == {"missing": 4} and jobs["prior"]["sentiment"] == {"done": 4}
    models = ensemble("clean", "--kind", "models", "--match", "prior", "--yes")
    assert models.code == 0 and "deleted." in models.out
    assert not list((tmp_path / "run" / "base" / "prior").rglob("model"))


def test_a_learner_that_is_to_be_tuned_first_hinders_neither_plan_nor_cleaning(
    ensemble: Ensemble, config: Path, tmp_path: Path
) -> None:
    ensemble("train-base", *ONLY)
    tuned = ("--set", "base.prior.tuned=true")
    planned = ensemble("plan", *ONLY, *tuned)
    words = " ".join(planned.out.split())
    assert planned.code == 0 and "not counted: prior / sentiment: base.prior is to be tuned and has no" in words
    assert "All jobs are done." not in words
    found = json.loads(ensemble("plan", *ONLY, *tuned, "--json").out)
    assert found["jobs"] == {"done": 8} and list(found["waiting"]) == ["prior / sentiment", "prior / sarcasm"]
    assert ensemble("plan", "-l", "prior", *tuned).code == 0
    cleaned = ensemble("clean", "--kind", "dropped", *tuned, "--yes")
    assert cleaned.code == 0 and list((tmp_path / "run" / "base" / "prior").rglob("done.json"))


def test_training_does_not_start_on_a_disk_that_is_too_small(
    ensemble: Ensemble, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr("ensemble.upkeep.disk.shutil.disk_usage", lambda path: little)
    refused = ensemble("train-base", *ONLY)
    assert refused.code == 2 and "1.0 MB are free: " in refused.err and "are missing. `ensemble clean`" in refused.err
    assert not list((tmp_path / "run").rglob("done.json"))
    told = ensemble("plan", *ONLY)
    assert told.code == 0 and "too little: `ensemble train-base` would not start, which leaves 20.0 MB free" in told.out


def test_a_kind_there_is_not_is_one_line(ensemble: Ensemble, config: Path) -> None:
    refused = ensemble("clean", "--kind", "modles")
    assert refused.code == 2 and refused.err.splitlines()[-1].startswith("ensemble: Unknown kind 'modles'. Did you")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min"), (500_000, "5.8 days")],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text
