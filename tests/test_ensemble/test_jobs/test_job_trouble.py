"""Training when learners misbehave, the disk is full, or two processes are at it."""

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.toys import TOYS, Hash
from support.world import SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Dataset, Task
from ensemble.errors import StoreError
from ensemble.features import FeatureCache
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.job import Outcome, list_work
from ensemble.jobs.status import status
from ensemble.jobs.train import train
from ensemble.run import Run
from ensemble.store import DONE, FAILED, Store

MakeRun = Callable[..., Run]


class Wide(Hash):
    """Gives a column too many."""

    def predict_proba(self, data: Dataset) -> np.ndarray:
        return np.full((len(data), self.classes_ + 1), 1 / (self.classes_ + 1))


class NotANumber(Hash):
    """Gives NaN, as a diverged network does."""

    def predict_proba(self, data: Dataset) -> np.ndarray:
        return np.full((len(data), self.classes_), np.nan)


class Lost(Hash):
    """Cannot find its weights."""

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        raise OSError("no-such-org/no-such-model is not a local folder")


class Bug(Hash):
    """Has a mistake in its code."""

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        raise ZeroDivisionError("one over nothing")


class Peeking(Hash):
    """Notes what it is shown."""

    shown: tuple[int, int, bool] = (0, 0, True)

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        Peeking.shown = (len(data), Peeking.shown[1], bool((data.labels(SENTIMENT) >= 0).any()))

    def predict_proba(self, data: Dataset) -> np.ndarray:
        assert (data.labels(SENTIMENT) == -1).all(), "a learner was shown labels it must predict"
        Peeking.shown = (Peeking.shown[0], Peeking.shown[1] + len(data), Peeking.shown[2])
        return super().predict_proba(data)


TRAITS = {cls.__name__.lower(): f"{__name__}:{cls.__name__}" for cls in (Wide, NotANumber, Lost, Bug, Peeking)} | TOYS


def train_all(run: Run) -> list[Outcome]:
    return train(run, list_work(run, run.specs, run.data.tasks, ()))


@pytest.mark.parametrize(
    ("trait", "reason"),
    [
        ("wide", r"wide / sentiment / seed 0 / fold 0: predict_proba gave shape (10, 4), expected (10, 3)."),
        ("notanumber", "Probabilities for 'sentiment' are not finite in 10 rows"),
        ("lost", "no-such-org/no-such-model is not a local folder"),
    ],
)
def test_a_learner_that_misbehaves_fails_with_its_reason_and_alone(make_run: MakeRun, trait: str, reason: str) -> None:
    learners = {trait: (trait, {}), "good": ("hash", {})}
    run = make_run(toy_table(30), learners, registry={**TOYS, **TRAITS})
    failures = train_all(run)
    assert len(failures) == 3
    assert reason in failures[0].reason
    assert run.results.base_record("good", SENTIMENT)["oof"]["rows"] == 30


def test_a_bug_in_a_learner_is_recorded_with_its_traceback_and_stops_no_other(make_run: MakeRun) -> None:
    run = make_run(toy_table(30), {"bug": ("bug", {}), "hash": ("hash", {})}, registry={**TOYS, **TRAITS})
    failures = train_all(run)
    assert {outcome.job.learner for outcome in failures} == {"bug"} and all(outcome.bug for outcome in failures)
    assert "ZeroDivisionError: one over nothing (a bug; its traceback is in " in str(failures[0].reason)
    assert run.results.base_record("hash", SENTIMENT)["oof"]["rows"] == 30
    failed = next(run.store.root.rglob(FAILED)).read_text()
    assert "ZeroDivisionError: one over nothing" in failed
    assert "Traceback" in failed


def test_a_full_disk_stops_the_run_with_one_line_and_no_half_result(make_run: MakeRun) -> None:
    run = make_run(toy_table(30), {"full": ("full", {})}, registry=TRAITS)
    with pytest.raises(StoreError, match=r"The disk is full: .*weights was not written"):
        train_all(run)
    assert not list(run.store.root.rglob(DONE))


def test_learners_never_see_the_labels_they_predict(make_run: MakeRun) -> None:
    Peeking.shown = (0, 0, True)
    run = make_run(toy_table(30, test_rows=4), {"p": ("peeking", {})}, registry=TRAITS)
    assert train_all(run) == []
    assert Peeking.shown == (34, 30 + 3 * 4, False)


def test_without_kept_models_no_model_is_written(make_run: MakeRun) -> None:
    run = make_run(toy_table(30), {"a": ("hash", {})}, registry=TOYS)
    train_all(replace(run, keep_models="none"))
    assert not list(run.store.root.rglob("model"))


def slow_run(root: Path) -> Run:
    data = toy_table(24, test_rows=3)
    plan = make_plan(data, np.arange(len(data)), FoldSettings(k=4))
    specs = (LearnerSpec("slow", "slow", {"seconds": 0.1}), LearnerSpec("quick", "hash"))
    return Run(Store(root), plan.with_groups(data), plan, TOYS, specs)


def work(root: Path, done: Path) -> None:
    assert train_all(slow_run(root)) == []
    done.touch()


def test_two_processes_on_one_run_folder_share_the_work(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=work, args=(tmp_path / "both", tmp_path / f"done{n}")) for n in range(2)]
    for process in both:
        process.start()
    work(tmp_path / "alone", tmp_path / "done")
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    shared, alone = slow_run(tmp_path / "both"), slow_run(tmp_path / "alone")
    assert status(shared)["jobs"] == {"done": 8}
    for name in ("slow", "quick"):
        for part in ("oof", "test"):
            ours, theirs = (run.store.base(name, "sentiment").read(part, SENTIMENT) for run in (shared, alone))
            np.testing.assert_array_equal(ours.values, theirs.values)


def test_a_job_another_process_is_at_is_waited_for_and_not_repeated(make_run: MakeRun) -> None:
    run = make_run(toy_table(30), {"a": ("hash", {})}, registry=TOYS)
    work = list_work(run, run.specs, run.data.tasks, ())
    waited: list[int] = []

    def track(items, label, total):  # type: ignore[no-untyped-def]
        if label == "jobs of another process":
            waited.append(total)
            claim.__exit__(None, None, None)  # the other process ends
        yield from items

    claim = run.store.claim(work[1].job, wait=False)
    assert claim.__enter__()
    assert train(run, work, track) == []
    assert waited == [1]
    assert status(run)["jobs"] == {"done": 3}
