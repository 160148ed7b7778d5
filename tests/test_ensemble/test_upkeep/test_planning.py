"""What jobs will take, told by finished ones; and whether the disk holds it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.toys import TOYS, Hash
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Dataset, Task
from ensemble.errors import StoreError
from ensemble.features import FeatureCache
from ensemble.jobs.job import JobSpec, list_work
from ensemble.jobs.train import train
from ensemble.learner import TrainingContext
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.files import read_json, write_json
from ensemble.upkeep import disk
from ensemble.upkeep.disk import check_disk, readable
from ensemble.upkeep.planning import JobPlan, PlannedLearner, _makespan, plan_jobs

MakeRun = Callable[..., Run]


class Encoding(Hash):
    """Asks for features of texts, keeps a checkpoint, has weights."""

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        def encode(rows: Sequence[int]) -> np.ndarray:
            return np.ones((len(rows), 4))

        cache.fill("text-" + "0" * 32, data.text_hashes(), encode, 8, "blocks")

    def set_context(self, workspace: TrainingContext) -> None:
        self._folder = workspace.folder

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        assert self._folder is not None
        (self._folder / "checkpoint").write_bytes(bytes(5_000))
        super().fit(data, task, seed)

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "weights").write_bytes(bytes(10_000))


REGISTRY = {**TOYS, "encoding": f"{__name__}:Encoding"}
LEARNERS = {"a": ("hash", {}), "deep": ("encoding", {})}


@pytest.fixture
def run(make_run: MakeRun, tmp_path: Path) -> Run:
    made = make_run(toy_table(30, test_rows=6, tasks=(SENTIMENT, SARCASM)), LEARNERS, registry=REGISTRY)
    return replace(made, cache=FeatureCache(tmp_path / "cache"))


def all_work(run: Run) -> list[JobSpec]:
    return list_work(run, run.specs, run.data.tasks, ())


def train_some(run: Run, name: str, task: Task, folds: Sequence[int]) -> None:
    assert train(run, list_work(run, [run.learners.spec(name)], [task], folds)) == []


def rewrite(run: Run, job: Job, **seconds: float) -> None:
    """Write into a job's record how long it took."""
    path = run.store.job(job).record
    write_json(path, {**read_json(path), **seconds})


def planned(jobs: JobPlan, learner: str, task: str) -> PlannedLearner:
    return next(row for row in jobs.learners if (row.learner, row.task) == (learner, task))


def test_of_a_run_that_has_done_nothing_nothing_is_claimed_to_be_known(run: Run) -> None:
    found = plan_jobs(run, all_work(run))
    assert found.jobs == {"missing": 12} and found.unknown == ("a", "deep")
    assert found.time.unknown_jobs == 12 and found.disk.unknown == ("a", "deep")
    assert planned(found, "a", "sentiment").seconds is None and found.memory.bytes is None
    assert found.disk.predictions > 0, "rows and classes are known"
    assert not run.store.root.exists(), "planning writes nothing"


def test_a_job_is_judged_by_those_of_its_task_else_of_its_learner(run: Run) -> None:
    train_some(run, "a", SENTIMENT, [0, 1])
    for fold in (0, 1):
        rewrite(run, Job("a", "sentiment", 0, fold), seconds=100.0 + fold)
    train_some(run, "a", SARCASM, [0])
    rewrite(run, Job("a", "sarcasm", 0, 0), seconds=7.0)
    found = plan_jobs(run, all_work(run))
    assert planned(found, "a", "sentiment").seconds == pytest.approx(100.5, abs=0.2)
    assert planned(found, "a", "sentiment").estimated_from == "this task"
    assert planned(found, "a", "sarcasm").seconds == pytest.approx(14.0, abs=0.2)
    assert planned(found, "deep", "sarcasm").seconds is None and found.unknown == ("deep",)


def test_a_learner_new_here_is_judged_by_the_runs_beside_this_one(run: Run, make_run: MakeRun) -> None:
    train_some(run, "deep", SENTIMENT, [0])
    rewrite(run, Job("deep", "sentiment", 0, 0), seconds=10.0)
    twice = make_run(toy_table(60, seed=1), {"other name": ("encoding", {})}, registry=REGISTRY, folder="other")
    found = plan_jobs(twice, all_work(twice))
    assert found.learners[0].estimated_from == "other runs" and found.unknown == ()
    assert found.learners[0].seconds == pytest.approx(3 * 20, rel=0.05), "twice as many rows"
    changed = replace(twice, specs=(LearnerSpec("other name", "encoding", {"salt": 1}),))
    assert plan_jobs(changed, all_work(changed)).unknown == ("other name",)


def test_a_record_of_an_older_version_tells_nothing_and_does_no_harm(run: Run) -> None:
    train_some(run, "a", SENTIMENT, [0])
    path = run.store.job(Job("a", "sentiment", 0, 0)).record
    write_json(path, {key: value for key, value in read_json(path).items() if key not in ("usage", "stamps")})
    assert plan_jobs(run, all_work(run)).jobs == {"done": 1, "missing": 11}
    path.write_text('{"made_of": {}, "usage": []}')
    assert plan_jobs(run, all_work(run)).jobs["stale"] == 1


def test_time_is_that_of_the_jobs_at_a_time_and_never_less_than_the_cores_allow(run: Run) -> None:
    assert _makespan([3.0, 1.0, 1.0, 1.0], 2) == 3.0
    assert _makespan([1.0, 1.0, 3.0], 2) == 4.0
    assert _makespan([], 2) == 0.0
    train_some(run, "a", SENTIMENT, [0])
    path = run.store.job(Job("a", "sentiment", 0, 0)).record
    record = read_json(path)
    write_json(path, {**record, "seconds": 10.0, "usage": {**record["usage"], "threads": 10_000}})
    work = list_work(run, run.specs[:1], [SENTIMENT], ())
    assert plan_jobs(run, work, jobs=2).time.wall_seconds > 20.0, "every job took all cores"


def test_disk_and_memory_are_those_of_finished_jobs(run: Run) -> None:
    train_some(run, "deep", SENTIMENT, [0])
    found = plan_jobs(run, all_work(run), jobs=2)
    model = read_json(run.store.job(Job("deep", "sentiment", 0, 0)).record)["usage"]["model_bytes"]
    assert model > 10_000
    assert found.disk.models == 5 * model
    assert found.disk.checkpoints > 2 * 2 * 5_000, "a new one is complete before the old one goes"
    assert (found.memory.bytes or 0) > 2 * 10_000_000
    assert plan_jobs(replace(run, keep_models="none"), all_work(run)).disk.models == 0


def test_predictions_are_estimated_at_what_they_take(run: Run) -> None:
    before = plan_jobs(run, all_work(run)).disk.predictions
    assert train(run, all_work(run)) == []
    taken = sum(path.stat().st_size for path in run.store.root.rglob("*.parquet"))
    rows = 36 * 12 * 2
    assert before > taken - 4_000 * len(list(run.store.root.rglob("*.parquet"))), "but for what every file begins with"
    assert before < 100 * rows


def test_what_is_cached_is_counted_by_content(run: Run) -> None:
    train_some(run, "deep", SENTIMENT, [0])
    rewrite(run, Job("deep", "sentiment", 0, 0), seconds=50.0)
    path = run.store.job(Job("deep", "sentiment", 0, 0)).record
    record = read_json(path)
    write_json(path, {**record, "usage": {**record["usage"], "shared_seconds": 40.0}})
    (entry,) = plan_jobs(run, all_work(run)).cache
    assert (entry.there, entry.wanted, entry.learners) == (36, 36, ("deep",))
    assert entry.missing_bytes == 0
    blocks = sorted(run.cache.root.glob("*/*.ids.npy"))  # type: ignore[union-attr]
    for block in blocks[:2]:
        block.unlink()
    fresh = replace(run, cache=FeatureCache(run.cache.root))
    found = plan_jobs(fresh, all_work(fresh))
    assert found.cache[0].there in (20, 24) and found.cache[0].missing_bytes > 0
    share = 1 - found.cache[0].there / 36
    assert found.time.shared_seconds == pytest.approx(40 * share, abs=0.1), "encoded once more, once"


def test_what_is_bulky_needs_no_more_than_its_room(run: Run) -> None:
    train_some(run, "deep", SENTIMENT, [0])
    path = run.store.job(Job("deep", "sentiment", 0, 0)).record
    record = read_json(path)
    asked = {f"{what}-{'0' * 32}": {"contents": 36, "bytes": 10**12} for what in ("pixels", "states")}
    write_json(path, {**record, "usage": {**record["usage"], "cache": asked}})
    small = replace(run, cache=FeatureCache(run.cache.root, image_bytes=1_000))
    assert plan_jobs(small, all_work(small)).disk.features == 1_000


def test_of_several_jobs_at_a_time_each_checkpoint_needs_its_place(run: Run) -> None:
    train_some(run, "deep", SENTIMENT, [0])
    one, three = (plan_jobs(run, all_work(run), jobs).disk for jobs in (1, 3))
    assert three.checkpoints == 3 * one.checkpoints > 0 and three.models == one.models


def test_jobs_of_other_processes_are_counted(run: Run) -> None:
    with run.store.claim(Job("a", "sentiment", 0, 0), wait=False):
        assert plan_jobs(run, all_work(run)).running == 1


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A disk with so many bytes free."""

    def set_free(size: int) -> None:
        usage = shutil.disk_usage(".")._replace(free=size)
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage)

    return set_free


def test_a_disk_that_cannot_hold_the_result_is_refused_with_what_is_missing(
    run: Run, free: Callable[[int], None]
) -> None:
    train_some(run, "deep", SENTIMENT, [0])
    path = run.store.job(Job("deep", "sentiment", 0, 0)).record
    record = read_json(path)
    write_json(path, {**record, "usage": {**record["usage"], "model_bytes": 2_000_000_000, "checkpoint_bytes": 0}})
    free(3_100_000_000)
    with pytest.raises(StoreError) as refused:
        check_disk(run, all_work(run))
    line = str(refused.value)
    assert "about 10.0 GB are needed in" in line and "(models 10.0 GB, predictions" in line
    assert "3.1 GB are free: 6.9 GB are missing" in line
    assert "`ensemble clean`" in line and 'run.keep_models = "none" saves 10.0 GB' in line
    check_disk(replace(run, keep_models="none"), all_work(run))
    free(10_100_000_000)
    check_disk(run, all_work(run))


def test_where_nothing_is_known_a_little_must_be_free(run: Run, free: Callable[[int], None]) -> None:
    free(1_000_000)
    with pytest.raises(StoreError, match="cannot hold the result: about 20"):
        check_disk(run, all_work(run))
    free(30_000_000)
    check_disk(run, all_work(run))


def test_where_all_is_done_nothing_need_be_free(run: Run, free: Callable[[int], None]) -> None:
    assert train(run, all_work(run)) == []
    free(0)
    check_disk(run, all_work(run))


def test_stale_results_make_room_for_those_that_replace_them(run: Run) -> None:
    assert train(run, all_work(run)) == []
    changed = replace(run, specs=(run.specs[0], LearnerSpec("deep", "encoding", {"salt": 5})))
    found = plan_jobs(changed, all_work(changed))
    assert found.jobs == {"done": 6, "stale": 6}
    assert found.disk.replaced > 6 * 10_000


def test_sizes_are_readable() -> None:
    sizes = (0, 999, 12_345, 12_400_000, 3_100_000_000, 4e12)
    assert [readable(size) for size in sizes] == ["0 bytes", "999 bytes", "12.3 kB", "12.4 MB", "3.1 GB", "4.0 TB"]
