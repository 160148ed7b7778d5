"""Killed at any moment, the same command continues and ends with the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = 5


def start(config: Path, run: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "cli.main", "train-base", "--quiet", "-c", str(config)]
    places = ["--set", f"run.folder={run}", "--set", f"run.cache={run}-cache", "--set", "run.threads=2"]
    return subprocess.Popen([*command, *places], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(config: Path, run: str) -> float:
    started = time.monotonic()
    process = start(config, run)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return time.monotonic() - started


def oof_bytes(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.glob("base/*/*/*.parquet")}


def kill_at_random_moments(config: Path, kills: int) -> None:
    """Runs once undisturbed and once with ``kill -9`` at random moments of what an undisturbed run takes."""
    takes = finish(config, "whole")
    moments = random.Random(0)
    died = 0
    for _ in range(kills):
        process = start(config, "killed")
        time.sleep(moments.uniform(0.3, 0.8) * takes / 2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        died += process.returncode == -signal.SIGKILL
    assert died > 0
    finish(config, "killed")
    whole, killed = oof_bytes(config.parent / "whole"), oof_bytes(config.parent / "killed")
    assert whole and killed == whole
    left = [path for path in (config.parent / "killed").rglob(".*.tmp")]
    assert all(path.parent == config.parent / "killed" for path in left), left


def test_a_killed_training_continues_and_ends_with_the_same_bytes(config: Path) -> None:
    kill_at_random_moments(config, 2)


@pytest.mark.real_data
def test_real_posts_survive_five_kills(real_config: Path) -> None:
    kill_at_random_moments(real_config, KILLS)


def test_control_c_ends_with_one_line_and_130(config: Path) -> None:
    process = start(config, "stopped")
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    if process.returncode == 0:
        pytest.fail("the run was over before it was interrupted")
    assert process.returncode == 130, errors.decode()
    assert errors.decode().splitlines()[-1].startswith("ensemble: Interrupted")


def test_a_full_disk_is_one_line_and_nothing_is_lost(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on file size is the nearest to a full disk that needs no other file system."""
    import resource

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    command = [sys.executable, "-m", "cli.main", "train-base", "--quiet", "-c", str(config), "-l", "prior"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert done.returncode == 2, done.stderr
    assert (done.stderr.strip().count("\n") == 0 and "was not written" in done.stderr) or "Cannot write" in done.stderr
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert os.listdir(config.parent / "run")
