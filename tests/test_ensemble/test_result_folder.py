"""A folder of results: what is unfinished, stale or damaged is refused, with the file and the difference."""

from pathlib import Path

import numpy as np
import pytest
from support.world import SENTIMENT

from ensemble.errors import StoreError
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.result_folder import FAILED
from ensemble.store import Job, JobFolder, LearnerFolder, Store
from ensemble.system.files import read_json, write_json

PARTS = {"data": "d1", "folds": "f1", "params.views": 10}
MADE = Provenance(PARTS)
JOB = Job("vit", "sentiment", 0, 2)


def predictions(rows: int = 5) -> Predictions:
    ids = np.array([f"p{row}" for row in range(rows)], dtype=object)
    return Predictions(SENTIMENT, ids, np.random.default_rng(0).dirichlet(np.ones(3), rows))


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """A finished job."""
    folder = Store(tmp_path).job(JOB)
    folder.path.mkdir(parents=True)
    folder.write({"held_out": predictions(), "test": predictions(3)}, MADE)
    folder.commit(MADE, seconds=1.5)
    return folder


def test_a_finished_result_is_read_with_its_facts(folder: JobFolder) -> None:
    record = folder.verify(MADE, "remedy")
    assert record["seconds"] == 1.5
    assert record["made_of"] == PARTS
    assert set(record["files"]) == {"held_out.parquet", "test.parquet"}
    assert folder.status(MADE) == ("done", "")
    assert folder.read("held_out", SENTIMENT).ids.tolist() == predictions().ids.tolist()


def test_an_unfinished_result_is_refused(folder: JobFolder) -> None:
    folder.record.unlink()
    with pytest.raises(StoreError, match=r"fold-2 is not finished; run it again\."):
        folder.verify(MADE, "run it again")
    assert folder.status(MADE) == ("missing", "")


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (PARTS | {"params.views": 5}, "params.views was 10, is now 5"),
        (PARTS | {"data": "d2"}, "data was 'd1', is now 'd2'"),
        (PARTS | {"params.new": 1}, "params.new was None, is now 1"),
        ({"data": "d1", "folds": "f1"}, "params.views was 10, is now None"),
    ],
)
def test_a_stale_result_is_refused_with_the_difference(
    folder: JobFolder, now: dict[str, object], difference: str
) -> None:
    with pytest.raises(StoreError, match=f"fold-2 is stale: {difference}; run it again"):
        folder.verify(Provenance(now), "run it again")
    status, reason = folder.status(Provenance(now))
    assert status == "stale"
    assert difference in reason


def test_what_something_was_made_of_can_be_left_open(folder: JobFolder) -> None:
    assert folder.verify(None, "")["seconds"] == 1.5


@pytest.mark.parametrize("damage", ["truncated", "one byte", "gone"])
def test_a_damaged_file_is_refused_and_named(folder: JobFolder, damage: str) -> None:
    path = folder.path / "held_out.parquet"
    raw = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(raw[: len(raw) // 2] if damage == "truncated" else raw[:-20] + b"?" + raw[-19:])
    with pytest.raises(StoreError, match=r"held_out\.parquet (is damaged|is gone).*; run it again"):
        folder.verify(MADE, "run it again")
    assert folder.status(MADE)[0] == "stale"


def test_a_damaged_record_is_refused_and_named(folder: JobFolder) -> None:
    folder.record.write_text("{")
    with pytest.raises(StoreError, match=r"done\.json is damaged"):
        folder.verify(MADE, "run it again")
    assert folder.status(MADE)[0] == "stale"


def test_a_failure_is_told_with_its_reason(folder: JobFolder) -> None:
    folder.clear()
    folder.record_failure(MADE, "no luck", None)
    assert folder.status(MADE) == ("failed", "no luck")


def test_a_failure_with_other_parameters_is_forgotten(folder: JobFolder) -> None:
    folder.clear()
    folder.record_failure(MADE.with_parts(**{"params.x": 5}), "no luck", None)
    assert folder.status(MADE) == ("missing", "")


def test_a_damaged_failure_is_still_a_status(folder: JobFolder) -> None:
    folder.clear()
    (folder.path / FAILED).write_text("{")
    status, reason = folder.status(MADE)
    assert status == "failed"
    assert "damaged" in reason


def test_clearing_removes_all_but_the_lock_and_the_folders_of_jobs(folder: JobFolder) -> None:
    folder.model.mkdir()
    (folder.model / "weights").write_bytes(b"x")
    (folder.path / ".lock").touch()
    (folder.path / "seed-0").mkdir()
    folder.clear()
    assert {path.name for path in folder.path.iterdir()} == {".lock", "seed-0"}
    JobFolder(folder.path / "never there").clear()


def test_the_record_is_written_last(tmp_path: Path) -> None:
    joined = LearnerFolder(tmp_path)
    joined.write({"oof": predictions()}, MADE)
    assert not joined.record.exists()
    joined.commit(MADE, folds="run")
    assert read_json(joined.record)["folds"] == "run"


def test_a_training_goes_on_only_with_the_same_data_folds_and_parameters(folder: JobFolder) -> None:
    begun = MADE.with_parts(processes=2)
    folder.prepare_training(begun)
    (folder.training / "checkpoint").touch()
    folder.prepare_training(begun)
    assert (folder.training / "checkpoint").exists()
    assert folder.is_training_of(MADE) and not folder.is_training_of(begun.with_parts(data="d2"))
    folder.prepare_training(MADE.with_parts(processes=1))
    assert not (folder.training / "checkpoint").exists()
    write_json(folder.training_provenance, {"data": "d2"})
    assert not folder.is_training_of(MADE)
