"""Where a run stands."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.toys import TOYS
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.jobs.job import list_work
from ensemble.jobs.status import finished, status
from ensemble.jobs.train import train
from ensemble.run import Run
from ensemble.store import Job

LEARNERS = {"a": ("hash", {"salt": 1}), "bad": ("failing", {"task": "sarcasm"})}


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    return make_run(toy_table(30, tasks=(SENTIMENT, SARCASM)), LEARNERS, registry=TOYS)


def test_at_first_everything_is_missing(run: Run) -> None:
    assert status(run) == {
        "jobs": {"missing": 12},
        "learners": {name: {"sentiment": {"missing": 3}, "sarcasm": {"missing": 3}} for name in ("a", "bad")},
        "imported": {},
        "reasons": {},
    }
    assert finished(run, run.specs, run.data.tasks) == []


def test_half_done_work_is_counted(run: Run) -> None:
    train(run, list_work(run, run.specs[:1], [SENTIMENT], [0, 2]))
    assert status(run)["learners"]["a"]["sentiment"] == {"done": 2, "missing": 1}
    assert finished(run, run.specs, run.data.tasks) == []


def test_done_failed_and_stale_jobs_are_told_apart_with_reasons(run: Run) -> None:
    train(run, list_work(run, run.specs, run.data.tasks, ()))
    now = status(replace(run, specs=(LearnerSpec("a", "hash", {"salt": 2}), run.specs[1])))
    assert now["jobs"] == {"stale": 6, "done": 3, "failed": 3}
    assert now["reasons"]["bad / sarcasm / seed 0 / fold 1"] == "failed: no luck with sarcasm"
    assert "params.salt was 1, is now 2" in now["reasons"]["a / sentiment / seed 0 / fold 0"]


def test_a_damaged_job_is_not_done(run: Run) -> None:
    train(run, list_work(run, run.specs[:1], run.data.tasks, ()))
    (run.store.job(Job("a", "sentiment", 0, 0)).path / "held_out.parquet").write_bytes(b"")
    now = status(run)
    assert now["learners"]["a"]["sentiment"] == {"stale": 1, "done": 2}
    assert "held_out.parquet is damaged" in now["reasons"]["a / sentiment / seed 0 / fold 0"]


def test_finished_learners_show_their_scores(run: Run) -> None:
    train(run, list_work(run, run.specs, run.data.tasks, ()))
    cards = finished(run, run.specs, run.data.tasks)
    assert [(card["learner"], card["task"]) for card in cards] == [
        ("a", "sentiment"),
        ("a", "sarcasm"),
        ("bad", "sentiment"),
    ]
    assert all(0 <= card["oof"]["metrics"]["macro_f1"]["value"] <= 1 for card in cards)


def test_the_status_is_plain_json(run: Run) -> None:
    train(run, list_work(run, run.specs, run.data.tasks, ()))
    assert json.loads(json.dumps(status(run))) == status(run)
