"""What it costs to do a job in another process, and what two processes gain.

    python benchmarks/jobs.py                     # 1,000 jobs that do nothing; then jobs that only compute
    python benchmarks/jobs.py --ray               # the same on Ray's tasks, too

``ms/job`` is wall time from the first outcome to the last, by job: its files and their fsync included, which is all
that jobs in turn cost. ``of which engine`` is what two processes take beyond half of that. ``first`` is when the first
outcome came: processes start and read the posts. ``again`` plans and resumes the same jobs, all of them done.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Dataset, Task
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.cluster import Cluster
from ensemble.jobs.job import JobSpec, Outcome, list_work
from ensemble.jobs.local import Local
from ensemble.jobs.train import Engine, sequential, train
from ensemble.run import Run
from ensemble.store import Store
from ensemble.system.progress import Track, silent

FOLDS = 5
TASK = Task("sentiment", ("negative", "neutral", "positive"))


class Idle:
    """Counts ``rounds``, and knows nothing."""

    def __init__(self, rounds: int = 0) -> None:
        self.rounds = rounds

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        value = 0
        for number in range(self.rounds):
            value = (value * 31 + number) % 1_000_003
        self.classes_ = len(task.classes)

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        return np.full((len(data), self.classes_), 1 / self.classes_)

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


@dataclass(frozen=True)
class Open:
    """A run of idle learners over 100 posts."""

    root: Path
    jobs: int
    rounds: int = 0

    def __call__(self) -> Run:
        random = np.random.default_rng(0)
        names = [f"post{number}" for number in range(100)]
        labels = random.choice(TASK.classes, len(names))
        columns = {"id": names, "text": names, "image": None, "part": "train", TASK.name: labels}
        data = Dataset(pd.DataFrame(columns), Path(), (TASK,))
        plan = make_plan(data, np.arange(len(data)), FoldSettings(k=FOLDS))
        seeds = tuple(range(self.jobs // FOLDS))
        specs = (LearnerSpec("idle", "idle", {"rounds": self.rounds}),)
        return Run(Store(self.root), plan.with_groups(data), plan, {"idle": "jobs:Idle"}, specs, seeds)


@dataclass
class Timed:
    """An engine, and when its outcomes came."""

    engine: Engine
    first: float = 0.0
    last: float = 0.0

    def __call__(self, run: Run, work: Sequence[JobSpec], track: Track) -> Iterator[Outcome]:
        began = time.perf_counter()
        for outcome in self.engine(run, work, track):
            self.last = time.perf_counter() - began
            self.first = self.first or self.last
            yield outcome


def engines(opener: Open, ray: bool) -> dict[str, Engine]:
    found: dict[str, Engine] = {"in turn": sequential, "local, 2": Local(opener, 2, 1)}
    return {**found, "ray, 2": Cluster(opener, 1, jobs=2)} if ray else found


def measure(jobs: int, rounds: int, ray: bool) -> dict[str, tuple[float, float, float]]:
    """By engine: seconds to the first outcome, seconds per job after it, seconds of the same again."""
    found = {}
    for name in engines(Open(Path(), 0), ray):
        with tempfile.TemporaryDirectory() as folder:
            opener = Open(Path(folder), jobs, rounds)
            timed = Timed(engines(opener, ray)[name])
            run = opener()
            assert train(run, list_work(run, run.specs, run.data.tasks, ()), silent, timed) == []
            began = time.perf_counter()
            run = opener()
            assert train(run, list_work(run, run.specs, run.data.tasks, ()), silent, timed.engine) == []
            again = time.perf_counter() - began
        found[name] = timed.first, (timed.last - timed.first) / (jobs - 1), again
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--computing", type=int, default=40, help="jobs that compute")
    parser.add_argument("--rounds", type=int, default=10_000_000, help="how much each of them computes")
    parser.add_argument("--ray", action="store_true")
    options = parser.parse_args()
    print(f"{options.jobs} jobs that do nothing")
    print(f"{'':10}{'first, s':>10}{'ms/job':>10}{'of which engine':>18}{'again, s':>10}")
    idle = measure(options.jobs, 0, options.ray)
    alone = idle["in turn"][1]
    for name, (first, each, again) in idle.items():
        engine = "" if name == "in turn" else f"{1000 * (each - alone / 2):.1f}"
        print(f"{name:10}{first:10.1f}{1000 * each:10.1f}{engine:>18}{again:10.1f}")
    print(f"{options.computing} jobs that compute")
    print(f"{'':10}{'first, s':>10}{'ms/job':>10}{'times as fast':>18}")
    busy = measure(options.computing, options.rounds, options.ray)
    for name, (first, each, _) in busy.items():
        print(f"{name:10}{first:10.1f}{1000 * each:10.1f}{busy['in turn'][1] / each:18.2f}")


if __name__ == "__main__":
    from jobs import main as by_name  # so that workers find the classes under the name that the registry has

    by_name()
