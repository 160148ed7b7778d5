"""Training: every job once, finished work never again, and each row from the model that did not see it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.toys import TOYS
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.errors import FoldError, StoreError
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.job import Outcome, list_work
from ensemble.jobs.status import status
from ensemble.jobs.train import join_folds, train
from ensemble.learner_factory import make_learner
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.scoring import score_card
from ensemble.store import Job, Store

MakeRun = Callable[..., Run]


def train_all(run: Run) -> list[Outcome]:
    return train(run, list_work(run, run.specs, run.data.tasks, ()))


def files(run: Run, below: str = "base") -> dict[str, tuple[int, bytes]]:
    """Every result with its time of writing."""
    paths = [path for path in (run.store.root / below).rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def expected(run: Run, seed: int, rows: np.ndarray, salt: int = 0) -> np.ndarray:
    """What the toy gives for these rows: its probabilities depend on id and seed alone."""
    toy = make_learner(TOYS, "hash", {"salt": salt}, "")
    toy.fit(run.data.take([]), SENTIMENT, seed)
    return toy.predict_proba(run.data.take(rows))


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    data = toy_table(30, test_rows=6)
    return make_run(data, {"a": ("hash", {"salt": 1}), "b": ("hash", {"salt": 2})}, registry=TOYS)


def test_work_is_every_learner_task_seed_and_fold(make_run: MakeRun) -> None:
    learners = {"a": ("hash", {}), "b": ("hash", {"salt": 1})}
    run = replace(make_run(toy_table(30, tasks=(SENTIMENT, SARCASM)), learners, registry=TOYS), seeds=(0, 5))
    jobs = [item.job for item in list_work(run, run.specs, run.data.tasks, ())]
    assert len(jobs) == len(set(jobs)) == 2 * 2 * 2 * 3
    assert [job.learner for job in jobs] == ["a"] * 12 + ["b"] * 12
    assert len(list_work(run, run.specs[:1], [SARCASM], [2])) == 2


@pytest.mark.parametrize("fold", [-1, 3])
def test_a_fold_that_is_not_planned_is_refused(run: Run, fold: int) -> None:
    with pytest.raises(FoldError, match=f"There is no fold {fold}: the plan has folds 0 to 2"):
        list_work(run, run.specs, run.data.tasks, [fold])


def test_each_row_is_predicted_by_the_model_that_did_not_see_it(run: Run) -> None:
    assert train_all(run) == []  # the toy itself refuses rows it was fitted on
    folder = run.store.base("a", "sentiment")
    oof, test = folder.read("oof", SENTIMENT), folder.read("test", SENTIMENT)
    assert oof.ids.tolist() == run.data.ids[:30].tolist()
    assert test.ids.tolist() == run.data.ids[30:].tolist()
    np.testing.assert_array_equal(oof.values, expected(run, 0, run.plan.cv_rows, salt=1))
    np.testing.assert_allclose(test.values, expected(run, 0, run.plan.test_rows, salt=1), atol=1e-7)


def test_seeds_are_averaged(run: Run) -> None:
    run = replace(run, seeds=(3, 4), specs=run.specs[:1])
    train_all(run)
    oof = run.store.base("a", "sentiment").read("oof", SENTIMENT)
    mean = (expected(run, 3, run.plan.cv_rows, 1) + expected(run, 4, run.plan.cv_rows, 1)) / 2
    np.testing.assert_allclose(oof.values, mean, atol=1e-6)
    inside = run.data.take(run.plan.cv_rows)
    alone = [Predictions(SENTIMENT, inside.ids, expected(run, seed, run.plan.cv_rows, 1)) for seed in (3, 4)]
    scores = [score_card(SENTIMENT, one, inside)["metrics"]["macro_f1"]["value"] for one in alone]
    assert run.results.base_record("a", SENTIMENT)["oof"]["seeds"]["values"] == pytest.approx(scores)


def test_the_labelled_test_part_is_predicted_and_not_trained_on(make_run: MakeRun) -> None:
    run = make_run(toy_table(40), {"a": ("hash", {})}, registry=TOYS, test_fraction=0.25)
    assert train_all(run) == []
    test = run.store.base("a", "sentiment").read("test", SENTIMENT)
    assert test.ids.tolist() == run.data.ids[run.plan.test_rows].tolist()
    assert len(test.ids) == pytest.approx(10, abs=2)


def test_the_record_holds_score_card_folds_and_time(run: Run) -> None:
    train_all(run)
    record = run.results.base_record("a", SENTIMENT)
    assert record["folds"] == "run"
    assert record["oof"]["rows"] == 30
    assert len(record["oof"]["folds"]["values"]) == 3
    assert record["seconds"] >= 0


def test_finished_work_is_never_redone(run: Run) -> None:
    train_all(run)
    before = files(run)
    totals: list[tuple[str, int]] = []

    def track(items, label, total):  # type: ignore[no-untyped-def]
        totals.append((label, total))
        yield from items

    assert train(run, list_work(run, run.specs, run.data.tasks, ()), track) == []
    assert files(run) == before
    assert totals[0] == ("jobs (6 already done)", 0)


def test_one_fold_at_a_time_ends_in_the_same_bytes(run: Run, make_run: MakeRun) -> None:
    train_all(run)
    other = replace(run, store=Store(run.store.root.parent / "other"))
    for fold in range(3):
        assert not (other.store.base("a", "sentiment").path / "oof.parquet").exists()
        train(other, list_work(other, other.specs, other.data.tasks, [fold]))
    for name in ("oof.parquet", "test.parquet"):
        ours, theirs = (each.store.base("a", "sentiment").path / name for each in (run, other))
        assert ours.read_bytes() == theirs.read_bytes()


def test_changed_parameters_redo_that_learner_alone(run: Run) -> None:
    train_all(run)
    a, b = files(run, "base/a"), files(run, "base/b")
    changed = replace(run, specs=(run.specs[0], LearnerSpec("b", "hash", {"salt": 9})))
    with pytest.raises(StoreError, match=r"base/b/sentiment is stale: params\.salt was 2, is now 9"):
        changed.results.base_record("b", SENTIMENT)
    train_all(changed)
    assert files(run, "base/a") == a
    assert {path: raw for path, (_, raw) in files(run, "base/b").items()}.keys() == b.keys()
    oof = run.store.base("b", "sentiment").read("oof", SENTIMENT)
    np.testing.assert_array_equal(oof.values, expected(run, 0, run.plan.cv_rows, salt=9))


def test_a_damaged_result_is_made_again_with_the_same_bytes(run: Run) -> None:
    train_all(run)
    path = run.store.job(Job("a", "sentiment", 0, 1)).path / "held_out.parquet"
    raw = path.read_bytes()
    path.write_bytes(raw[:100])
    untouched = files(run, "base/a/sentiment/seed-0/fold-0")
    train_all(run)
    assert path.read_bytes() == raw
    assert files(run, "base/a/sentiment/seed-0/fold-0") == untouched


def test_another_table_or_plan_makes_results_stale(run: Run) -> None:
    train_all(run)
    plan = make_plan(run.data, np.arange(36), FoldSettings(k=3, seed=7))
    with pytest.raises(StoreError, match="is stale: folds was"):
        replace(run, plan=plan).results.base_record("a", SENTIMENT)
    data = run.data.with_columns(text=[f"{text}!" for text in run.data.texts])
    plan = replace(run.plan, frame=make_plan(data, np.arange(36), run.plan.settings).frame)
    with pytest.raises(StoreError, match="is stale: data was"):
        replace(run, data=data, plan=plan).results.base_record("a", SENTIMENT)


def test_a_learner_without_all_its_folds_has_no_result(run: Run) -> None:
    train(run, list_work(run, run.specs[:1], run.data.tasks, [0, 1]))
    assert not join_folds(run, run.specs[0], SENTIMENT)
    with pytest.raises(StoreError, match=r"base/a/sentiment is not finished; run `ensemble train-base --learner a"):
        run.results.base_record("a", SENTIMENT)


def test_a_failing_learner_stops_no_other_and_is_recorded(make_run: MakeRun) -> None:
    learners = {"bad": ("failing", {"task": "sarcasm"}), "good": ("hash", {})}
    run = make_run(toy_table(30, tasks=(SENTIMENT, SARCASM)), learners, registry=TOYS)
    failures = train_all(run)
    assert [failure.job for failure in failures] == [Job("bad", "sarcasm", 0, fold) for fold in range(3)]
    assert {failure.reason for failure in failures} == {"no luck with sarcasm"}
    for name, task in (("bad", SENTIMENT), ("good", SENTIMENT), ("good", SARCASM)):
        assert run.results.base_record(name, task)["oof"]["rows"] == 30
    assert status(run)["reasons"]["bad / sarcasm / seed 0 / fold 0"] == "failed: no luck with sarcasm"


def test_a_failed_job_is_tried_again(make_run: MakeRun) -> None:
    run = make_run(toy_table(30, tasks=(SARCASM,)), {"x": ("failing", {"task": "sarcasm"})}, registry=TOYS)
    assert len(train_all(run)) == 3
    mended = replace(run, specs=(LearnerSpec("x", "failing", {"task": "other"}),))
    assert train_all(mended) == []
    assert status(mended)["jobs"] == {"done": 3}
