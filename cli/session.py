"""From a configuration file to the objects the layers below work on."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from cli.parallel import Parallel
from cli.progress import Bars
from ensemble.config import Config, load_config

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


@dataclass(frozen=True)
class OpenRun:
    """Opens the run of a configuration file in another process; ``config`` is an absolute path."""

    config: Path
    overrides: tuple[str, ...]

    def __call__(self) -> "Run":
        return Session(self.config, self.overrides, quiet=True).run


def use_threads(count: int) -> None:
    """Exactly this many threads for every library, loaded already or from here on; bits depend on the number."""
    from threadpoolctl import threadpool_limits

    from ensemble.system.threads import threads_of

    os.environ.update(threads_of(count))
    threadpool_limits(count)


class Session:
    """One invocation: the configuration, the scanned dataset, the run. Relative paths of the configuration begin at
    ``home``, its own folder; the working folder stays as it is."""

    def __init__(self, config: Path, overrides: Sequence[str], quiet: bool, parallel: Parallel | None = None) -> None:
        from ensemble.system.distributed import rank_and_size
        from ensemble.system.progress import silent

        self.parallel = parallel or Parallel()
        self.config: Config = load_config(config, overrides)
        if not self.config.run.threads:  # written down, so that every process has the same
            overrides = (*overrides, f"run.threads={max(1, self.config.threads // self.parallel.processes)}")
            self.config = load_config(config, overrides)
        self.opener = OpenRun(config.resolve(), tuple(overrides))
        self.home = self.opener.config.parent
        use_threads(self.config.threads)
        rank, processes = rank_and_size()
        self.parallel.prepare(processes)
        self._quiet = quiet or rank > 0
        self.track: Track = silent if self._quiet else Bars()
        self.extend_folds = False  # whether the fold plan takes in new rows
        self._check_names()

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
        from ensemble.content.scan import scan

        return scan(self._with_metrics(self._read()), self.home / self.config.run.cache, self.track)

    def _read(self) -> "Dataset":
        """The posts as their adapter reads them."""
        from ensemble.datasets import ADAPTERS
        from ensemble.errors import DataError
        from ensemble.registry import bind, resolve

        section = self.config.data
        read = bind(resolve(ADAPTERS, "preset", section.preset), section.model_extra or {}, "data")
        root = self.home / section.root
        if not root.is_dir():
            raise DataError(f"data.root: the folder {root} does not exist.")
        if "extracted" in signature(read).parameters and "extracted" not in (section.model_extra or {}):
            read = partial(read, extracted=self.home / self.config.run.cache / "embedded")
        data: Dataset = read(root=root)
        return data

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
        from ensemble.datasets.delimited import Dialect
        from ensemble.datasets.fold_tables import read_given_folds
        from ensemble.errors import ConfigError

        folds, data = self.config.folds, self.config.data
        if folds.file:
            return read_given_folds(self.home / folds.file)
        if not folds.column:
            return None
        options = data.model_extra or {}
        table, dialect = options.get("train"), {name: options.get(name) for name in ("delimiter", "quotes", "encoding")}
        if data.preset != "csv" or not isinstance(table, str):
            raise ConfigError(
                'folds.column names a column of data.train, one table of the preset "csv"; give folds.file instead.'
            )
        path = self.home / data.root / table
        return read_given_folds(path, folds.column, options.get("id") or "id", Dialect(**dialect))

    @cached_property
    def run(self) -> "Run":
        """The run, its folds made or read; what no learner could be trained with is refused first."""
        from base_models import LEARNERS
        from ensemble.bound_learners import check_learners
        from ensemble.content.grouped_folds import bind_folds
        from ensemble.jobs.run_record import learner_specs

        check_learners(LEARNERS, learner_specs(self.config), self.home)
        plan = bind_folds(self.store, self.data, self.scans, self.fold_settings, self.given_folds, self.extend_folds)
        if plan.note and not self._quiet:
            print(f"  {plan.note}", file=sys.stderr)
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

        return silent if self._quiet else Bars(partial(under_way, self.run, work))

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
