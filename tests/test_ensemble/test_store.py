"""The run folder: what is unfinished, stale or damaged is refused, with the file and the difference."""

from pathlib import Path

import numpy as np
import pytest
from support.world import SENTIMENT

from ensemble.errors import StoreError
from ensemble.predictions import Predictions
from ensemble.store import (
    DONE,
    FAILED,
    REPORT,
    Job,
    Store,
    check,
    clear,
    first_difference,
    seal,
    state,
    write_predictions,
)
from ensemble.system.files import read_json, write_json

MADE = {"data": "d1", "folds": "f1", "params.views": 10}
JOB = Job("vit", "sentiment", 0, 2)


def predictions(rows: int = 5) -> Predictions:
    ids = np.array([f"p{row}" for row in range(rows)], dtype=object)
    return Predictions(SENTIMENT, ids, np.random.default_rng(0).dirichlet(np.ones(3), rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished job."""
    path = Store(tmp_path).job(JOB)
    path.mkdir(parents=True)
    write_predictions(path, {"held_out": predictions(), "test": predictions(3)}, MADE)
    seal(path, DONE, MADE, seconds=1.5)
    return path


def test_a_job_has_its_place_and_its_name(tmp_path: Path) -> None:
    assert Store(tmp_path).job(JOB) == tmp_path / "base" / "vit" / "sentiment" / "seed-0" / "fold-2"
    assert str(JOB) == "vit / sentiment / seed 0 / fold 2"


@pytest.mark.parametrize("name", ["a/b", "a b", "é", "50%"])
def test_names_never_lead_to_another_folder(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    assert store.base(name, name).parent.parent == tmp_path / "base"
    assert store.stack(name).parent == tmp_path / "stack"
    assert store.base(name, "t") != store.base("a", "t")


def test_a_finished_result_is_read_with_its_facts(folder: Path) -> None:
    facts = check(folder, DONE, MADE, "remedy")
    assert facts["seconds"] == 1.5
    assert facts["made_of"] == MADE
    assert set(facts["files"]) == {"held_out.parquet", "test.parquet"}
    assert state(folder, DONE, MADE) == ("done", "")
    assert folder.read("held_out", SENTIMENT).ids.tolist() == predictions().ids.tolist()


def test_an_unfinished_result_is_refused(folder: Path) -> None:
    (folder / DONE).unlink()
    with pytest.raises(StoreError, match=r"fold-2 is not finished; run it again\."):
        check(folder, DONE, MADE, "run it again")
    assert state(folder, DONE, MADE) == ("missing", "")


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (MADE | {"params.views": 5}, "params.views was 10, is now 5"),
        (MADE | {"data": "d2"}, "data was 'd1', is now 'd2'"),
        (MADE | {"params.new": 1}, "params.new was None, is now 1"),
        ({"data": "d1", "folds": "f1"}, "params.views was 10, is now None"),
    ],
)
def test_a_stale_result_is_refused_with_the_difference(folder: Path, now: dict[str, object], difference: str) -> None:
    with pytest.raises(StoreError, match=f"fold-2 is stale: {difference}; run it again"):
        check(folder, DONE, now, "run it again")
    found, reason = state(folder, DONE, now)
    assert found == "stale"
    assert difference in reason


def test_what_something_was_made_of_can_be_left_open(folder: Path) -> None:
    assert check(folder, DONE, None, "")["seconds"] == 1.5


@pytest.mark.parametrize("damage", ["truncated", "one byte", "gone"])
def test_a_damaged_file_is_refused_and_named(folder: Path, damage: str) -> None:
    path = folder / "held_out.parquet"
    raw = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(raw[: len(raw) // 2] if damage == "truncated" else raw[:-20] + b"?" + raw[-19:])
    with pytest.raises(StoreError, match=r"held_out\.parquet (is damaged|is gone).*; run it again"):
        check(folder, DONE, MADE, "run it again")
    assert state(folder, DONE, MADE)[0] == "stale"


def test_a_damaged_record_is_refused_and_named(folder: Path) -> None:
    (folder / DONE).write_text("{")
    with pytest.raises(StoreError, match=r"done\.json is damaged"):
        check(folder, DONE, MADE, "run it again")
    assert state(folder, DONE, MADE)[0] == "stale"


def test_a_failure_is_told_with_its_reason(folder: Path) -> None:
    clear(folder)
    write_json(folder / FAILED, {"made_of": MADE, "reason": "no luck"})
    assert state(folder, DONE, MADE) == ("failed", "no luck")


def test_a_failure_with_other_parameters_is_forgotten(folder: Path) -> None:
    clear(folder)
    write_json(folder / FAILED, {"made_of": {**MADE, "params.x": 5}, "reason": "no luck"})
    assert state(folder, DONE, MADE) == ("missing", "")


def test_a_damaged_failure_is_still_a_state(folder: Path) -> None:
    clear(folder)
    (folder / FAILED).write_text("{")
    found, reason = state(folder, DONE, MADE)
    assert found == "failed"
    assert "damaged" in reason


def test_clearing_removes_all_but_the_lock_and_the_folders_of_jobs(folder: Path) -> None:
    (folder / "model").mkdir()
    (folder / "model" / "weights").write_bytes(b"x")
    (folder / ".lock").touch()
    (folder / "seed-0").mkdir()
    clear(folder)
    assert {path.name for path in folder.iterdir()} == {".lock", "seed-0"}
    clear(folder / "never there")


def test_the_first_difference_is_named_or_none() -> None:
    assert first_difference(MADE, dict(MADE)) is None
    assert first_difference({"b": 1, "a": 1}, {"b": 2, "a": 2}) == "a was 1, is now 2"


def test_the_record_is_written_last(tmp_path: Path) -> None:
    write_predictions(tmp_path, {"held_out": predictions()}, MADE)
    assert not (tmp_path / DONE).exists()
    seal(tmp_path, REPORT, MADE, folds="run")
    assert read_json(tmp_path / REPORT)["folds"] == "run"


def test_a_claimed_job_is_not_given_twice(tmp_path: Path) -> None:
    store, other = Store(tmp_path), Job("vit", "sentiment", 0, 3)
    with (
        store.claim(JOB, wait=False) as mine,
        store.claim(JOB, wait=False) as theirs,
        store.claim(other, wait=False) as free,
    ):
        assert mine and free and theirs is None
    with store.claim(JOB, wait=False) as again:
        assert again


def test_a_claim_ends_when_the_work_fails(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(RuntimeError), store.claim(JOB, wait=False):
        raise RuntimeError
    with store.claim(JOB, wait=False) as again:
        assert again
