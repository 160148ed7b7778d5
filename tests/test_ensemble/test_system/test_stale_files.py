"""What killed processes left goes; what others are at stays."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ensemble.system.claims import claim
from ensemble.system.files import temporary_for, write_atomic, writer_of
from ensemble.system.processes import is_dead, machine, mark
from ensemble.system.progress import Reports
from ensemble.system.stale_files import OLD, remove_stale_files

JOB = Path("base", "w", "sentiment", "seed-0", "fold-0")
DIE = """
import os, sys
from pathlib import Path
from ensemble.system import files
from ensemble.system.claims import Claim
from ensemble.system.progress import Reports
folder = Path(sys.argv[1])
assert Claim(folder).acquire()
reports = Reports(folder / "progress.json")
list(reports(range(2), "steps", 2))
files.temporary_for(folder / "model.safetensors").write_bytes(b"half")
os._exit(9)
"""


def test_what_a_killed_process_left_goes_and_its_results_stay(tmp_path: Path) -> None:
    folder = tmp_path / JOB
    write_atomic(folder / "held_out.parquet", b"result")
    subprocess.run([sys.executable, "-c", DIE, str(folder)])
    assert {"claim.json", "progress.json"} < set(os.listdir(folder)) and list(folder.glob(".*.tmp"))
    remove_stale_files(tmp_path)
    assert set(os.listdir(folder)) - {".lock"} == {"held_out.parquet"}


def test_what_a_process_is_at_stays(tmp_path: Path) -> None:
    folder = tmp_path / JOB
    with claim(folder), Reports(folder / "progress.json") as reports:
        assert list(reports(range(2), "steps", 2)) == [0, 1]
        temporary_for(folder / "model").write_bytes(b"half")
        before = set(os.listdir(folder))
        remove_stale_files(tmp_path)
        assert set(os.listdir(folder)) == before > {"claim.json", "progress.json"}


@pytest.mark.parametrize(
    "name", [".model.12345678-1-1.tmp", ".0a.npy.12345678-1-unknown.tmp", ".a\nb.1234abcd-7-9.tmp"]
)
def test_a_file_of_another_machine_goes_when_it_is_old(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    remove_stale_files(tmp_path)
    assert (tmp_path / name).exists()
    remove_stale_files(tmp_path, clock=lambda: time.time() + OLD + 60)
    assert not (tmp_path / name).exists()


def test_the_claim_of_another_machine_stays_while_it_renews(tmp_path: Path) -> None:
    other = {"token": "theirs", "machine": "another", "process": 1, "began": "1"}
    folder = tmp_path / JOB
    folder.mkdir(parents=True)
    (folder / "claim.json").write_text(json.dumps(other))
    (folder / "progress.json").write_text("{}")
    remove_stale_files(tmp_path)
    assert {"claim.json", "progress.json"} <= set(os.listdir(folder))
    os.utime(folder / "claim.json", (time.time() - OLD,) * 2)
    remove_stale_files(tmp_path)
    assert set(os.listdir(folder)) <= {".lock"}


THEIRS = ["notes.tmp", ".bash_history-123.tmp", ".model.1234.tmp", ".x.12345678-a-1.tmp", "progress.json", "claim.json"]


@pytest.mark.parametrize("name", THEIRS)
def test_files_of_other_programs_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"their": "own"}')
    os.utime(tmp_path / name, (1.0, 1.0))
    remove_stale_files(tmp_path)
    assert (tmp_path / name).exists()


def test_a_file_is_known_by_the_name_it_was_given() -> None:
    assert writer_of(temporary_for(Path("run", "a.b c.json"))) == mark()


def test_a_process_knows_its_own_mark() -> None:
    assert is_dead(mark()) is False
    assert is_dead(mark().rpartition("-")[0] + "-0") is True  # the number of one that is gone
    assert is_dead("12345678-1-1") is None and " " not in mark() and machine()


def test_a_report_that_another_process_writes_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text("{}")
    with Reports(tmp_path / "progress.json"):
        pass
    assert (tmp_path / "progress.json").exists()
