"""One run: opened data (a dataset, its fold plan, its run folder), the learners bound to it, and their results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from ensemble.bound_learners import BoundLearners, LearnerSpec
from ensemble.data import Dataset, Task, python_values
from ensemble.errors import ConfigError
from ensemble.features import FeatureCache
from ensemble.folds import FoldPlan
from ensemble.results import Results
from ensemble.store import Store
from ensemble.system.distributed import DistributedContext
from ensemble.system.files import fingerprint


@dataclass(frozen=True)
class OpenedData:
    """Rows and folds, and where what is made of them lies. ``data`` knows its groups."""

    store: Store
    data: Dataset
    plan: FoldPlan

    @cached_property
    def identity(self) -> dict[str, str]:
        """The fingerprints every result carries."""
        return {"data": fingerprint(sorted(python_values(self.plan.frame["digest"]))), "folds": self.plan.fingerprint()}

    def some_tasks(self, names: Sequence[str]) -> list[Task]:
        """The named tasks, or all."""
        return [self.data.task(name) for name in names] or list(self.data.tasks)

    def only_task(self, name: str | None) -> Task:
        """The named task, or the only one; raises ConfigError where several could be meant."""
        if name is None and len(self.data.tasks) > 1:
            raise ConfigError(f"--task must name one of {', '.join(self.data.task_names)}.")
        return self.data.tasks[0] if name is None else self.data.task(name)


@dataclass(frozen=True)
class Run(OpenedData):
    """What every job needs: the opened data, the ``learners`` bound to it, and how they are trained.

    ``registry`` maps learner names to code. Relative paths among the learners' parameters begin at ``home``, an
    absolute path.
    """

    registry: Mapping[str, str]
    specs: tuple[LearnerSpec, ...] = ()
    seeds: tuple[int, ...] = (0,)
    cache: FeatureCache = field(default_factory=FeatureCache)
    keep_models: Literal["none", "best"] = "best"
    distributed: DistributedContext = field(default_factory=DistributedContext)
    home: Path = field(default_factory=Path.cwd)

    @cached_property
    def learners(self) -> BoundLearners:
        return BoundLearners(self.registry, self.specs, self.store, self.identity, self.home)

    @cached_property
    def results(self) -> Results:
        return Results(self.store, self.learners, self.seeds)
