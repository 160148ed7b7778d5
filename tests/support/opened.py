"""Opens runs of toys in whatever process is asked to: what engines are tested with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.bound_learners import LearnerSpec
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.job import Outcome, list_work
from ensemble.jobs.train import Engine, sequential, train
from ensemble.run import Run
from ensemble.store import Store
from support.toys import TOYS
from support.world import toy_table


@dataclass(frozen=True)
class Open:
    """A run of toys over some posts, three folds."""

    root: Path
    learners: tuple[tuple[str, tuple[tuple[str, object], ...]], ...] = (("hash", ()),)
    seeds: tuple[int, ...] = (0,)
    rows: int = 30

    def __call__(self) -> Run:
        data = toy_table(self.rows, test_rows=6)
        plan = make_plan(data, np.arange(len(data)), FoldSettings(k=3))
        specs = tuple(LearnerSpec(name, name, dict(params)) for name, params in self.learners)
        return Run(Store(self.root), plan.with_groups(data), plan, TOYS, specs, self.seeds)


def train_all(opener: Open, engine: Engine = sequential, folds: Sequence[int] = ()) -> Sequence[Outcome]:
    """Train all jobs of the run, or those of some folds."""
    run = opener()
    return train(run, list_work(run, run.specs, run.data.tasks, folds), engine=engine)


def files(root: Path, pattern: str = "*") -> dict[str, bytes]:
    """What lies below a folder, by relative path."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob(pattern) if path.is_file()}
