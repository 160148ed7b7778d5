"""Killed at any moment, the same command continues and ends with the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone

KILLS = 5


def start(config: Path, run: str) -> "subprocess.Popen[bytes]":
    """Of learners that encode texts, and images by one view of each, and are trained."""
    command = [sys.executable, "-m", "cli.main", "train-base", "--quiet", "-c", str(config)]
    command += ["-l", "text", "-l", "image", "--set", "base.image.params.views=1"]
    places = ["--set", f"run.folder={run}", "--set", f"run.cache={run}-cache", "--set", "run.threads=2"]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, *places], **streams, preexec_fn=heed_control_c)


def heed_control_c() -> None:
    """A test run started in the background ignores SIGINT, and so would all it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(config: Path, run: str) -> None:
    process = start(config, run)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()


def oof_bytes(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.glob("base/*/*/*.parquet")}


def steps(run: Path) -> int:
    """Finished jobs and encoded blocks so far."""
    return sum(1 for _ in run.rglob("done.json")) + sum(1 for _ in Path(f"{run}-cache").rglob("*.npy"))


def kill_at_random_moments(config: Path, kills: int) -> None:
    """Runs once undisturbed, once with ``kill -9`` after random numbers of steps, in encoding and in training."""
    finish(config, "whole")
    run = config.parent / "killed"
    moments = sorted(random.Random(0).sample(range(1, steps(config.parent / "whole")), kills))
    for moment in moments:
        process = start(config, "killed")
        while steps(run) < moment and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the run was over before it was killed"
    finish(config, "killed")
    whole, killed = oof_bytes(config.parent / "whole"), oof_bytes(run)
    assert whole and killed == whole
    assert not list((run / "base").rglob(".*.tmp"))


def test_a_killed_training_continues_and_ends_with_the_same_bytes(config: Path) -> None:
    kill_at_random_moments(config, 3)


@pytest.mark.real_data
def test_real_posts_survive_five_kills(real_config: Path) -> None:
    kill_at_random_moments(real_config, KILLS)


def test_control_c_ends_with_one_line_and_130(config: Path) -> None:
    process = start(config, "stopped")
    while steps(config.parent / "stopped") < 2 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors.decode()
    assert errors.decode().splitlines()[-1].startswith("ensemble: Interrupted")


def test_a_full_disk_is_one_line_and_nothing_is_lost(config: Path) -> None:
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_ends_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([sys.executable, "-m", "cli.main", "learners"], stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 2 and ended.stderr.decode().startswith("ensemble: Cannot write: No space left")
    assert len(ended.stderr.splitlines()) == 1
