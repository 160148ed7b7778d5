"""Drivers and workers killed at random moments: every job is done once, to the same bytes, and nothing is left."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, TESTS
from support.killed_driver import SEEDS, SETTINGS, opener_of, tune_all
from support.opened import Open, files, train_all

from ensemble.system.processes import began
from ensemble.tuning.outcome import StudySummary

pytestmark = pytest.mark.alone

KILLS = {"local": 4, "ray": 2}  # starting Ray again takes seconds
JOBS = 3 * len(SEEDS)
PLACES = os.pathsep.join([str(ROOT), str(TESTS)])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PLACES, "OMP_NUM_THREADS": "1"}
ENGINES = ["local", pytest.param("ray", marks=pytest.mark.skipif(find_spec("ray") is None, reason="no ray"))]


class Killed:
    """JobSpec whose driver and workers are killed, and what is seen of it from outside meanwhile."""

    def __init__(self, folder: Path, what: str, engine: str) -> None:
        self.root, self.log, self.what, self.engine = folder / "killed", folder / "fits.txt", what, engine
        self.done: dict[Path, tuple[int, int]] = {}
        self.workers: set[tuple[int, str]] = set()
        self.start()

    def start(self) -> None:
        driver = TESTS / "support" / "killed_driver.py"
        command = [sys.executable, str(driver), self.what, self.engine, str(self.root), str(self.log)]
        self.driver = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)

    def look(self) -> list[int]:
        """Check that what is done is done once; the workers that are at a job."""
        time.sleep(0.01)
        folders = [(Path(folder), names) for folder, _, names in os.walk(self.root)]  # some go meanwhile
        for path in [folder / "done.json" for folder, names in folders if "done.json" in names]:
            status = path.stat()
            seen = status.st_ino, status.st_mtime_ns
            assert self.done.setdefault(path, seen) == seen, f"{path} was written twice"
        at_work = []
        for folder in [
            folder for folder, names in folders if "claim.json" in names and folder.name.startswith("fold-")
        ]:
            with suppress(FileNotFoundError):
                owner = json.loads((folder / "claim.json").read_bytes())
                self.workers.add((owner["process"], owner["began"]))
                at_work.append(owner["process"])
        return [process for process in at_work if began(process)]

    def await_done(self, count: int) -> None:
        while len(self.done) < count and self.driver.poll() is None:
            self.look()

    def await_work(self) -> list[int]:
        while not (at_work := self.look()):
            assert self.driver.poll() is None, f"it was over before: {self.driver.communicate()[1]}"
        return at_work

    def kill_driver(self, chance: random.Random) -> None:
        self.await_work()
        time.sleep(chance.uniform(0, 0.3))
        self.driver.kill()
        self.driver.communicate(timeout=60)  # until all that have its stderr are gone
        self.start()

    def kill_worker(self, chance: random.Random) -> None:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(self.await_work()), signal.SIGKILL)

    def kill(self, kills: int, jobs: int) -> None:
        """The driver and workers in turn, at random moments; then wait for the end."""
        chance = random.Random(kills)
        for number, moment in enumerate(sorted(chance.choices(range(jobs * 2 // 3), k=kills))):
            self.await_done(moment)
            self.kill_worker(chance) if number % 2 else self.kill_driver(chance)
        self.await_done(jobs)
        _, errors = self.driver.communicate()
        assert self.driver.returncode == 0, errors
        self.look()

    def check(self, fits: Sequence[str], kills: int, jobs: int) -> None:
        """Every job is done, none was begun more often than it was killed, and nothing is left."""
        assert len(set(fits)) == len(self.done) == jobs
        assert len(fits) <= jobs + 2 * kills
        left = [name for name in files(self.root) if name.endswith((".tmp", "claim.json", "progress.json"))]
        assert not left and not list(self.root.rglob("training"))
        until = time.monotonic() + 10
        while self.survivors() and time.monotonic() < until:
            time.sleep(0.1)
        assert not self.survivors()

    def survivors(self) -> set[int]:
        return {process for process, since in self.workers if began(process) == since}


def kill_training(folder: Path, engine: str, kills: int) -> None:
    whole = Open(folder / "whole", seeds=SEEDS)
    assert train_all(whole) == []
    run = Killed(folder, "train", engine)
    run.kill(kills, JOBS)
    run.check(run.log.read_text().splitlines(), kills, JOBS)
    ours, theirs = files(run.root / "base/counted", "*.parquet"), files(whole.root / "base/hash", "*.parquet")
    assert ours == theirs != {}


def kill_tuning(folder: Path, engine: str, kills: int) -> None:
    whole = opener_of("tune", folder / "whole", pause=0)
    undisturbed = tune_all(whole, engine)
    jobs = len(list(whole.root.rglob("done.json")))
    run = Killed(folder, "tune", engine)
    run.kill(kills, jobs)
    fits = [
        f"{path} {line.split()[0]}" for path in run.root.rglob("fits.txt") for line in path.read_text().splitlines()
    ]
    run.check(fits, kills, jobs)
    assert files(run.root).keys() == files(whole.root).keys()
    assert files(run.root, "*.parquet") == files(whole.root, "*.parquet") != {}
    found = tune_all(opener_of("tune", run.root), engine)
    assert trials_of(found) == trials_of(undisturbed)
    assert len(found.trials) == SETTINGS[engine].trials and found.pruned == undisturbed.pruned
    assert bool(found.pruned) == SETTINGS[engine].prune
    assert best_of(run.root) == best_of(whole.root)


def trials_of(found: StudySummary) -> list[list[Any]]:
    """In the order they were begun; their numbers have gaps where one was killed."""
    rows = sorted(found.trials, key=lambda row: row.trial)
    return [[row.state, row.values, row.params, row.reason] for row in rows]


def best_of(root: Path) -> dict[str, Any]:
    best: dict[str, Any] = json.loads(next(root.rglob("best.json")).read_bytes())
    return best | {"trial": None, "when": None}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kill", [kill_training, kill_tuning])
def test_drivers_and_workers_are_killed_and_every_job_is_done_once(
    tmp_path: Path, kill: Callable[[Path, str, int], None], engine: str
) -> None:
    kill(tmp_path, engine, KILLS[engine])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_driver_that_is_asked_to_stop_ends_its_workers_in_order(tmp_path: Path, engine: str) -> None:
    run = Killed(tmp_path, "train", engine)
    run.await_done(2)
    run.driver.send_signal(signal.SIGTERM)
    _, errors = run.driver.communicate(timeout=120)
    assert run.driver.returncode == 130, errors
    run.look()
    assert 2 <= len(run.done) < JOBS and not run.survivors()
    assert not [name for name in files(run.root) if name.endswith((".tmp", "claim.json", "progress.json"))]


IDLE = """
from pathlib import Path
from support.opened import Open, train_all
from ensemble.jobs.local import Local
opener = Open(Path({!r}), (("slow", (("seconds", 60.0),)),))
train_all(opener, Local(opener, 3, 1), folds=[0])
"""


def test_processes_that_never_had_a_job_end_with_their_driver(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IDLE.format(str(tmp_path))]
    driver = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE)
    while not files(tmp_path, "claim.json"):
        assert driver.poll() is None
        time.sleep(0.05)
    driver.kill()
    driver.communicate(timeout=60)  # until all that have its stderr are gone


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kill", [kill_training, kill_tuning])
def test_twenty_kills(tmp_path: Path, kill: Callable[[Path, str, int], None], engine: str) -> None:
    kill(tmp_path, engine, 20)
