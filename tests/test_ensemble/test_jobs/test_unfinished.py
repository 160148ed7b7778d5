"""A learner that trains for long gets a folder of its own: kept while it is not done, never taken for another's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.toys import Hash
from support.world import toy_table

from ensemble.data import Dataset, Task
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.learner import TrainingContext
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.distributed import DistributedContext

MakeRun = Callable[..., Run]


class Patient(Hash):
    """Writes a line for every step into its folder and is killed after ``killed_after`` of them, once."""

    killed_after = 0

    def __init__(self, salt: int = 0, steps: int = 5) -> None:
        super().__init__(salt)
        self.steps = steps

    def set_context(self, workspace: TrainingContext) -> None:
        self._workspace = workspace

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        assert self._workspace.folder is not None
        super().fit(data, task, seed)
        diary = self._workspace.folder / "diary.txt"
        self.begun_at_ = len(diary.read_text()) if diary.exists() else 0
        for step in range(self.begun_at_, self.steps):
            diary.write_text("x" * (step + 1))
            if step + 1 == Patient.killed_after:
                Patient.killed_after = 0
                raise KeyboardInterrupt

    def predict_with_spread(self, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
        values = self.predict_proba(data)
        return values, values / 10

    def facts(self) -> dict[str, int]:
        return {"begun_at": self.begun_at_}

    def curve(self) -> list[dict[str, float]]:
        return [{"epoch": 1, "loss": 0.5}]


REGISTRY = {"patient": f"{__name__}:Patient"}
FIRST = Job("patient", "sentiment", 0, 0)


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    Patient.killed_after = 0
    return make_run(toy_table(30, test_rows=6), {"patient": ("patient", {})}, registry=REGISTRY)


def train_all(run: Run) -> None:
    assert train(run, list_work(run, run.specs, run.data.tasks, ())) == []


def facts(run: Run, job: Job = FIRST) -> dict[str, object]:
    import json

    return dict(json.loads((run.store.job(job).record).read_text()))


def test_a_killed_job_finds_what_it_left(run: Run) -> None:
    Patient.killed_after = 3
    with pytest.raises(KeyboardInterrupt):
        train_all(run)
    train_all(run)
    assert facts(run)["begun_at"] == 3


def test_what_was_left_by_other_parameters_is_not_found(run: Run, make_run: MakeRun) -> None:
    Patient.killed_after = 3
    with pytest.raises(KeyboardInterrupt):
        train_all(run)
    other = make_run(run.data, {"patient": ("patient", {"salt": 1})}, registry=REGISTRY)
    train_all(other)
    assert facts(other)["begun_at"] == 0


def test_nothing_unfinished_stays_when_the_job_is_done(run: Run) -> None:
    train_all(run)
    assert not run.store.job(FIRST).training.exists()


def test_the_learning_curve_and_what_is_to_be_said_are_kept(run: Run) -> None:
    train_all(run)
    curve = pd.read_csv(run.store.job(FIRST).path / "curve.csv")
    assert curve.to_dict("records") == [{"epoch": 1, "loss": 0.5}]
    assert facts(run)["begun_at"] == 0


def test_the_spread_over_views_is_kept_beside_the_probabilities(run: Run) -> None:
    train_all(run)
    task = run.data.tasks[0]
    for part, rows in (("oof", 30), ("test", 6)):
        found = run.store.base("patient", task.name).read(part, task)
        assert found.spread is not None and found.spread.shape == (rows, 3)
        np.testing.assert_allclose(found.spread, found.values / 10)


def test_a_spread_of_another_shape_is_refused() -> None:
    task = toy_table(3).tasks[0]
    with pytest.raises(Exception, match="spread"):
        Predictions(task, np.array(["a"], dtype=object), np.full((1, 3), 1 / 3), np.zeros((1, 2)))


def test_a_process_that_follows_trains_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    from dataclasses import replace

    met = []
    follower = replace(run, distributed=DistributedContext(1, 2, lambda: met.append(True)))
    for job in list_work(run, run.specs, run.data.tasks, ()):
        run.store.job(job.job).training.mkdir(parents=True)  # the leader has done this
    train_all(follower)
    assert met == [True]
    assert len(list(run.store.root.rglob("diary.txt"))) == 3
    assert not list(run.store.root.rglob("*.parquet"))
