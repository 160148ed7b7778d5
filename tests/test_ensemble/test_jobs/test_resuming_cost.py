"""Asking whether everything is done reads no weights; whoever reads a file still finds its damage."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.toys import TOYS, Hash
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble import result_folder
from ensemble.errors import StoreError
from ensemble.jobs.job import list_work
from ensemble.jobs.status import status
from ensemble.jobs.train import join_folds, train
from ensemble.provenance import Provenance
from ensemble.run import Run
from ensemble.store import Job, JobFolder
from ensemble.system import files
from ensemble.upkeep.planning import plan_jobs


class Heavy(Hash):
    """Has weights."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "weights.bin").write_bytes(os.urandom(100_000))


REGISTRY = {**TOYS, "heavy": f"{__name__}:Heavy"}
JOB = Job("heavy", "sentiment", 0, 0)


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    data = toy_table(30, test_rows=6, tasks=(SENTIMENT, SARCASM))
    made: Run = make_run(data, {"heavy": ("heavy", {}), "a": ("hash", {})}, registry=REGISTRY)
    assert train(made, list_work(made, made.specs, made.data.tasks, ())) == []
    return made


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the files that are hashed from here on."""
    sizes: list[int] = []

    def noted(path: Path) -> str:
        sizes.append(path.stat().st_size)
        return files.file_hash(path)

    monkeypatch.setattr(result_folder, "file_hash", noted)
    return sizes


def provenance(run: Run, job: Job = JOB) -> Provenance:
    work = list_work(run, run.specs, run.data.tasks, ())
    return next(item.provenance for item in work if item.job == job)


def test_a_finished_run_is_resumed_planned_and_shown_without_hashing_a_byte(run: Run, hashed: list[int]) -> None:
    work = list_work(run, run.specs, run.data.tasks, ())
    assert train(run, work) == []
    assert status(run)["jobs"] == plan_jobs(run, work).jobs == {"done": 12}
    assert hashed == []


def test_joining_folds_hashes_the_probabilities_it_reads_and_no_weights(run: Run, hashed: list[int]) -> None:
    joined = run.store.base("heavy", "sentiment")
    joined.record.unlink()
    assert join_folds(run, run.specs[0], SENTIMENT)
    assert 0 < max(hashed) < 100_000


@pytest.mark.parametrize("same_size", [True, False])
def test_a_file_that_has_changed_is_found_at_once(run: Run, same_size: bool) -> None:
    weights = run.store.job(JOB).path / "model" / "weights.bin"
    raw = weights.read_bytes()
    weights.write_bytes(b"?" + raw[1:] if same_size else raw[:-1])
    found, reason = run.store.job(JOB).status(provenance(run))
    assert found == "stale" and "weights.bin is damaged" in reason


def test_a_change_in_the_very_tick_of_the_commit_is_found(run: Run) -> None:
    folder = run.store.job(JOB)
    weights = folder.model / "weights.bin"
    written = time.time_ns()
    os.utime(weights, ns=(written, written))
    folder.commit(provenance(run))
    weights.write_bytes(b"?" * 100_000)
    os.utime(weights, ns=(written, written))
    assert folder.status(provenance(run))[0] == "stale"


def rot(path: Path) -> None:
    """Other bytes under the old size and time, as a dying disk leaves them."""
    status = path.stat()
    path.write_bytes(b"?" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_damage_that_does_not_show_is_found_by_who_reads_and_from_then_on_by_all(run: Run) -> None:
    folder = run.store.job(JOB)
    rot(folder.model / "weights.bin")
    assert folder.status(provenance(run)) == ("done", "")
    with pytest.raises(StoreError, match=r"weights\.bin is damaged .*; train again\."):
        folder.verify(provenance(run), "train again")
    assert folder.status(provenance(run))[0] == "stale"
    assert train(run, list_work(run, run.specs, run.data.tasks, ())) == []
    folder.verify(provenance(run), "train again")


def test_damaged_probabilities_of_a_fold_are_not_joined(run: Run) -> None:
    run.store.base("heavy", "sentiment").record.unlink()
    rot(run.store.job(JOB).path / "held_out.parquet")
    with pytest.raises(StoreError, match=r"held_out\.parquet is damaged .*; run the command again"):
        join_folds(run, run.specs[0], SENTIMENT)
    assert train(run, list_work(run, run.specs, run.data.tasks, ())) == []
    assert run.results.base_record("heavy", SENTIMENT)["folds"] == "run"


def test_a_copy_is_hashed_once(run: Run, hashed: list[int], tmp_path: Path) -> None:
    copy = shutil.copytree(run.store.job(JOB).path, tmp_path / "copy", copy_function=shutil.copyfile)
    assert JobFolder(Path(copy)).is_done(provenance(run)) and sum(hashed) > 100_000
    hashed.clear()
    assert JobFolder(Path(copy)).is_done(provenance(run)) and hashed == []
