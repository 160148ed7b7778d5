"""A finished run for tests: trained, stacked, its record written as the command would."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from base_models import LEARNERS
from ensemble.bound_learners import LearnerSpec
from ensemble.config import Config
from ensemble.data import Dataset
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.job import list_work
from ensemble.jobs.run_record import write_record
from ensemble.jobs.train import train
from ensemble.run import Run
from ensemble.store import Store
from meta.stack import stack_task
from meta.table import StackSettings
from support.toys import TOYS

REGISTRY = {**LEARNERS, **TOYS}
SOFT = StackSettings(estimators=("soft_vote",))
HASHES = {"a": ("hash", {"salt": 1}), "b": ("hash", {"salt": 2})}


def record(run: Run) -> None:
    """run.json, with the run's folder as the place where relative paths begin."""
    config = Config.model_validate(
        {
            "data": {"preset": "csv", "id": "name", "text": "caption", "image": "file"},
            "run": {"cache": run.cache.root or "no cache", "seeds": run.seeds, "threads": 1},
            "base": {spec.name: {"learner": spec.learner, "params": spec.params} for spec in run.specs},
        }
    )
    write_record(run, config.model_dump(mode="json") | {"threads": 1})


def finish(
    folder: Path,
    data: Dataset,
    learners: Mapping[str, tuple[str, dict[str, Any]]],
    k: int = 3,
    settings: StackSettings = SOFT,
    **more: Any,
) -> Run:
    """Train and stack every task of ``data`` in ``folder``."""
    plan = make_plan(data, np.arange(len(data)), FoldSettings(k=k))
    plan.write(Store(folder).plan)
    specs = tuple(LearnerSpec(name, learner, params) for name, (learner, params) in learners.items())
    run = Run(Store(folder), plan.with_groups(data), plan, REGISTRY, specs, **more)
    assert train(run, list_work(run, run.specs, data.tasks, ())) == []
    for task in data.tasks:
        stack_task(run, task, settings)
    record(run)
    return run
