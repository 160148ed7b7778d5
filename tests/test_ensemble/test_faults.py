"""Drivers and workers killed at random moments: every job is done once, to the same bytes, and nothing is left."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from killed_driver import SEEDS
from opened import Open, files, train_all

from ensemble.processes import began

KILLS = {"local": 4, "ray": 2}  # starting Ray again takes seconds
HERE = Path(__file__)
JOBS = 3 * len(SEEDS)
ENGINES = ["local", pytest.param("ray", marks=pytest.mark.skipif(find_spec("ray") is None, reason="no ray"))]


class Killed:
    """A run whose driver and workers are killed, and what is seen of it from outside meanwhile."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.root, self.log, self.engine = folder / "killed", folder / "fits.txt", engine
        self.done: dict[Path, tuple[int, int]] = {}
        self.workers: set[tuple[int, str]] = set()
        self.start()

    def start(self) -> None:
        places = {"PYTHONPATH": os.pathsep.join([str(HERE.parents[2]), str(HERE.parents[1])]), "OMP_NUM_THREADS": "1"}
        command = [
            sys.executable,
            str(HERE.parents[1] / "killed_driver.py"),
            str(self.root),
            str(self.log),
            self.engine,
        ]
        self.driver = subprocess.Popen(command, env={**os.environ, **places}, stderr=subprocess.PIPE, text=True)

    def look(self) -> list[int]:
        """Check that what is done is done once; the processes that are at work."""
        time.sleep(0.01)
        for path in self.root.rglob("done.json"):
            status = path.stat()
            seen = status.st_ino, status.st_mtime_ns
            assert self.done.setdefault(path, seen) == seen, f"{path} was written twice"
        at_work = []
        for path in self.root.rglob("claim.json"):
            with suppress(FileNotFoundError):
                owner = json.loads(path.read_bytes())
                self.workers.add((owner["process"], owner["began"]))
                at_work.append(owner["process"])
        return [process for process in at_work if began(process)]

    def await_done(self, count: int) -> None:
        while len(self.done) < count and self.driver.poll() is None:
            self.look()

    def kill_driver(self) -> None:
        self.driver.kill()
        self.driver.communicate()
        self.start()

    def kill_worker(self, chance: random.Random) -> None:
        while not (at_work := self.look()):
            assert self.driver.poll() is None, f"it was over before: {self.driver.communicate()[1]}"
        with suppress(ProcessLookupError):
            os.kill(chance.choice(at_work), signal.SIGKILL)

    def finish(self) -> None:
        self.await_done(JOBS)
        _, errors = self.driver.communicate()
        assert self.driver.returncode == 0, errors
        self.look()

    def survivors(self) -> set[int]:
        return {process for process, since in self.workers if began(process) == since}


def kill_and_compare(folder: Path, engine: str, kills: int) -> None:
    whole = Open(folder / "whole", seeds=SEEDS)
    assert train_all(whole) == []
    chance = random.Random(kills)
    run = Killed(folder, engine)
    for number, moment in enumerate(sorted(chance.choices(range(JOBS - 4), k=kills))):
        run.await_done(moment)
        run.kill_worker(chance) if number % 2 else run.kill_driver()
    run.finish()
    ours, theirs = files(run.root / "base/counted", "*.parquet"), files(whole.root / "base/hash", "*.parquet")
    assert ours == theirs != {}
    fits = Counter(run.log.read_text().splitlines())
    assert len(fits) == len(run.done) == JOBS
    assert fits.total() <= JOBS + 2 * kills  # what was killed between the end of its fit and its record
    left = [name for name in files(run.root) if name.endswith((".tmp", "claim.json", "progress.json"))]
    assert not left and not list(run.root.rglob("training"))
    until = time.monotonic() + 10
    while run.survivors() and time.monotonic() < until:
        time.sleep(0.1)
    assert not run.survivors()


@pytest.mark.parametrize("engine", ENGINES)
def test_drivers_and_workers_are_killed_and_every_job_is_done_once(tmp_path: Path, engine: str) -> None:
    kill_and_compare(tmp_path, engine, KILLS[engine])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_driver_that_is_asked_to_stop_ends_its_workers_in_order(tmp_path: Path, engine: str) -> None:
    run = Killed(tmp_path, engine)
    run.await_done(2)
    run.driver.send_signal(signal.SIGTERM)
    _, errors = run.driver.communicate(timeout=120)
    assert run.driver.returncode == 130, errors
    run.look()
    assert 2 <= len(run.done) < JOBS and not run.survivors()
    assert not [name for name in files(run.root) if name.endswith((".tmp", "claim.json", "progress.json"))]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_twenty_kills(tmp_path: Path, engine: str) -> None:
    kill_and_compare(tmp_path, engine, 20)
