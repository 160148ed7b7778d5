"""A folder is one process's at a time, and that of a dead process is free again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ensemble.system import claims
from ensemble.system.claims import FILE, Claim, claim, owner_of
from ensemble.system.interruption import listen
from ensemble.system.processes import began, machine

pytestmark = pytest.mark.alone

HOLD = """
import sys, time
from pathlib import Path
from ensemble.system.claims import claim
with claim(Path(sys.argv[1])) as mine:
    print("mine" if mine else "theirs", flush=True)
    time.sleep(60)
"""


def start_owner(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "mine\n"
    return process


def foreign(folder: Path, seconds_ago: float) -> None:
    """A claim of another machine, last renewed so long ago."""
    folder.mkdir(exist_ok=True)
    other = {"token": "theirs", "machine": "another", "process": 1, "began": "1"}
    (folder / FILE).write_text(json.dumps(other))
    os.utime(folder / FILE, (time.time() - seconds_ago,) * 2)


def test_a_claimed_folder_is_refused_until_it_is_released(tmp_path: Path) -> None:
    with claim(tmp_path) as mine, claim(tmp_path) as theirs:
        assert mine and mine.held() and theirs is None
        assert (owner := owner_of(tmp_path)) and owner["process"] == os.getpid()
    assert owner_of(tmp_path) is None and not (tmp_path / FILE).exists()
    with claim(tmp_path) as again:
        assert again


def test_a_disk_that_does_not_answer_for_a_moment_ends_no_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([OSError("stale file handle"), OSError("stale file handle")])
    real, asked = claims._read, threading.Event()

    def read(path: Path) -> Any:
        if threading.current_thread() is not threading.main_thread() and (error := next(answers, None)):
            raise error
        asked.set()
        return real(path)

    with claim(tmp_path, beat=0.02) as mine:
        assert mine
        monkeypatch.setattr(claims, "_read", read)
        os.utime(tmp_path / FILE, (0, 0))
        assert asked.wait(10)
        until = time.monotonic() + 10
        while (tmp_path / FILE).stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert (tmp_path / FILE).stat().st_mtime > 0


def test_an_error_releases_the_claim(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), claim(tmp_path):
        raise RuntimeError
    assert owner_of(tmp_path) is None


def test_who_is_interrupted_in_taking_a_folder_does_not_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGALRM)
    listen(signal.SIGALRM)
    monkeypatch.setattr(os, "fsync", lambda _: os.kill(os.getpid(), signal.SIGALRM))
    try:
        with pytest.raises(KeyboardInterrupt), claim(tmp_path):
            raise AssertionError("it was taken")
    finally:
        listen(signal.SIGALRM)
        signal.signal(signal.SIGALRM, before)
    assert not (tmp_path / FILE).exists() and list(tmp_path.glob(".*.tmp")) == []


def test_the_claim_of_a_killed_process_is_void_at_once(tmp_path: Path) -> None:
    owner = start_owner(tmp_path)
    with claim(tmp_path) as mine:
        assert mine is None
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert owner_of(tmp_path) is None
    with claim(tmp_path) as mine:
        assert mine


def test_who_waits_gets_the_folder_when_it_is_free(tmp_path: Path) -> None:
    owner = start_owner(tmp_path)
    owner.send_signal(signal.SIGKILL)
    with claim(tmp_path, wait=True) as mine:
        assert mine
    owner.communicate()


def test_the_number_of_a_process_is_not_enough(tmp_path: Path) -> None:
    reborn = {"token": "theirs", "machine": machine(), "process": os.getpid(), "began": "earlier"}
    (tmp_path / FILE).write_text(json.dumps(reborn))
    with claim(tmp_path) as mine:
        assert mine


def test_another_machine_is_believed_as_long_as_it_renews(tmp_path: Path) -> None:
    foreign(tmp_path, seconds_ago=claims.EXPIRES - 20)
    with claim(tmp_path) as mine:
        assert mine is None
    foreign(tmp_path, seconds_ago=claims.EXPIRES + 20)
    assert owner_of(tmp_path) is None
    with claim(tmp_path) as mine:
        assert mine


def test_an_owner_renews_its_claim(tmp_path: Path) -> None:
    with claim(tmp_path, beat=0.02):
        os.utime(tmp_path / FILE, (1.0, 1.0))
        until = time.monotonic() + 10
        while (tmp_path / FILE).stat().st_mtime < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert (tmp_path / FILE).stat().st_mtime > 2


def test_an_owner_that_was_taken_for_dead_knows_and_leaves_the_other_alone(tmp_path: Path) -> None:
    with claim(tmp_path) as mine:
        assert mine
        foreign(tmp_path, seconds_ago=0)
        assert not mine.held()
    assert (owner := owner_of(tmp_path)) and owner["token"] == "theirs"


def test_a_damaged_claim_is_none(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"{")
    with claim(tmp_path) as mine:
        assert mine


def test_of_many_that_ask_at_once_one_gets_it(tmp_path: Path) -> None:
    foreign(tmp_path, seconds_ago=claims.EXPIRES + 20)
    asked = [Claim(tmp_path) for _ in range(20)]
    assert sum(one.acquire() for one in asked) == 1
    for one in asked:
        one.release()
    assert list(tmp_path.glob(".*.tmp")) == []


def test_a_process_that_is_gone_has_no_beginning() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    assert began(os.getpid()) is not None
    process.wait()
    assert began(process.pid) is None
