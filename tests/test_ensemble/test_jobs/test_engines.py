"""Jobs in other processes: the same bytes, whoever does them and whatever happens to them."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.opened import Open, files, train_all

from ensemble.errors import LearnerError, StoreError
from ensemble.jobs import local, worker
from ensemble.jobs.job import list_work
from ensemble.jobs.local import Local
from ensemble.jobs.train import train
from ensemble.jobs.worker import Gpus
from ensemble.run import Run
from ensemble.store import Job, Store
from ensemble.system.locks import hold


def test_two_processes_leave_the_bytes_that_one_leaves(tmp_path: Path) -> None:
    alone, shared = Open(tmp_path / "alone"), Open(tmp_path / "shared")
    assert train_all(alone) == []
    assert train_all(shared, Local(shared, 2, 1)) == []
    assert files(shared.root, "*.parquet") == files(alone.root, "*.parquet") != {}
    assert files(shared.root).keys() == files(alone.root).keys()  # no claims, reports or temporary files are left


def test_a_failing_job_stops_no_other(tmp_path: Path) -> None:
    opener = Open(tmp_path, (("failing", (("task", "sentiment"),)), ("hash", ())))
    failed = train_all(opener, Local(opener, 2, 1))
    assert {(outcome.job.learner, outcome.reason) for outcome in failed} == {("failing", "no luck with sentiment")}
    assert len(failed) == 3 and (opener().store.base("hash", "sentiment").path / "oof.parquet").exists()


def test_processes_that_are_killed_are_replaced_and_every_job_is_done(tmp_path: Path) -> None:
    alone, killed = Open(tmp_path / "alone"), Open(tmp_path / "killed", (("mortal", ()), ("hash", ())))
    assert train_all(alone) == []
    assert train_all(killed, Local(killed, 2, 1)) == []
    ours, theirs = files(killed.root / "base" / "mortal", "*.parquet"), files(alone.root / "base" / "hash", "*.parquet")
    assert ours.keys() == theirs.keys()
    assert files(killed.root / "base" / "hash", "*.parquet") == theirs
    assert not files(killed.root, "claim.json") and not files(killed.root, ".*.tmp")


def test_a_job_whose_process_always_dies_fails_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE", 2)
    opener = Open(tmp_path, (("mortal", (("lives", 99),)), ("hash", ())))
    failed = train_all(opener, Local(opener, 2, 1), folds=[0])
    assert [(outcome.job.learner, outcome.reason) for outcome in failed] == [("mortal", str(local.ENDED))]
    assert opener().store.job(Job("hash", "sentiment", 0, 0)).path.joinpath("done.json").exists()


@dataclass(frozen=True)
class Deadly:
    """Ends every process that opens the run but one."""

    driver: int

    def __call__(self) -> Run:
        if os.getpid() != self.driver:
            os._exit(1)
        raise AssertionError


def test_processes_that_end_before_they_get_to_a_job_end_the_run_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE", 2)
    with pytest.raises(LearnerError, match="its process was ended from outside, again and again"):
        train_all(Open(tmp_path), Local(Deadly(os.getpid()), 2, 1))


def test_one_process_is_no_pool(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="for 1 process there is `in_turn`"):
        Local(Open(tmp_path), 1, 1)


def test_each_process_has_one_of_the_gpus(tmp_path: Path) -> None:
    opener = Open(tmp_path, (("environment", ()),))
    assert train_all(opener, Local(opener, 2, 1, ("5", "7"))) == []
    lines = {line for text in files(tmp_path, "environment.txt").values() for line in text.decode().splitlines()}
    said = {line for line in lines if line.startswith("CUDA_VISIBLE_DEVICES=")}
    assert said and said <= {"CUDA_VISIBLE_DEVICES=5", "CUDA_VISIBLE_DEVICES=7"}


def test_a_gpu_that_another_process_has_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with hold(tmp_path / "0"), worker._kept:
        assert worker._take_gpu(Gpus(("5", "7"), tmp_path)) == os.environ["CUDA_VISIBLE_DEVICES"] == "7"
    worker._take_gpu.cache_clear()


def test_a_full_disk_stops_all(tmp_path: Path) -> None:
    opener = Open(tmp_path, (("full", ()),))
    with pytest.raises(StoreError, match=r"The disk is full: .*weights was not written"):
        train_all(opener, Local(opener, 2, 1))


def test_a_changed_run_is_changed_in_every_process(tmp_path: Path) -> None:
    opener = Open(tmp_path / "plain")
    moved = Moved(tmp_path / "moved")
    run = moved(opener())
    work = list_work(run, run.specs, run.data.tasks, ())
    assert train(run, work, engine=Local(opener, 2, 1).over(moved)) == []
    assert not (tmp_path / "plain").exists() and files(tmp_path / "moved", "oof.parquet")


@dataclass(frozen=True)
class Moved:
    """The same run elsewhere."""

    root: Path

    def __call__(self, run: Run) -> Run:
        return replace(run, store=Store(self.root))
