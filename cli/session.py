"""From a configuration file to the objects the layers below work on."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from cli.configured import Configured
from cli.parallel import Parallel
from cli.progress import Bars, OtherJobs
from ensemble.config import Config
from ensemble.system.threads import use_threads

if TYPE_CHECKING:
    from ensemble.content.given_folds import GivenFolds
    from ensemble.data import Dataset
    from ensemble.datasets.submission import Format
    from ensemble.folds import FoldPlan, FoldSettings
    from ensemble.jobs.job import JobSpec
    from ensemble.jobs.train import Engine
    from ensemble.modalities import Scans
    from ensemble.run import Run
    from ensemble.store import Store
    from ensemble.system.distributed import DistributedContext
    from ensemble.system.progress import Track
    from meta.table import StackSettings

log = logging.getLogger("ensemble")


@dataclass(frozen=True)
class OpenRun:
    """Opens the run of a configuration in another process; ``config``, a file or a run folder, is an absolute path.
    What lies there may change from ``session`` to session, so that no two open the same."""

    config: Path
    overrides: tuple[str, ...]
    session: str
    allow: tuple[str, ...] = ()

    def __call__(self) -> "Run":
        return Session(self.config, self.overrides, quiet=True, allow=self.allow).run


class Session:
    """One invocation: the configuration, the scanned dataset, the run. Relative paths of the configuration begin at
    ``home``; the working folder stays as it is. ``config`` is a file, a run folder, or what was made of either;
    ``allow`` are the packages whose code a run folder may name."""

    def __init__(
        self,
        config: Path | Configured,
        overrides: Sequence[str] = (),
        quiet: bool = False,
        parallel: Parallel | None = None,
        bars: "Callable[[OtherJobs | None], Track]" = Bars,
        allow: Sequence[str] = (),
        extend_folds: bool = False,
    ) -> None:
        """With ``extend_folds`` the fold plan takes in new rows."""
        self._configured = Configured.read(config, overrides, allow) if isinstance(config, Path) else config
        self.home, self._overrides, self._bars, self._quiet = self._configured.home, tuple(overrides), bars, quiet
        self._extend_folds = extend_folds
        self._prepare(parallel or Parallel())
        self._check_names()

    def with_jobs(self, parallel: Parallel) -> "Session":
        """The same posts and folds, opened already, for so many jobs at a time."""
        other = copy(self)
        other._prepare(parallel)
        return other

    def _prepare(self, parallel: Parallel) -> None:
        from ensemble.system.distributed import rank_and_size
        from ensemble.system.progress import silent

        self.parallel, overrides = parallel, self._overrides
        self.config: Config = self._configured.config
        if not self.config.run.threads:  # written down, so that every process has the same
            threads = max(1, self.config.threads // parallel.processes)
            overrides = (*overrides, f"run.threads={threads}")
            run = self.config.run.model_copy(update={"threads": threads})
            self.config = self.config.model_copy(update={"run": run})
        self.opener = OpenRun(self._configured.place, overrides, uuid4().hex, self._configured.allow)
        use_threads(self.config.threads)
        rank, processes = rank_and_size()
        parallel.prepare(processes)
        self._quiet = self._quiet or rank > 0
        self.track: Track = silent if self._quiet else self._bars(None)

    def _check_names(self) -> None:
        """What later commands would refuse is refused before the first hour of training."""
        from ensemble.errors import ConfigError, unknown
        from meta import META_ESTIMATORS, NUMBER_ESTIMATORS

        self.submission_format()
        self.fold_settings  # noqa: B018 (refuses impossible ones)
        for name in self.config.stack.estimators:
            if name not in (known := META_ESTIMATORS | NUMBER_ESTIMATORS):
                raise ConfigError(unknown("meta-estimator", name, known))

    @cached_property
    def store(self) -> "Store":
        from ensemble.store import Store

        return Store(self.home / self.config.run.folder)

    @cached_property
    def _scanned(self) -> "tuple[Dataset, Scans]":
        from cli.reading import read_data
        from ensemble.content.scan import scan

        return scan(
            self._with_metrics(read_data(self.config, self.home)), self.home / self.config.run.cache, self.track
        )

    def _with_metrics(self, data: "Dataset") -> "Dataset":
        from ensemble.metrics import metric_of

        metrics, positive = self.config.stack.metrics, self.config.submit.positive
        for name in (*metrics, *positive):
            data.task(name)
        tasks = tuple(
            replace(task, metric=metrics.get(task.name, task.metric), positive=positive.get(task.name, task.positive))
            for task in data.tasks
        )
        for task in tasks:
            metric_of(task)
        if self.config.submit.template:
            self.submission_format().columns(data)
        return replace(data, tasks=tasks)

    def submission_format(self, name: str | None = None) -> "Format":
        """The named one, or that of the configuration."""
        from ensemble.datasets.submission_formats import format_named, template_format

        submit = self.config.submit
        if submit.template and name is None:
            return template_format(submit.template, submit.header, submit.file)
        return format_named(name or submit.format)

    @property
    def data(self) -> "Dataset":
        return self._scanned[0]

    @property
    def scans(self) -> "Scans":
        return self._scanned[1]

    @property
    def fold_settings(self) -> "FoldSettings":
        from ensemble.folds import FoldSettings

        return FoldSettings(**self.config.folds.model_dump())

    @cached_property
    def given_folds(self) -> "GivenFolds | None":
        """The plan that ``[folds]`` names, in a file or in a column of the training table."""
        from cli.reading import read_folds

        return read_folds(self.config, self.home)

    @cached_property
    def run(self) -> "Run":
        """The run, its folds made or read; what no learner could be trained with is refused first."""
        from base_models import LEARNERS
        from ensemble.bound_learners import check_learners
        from ensemble.content.grouped_folds import bind_folds
        from ensemble.jobs.run_record import learner_specs

        check_learners(LEARNERS, learner_specs(self.config), self.home)
        plan = bind_folds(self.store, self.data, self.scans, self.fold_settings, self.given_folds, self._extend_folds)
        if plan.note:
            log.warning("%s.", plan.note)
        return self.run_on(plan)

    def run_on(self, plan: "FoldPlan") -> "Run":
        """The run on the folds of a plan, of which nothing is written."""
        from base_models import LEARNERS
        from ensemble.features import FeatureCache
        from ensemble.jobs.run_record import learner_specs
        from ensemble.run import Run

        return Run(
            self.store,
            plan.with_groups(self.data),
            plan,
            LEARNERS,
            learner_specs(self.config),
            tuple(self.config.run.seeds),
            FeatureCache(self.home / self.config.run.cache, self.track, self.config.run.image_bytes),
            self.config.run.keep_models,
            self._distributed(),
            self.home,
        )

    @property
    def stacking(self) -> "StackSettings":
        """What the stack is made with."""
        from meta.table import StackSettings

        stack = self.config.stack
        return StackSettings(
            tuple(stack.estimators), tuple(stack.learners), stack.calibrate, stack.related, self.config.threads
        )

    @contextmanager
    def working(self) -> "Iterator[Engine]":
        """The engine of all calls inside. Raises StoreError where a command with other settings is at work here."""
        from ensemble.jobs.at_work import at_work

        found = self.config.model_dump(mode="json", include={"data", "folds"})
        found |= {f"base.{name}": base.model_dump(mode="json") for name, base in self.config.base.items()}
        found["run"] = {"seeds": list(self.config.run.seeds)}
        with at_work(self.store, found), self.parallel.working(self.opener, self.config.threads) as engine:
            yield engine

    def watching(self, work: "Sequence[JobSpec]") -> "Track":
        """A track that also shows the jobs of other processes."""
        from ensemble.jobs.status import under_way
        from ensemble.system.progress import silent

        return silent if self._quiet else self._bars(partial(under_way, self.run, work))

    def _distributed(self) -> "DistributedContext":
        from ensemble.system.distributed import DistributedContext, rank_and_size

        if rank_and_size()[1] == 1:
            return DistributedContext()
        from base_models.neural.distributed import distributed_context

        return distributed_context()

    def record(self) -> None:
        """Write into the run folder what it was made with."""
        from ensemble.jobs.run_record import write_record

        write_record(self.run, self.config.model_dump(mode="json") | {"threads": self.config.threads})
