"""From a configuration file to the objects the layers below work on."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property, partial
from inspect import signature
from pathlib import Path
from typing import Any

from cli.parallel import OpenRun, Parallel
from cli.progress import Bars
from ensemble.config import Config, load_config


def use_threads(count: int) -> None:
    """Exactly this many threads for every library, loaded already or from here on; bits depend on the number."""
    from threadpoolctl import threadpool_limits

    from ensemble.jobs.worker import threads_of

    os.environ.update(threads_of(count))
    threadpool_limits(count)


class Session:
    """One invocation: the configuration, the scanned dataset, the run. Relative paths are the configuration's."""

    def __init__(self, config: Path, overrides: Sequence[str], quiet: bool, parallel: Parallel | None = None) -> None:
        self.parallel = parallel or Parallel()
        self.config: Config = load_config(config, overrides)
        if not self.config.run.threads:  # written down, so that every process has the same
            overrides = (*overrides, f"run.threads={max(1, self.config.threads // self.parallel.processes)}")
            self.config = load_config(config, overrides)
        self.opener = OpenRun(config.resolve(), tuple(overrides))
        use_threads(self.config.threads)
        os.chdir(config.resolve().parent)
        from ensemble.system.distributed import rank_and_size
        from ensemble.system.progress import silent

        self.parallel.prepare(rank_and_size()[1])
        self._quiet = quiet or rank_and_size()[0] > 0
        self.track = silent if self._quiet else Bars()
        self._check_names()

    def _check_names(self) -> None:
        """What later commands would refuse is refused before the first hour of training."""
        from ensemble.datasets.submission import FORMATS
        from ensemble.errors import ConfigError, unknown
        from ensemble.folds import FoldSettings
        from meta import META_ESTIMATORS

        FoldSettings(**self.config.folds.model_dump())
        if self.config.submit.format not in FORMATS:
            raise ConfigError(unknown("submission format", self.config.submit.format, FORMATS))
        for name in self.config.stack.estimators:
            if name not in META_ESTIMATORS:
                raise ConfigError(unknown("meta-estimator", name, META_ESTIMATORS))

    @cached_property
    def store(self) -> Any:
        from ensemble.store import Store

        return Store(self.config.run.folder)

    @cached_property
    def _scanned(self) -> Any:
        from ensemble.content.scan import scan
        from ensemble.datasets import ADAPTERS
        from ensemble.errors import DataError
        from ensemble.registry import bind, resolve
        from ensemble.system.files import fingerprint

        section = self.config.data
        read = bind(resolve(ADAPTERS, "preset", section.preset), section.model_extra or {}, "data")
        if not section.root.is_dir():
            raise DataError(f"data.root: the folder {section.root} does not exist.")
        if "extracted" in signature(read).parameters and "extracted" not in (section.model_extra or {}):
            read = partial(read, extracted=self.config.run.cache / "embedded")
        data = read(root=section.root)
        looks = f"images-{fingerprint(str(data.root.resolve()))}.parquet"
        return scan(self._with_metrics(data), self.config.run.cache / looks, self.track)

    def _with_metrics(self, data: Any) -> Any:
        from ensemble.metrics import metric_named

        metrics = self.config.stack.metrics
        for name, metric in metrics.items():
            data.task(name)
            metric_named(metric)
        tasks = tuple(replace(task, metric=metrics.get(task.name, task.metric)) for task in data.tasks)
        return replace(data, tasks=tasks)

    @property
    def data(self) -> Any:
        return self._scanned[0]

    @property
    def seen(self) -> Any:
        return self._scanned[1]

    @cached_property
    def run(self) -> Any:
        """The run, its folds made or read."""
        from base_models import LEARNERS
        from ensemble.errors import LearnerError
        from ensemble.features import FeatureCache
        from ensemble.folds import FoldSettings
        from ensemble.learner import make_learner, source_files
        from ensemble.run import LearnerSpec, Run, bind_folds

        config = self.config
        specs = [LearnerSpec(name, base.learner, base.params, base.tuned) for name, base in config.base.items()]
        for spec in specs:  # a wrong name or parameter is said now, not after the first hour
            learner = make_learner(LEARNERS, spec.learner, spec.params, f"base.{spec.name}.params")
            try:
                source_files(learner)
            except LearnerError as error:
                raise LearnerError(f"base.{spec.name}: {error}") from error
        plan = bind_folds(self.store, self.data, self.seen, FoldSettings(**config.folds.model_dump()))
        cache = FeatureCache(config.run.cache, self.track, config.run.image_bytes)
        return Run(
            self.store,
            plan.with_groups(self.data),
            plan,
            LEARNERS,
            tuple(specs),
            tuple(config.run.seeds),
            cache,
            config.run.keep_models,
            self._distributed(),
        )

    @property
    def stacking(self) -> Any:
        """What the stack is made with."""
        from meta.table import StackSettings

        stack = self.config.stack
        return StackSettings(
            tuple(stack.estimators), tuple(stack.learners), stack.calibrate, stack.related, self.config.threads
        )

    def working(self) -> AbstractContextManager[Any]:
        """The engine that attempts the jobs, for as many calls as come inside."""
        return self.parallel.working(self.opener, self.config.threads)

    def watching(self, work: Sequence[Any]) -> Any:
        """A track that also shows the jobs of other processes."""
        from ensemble.jobs.status import under_way
        from ensemble.system.progress import silent

        return silent if self._quiet else Bars(partial(under_way, self.run, work))

    def _distributed(self) -> Any:
        from ensemble.system.distributed import DistributedContext, rank_and_size

        if rank_and_size()[1] == 1:
            return DistributedContext()
        from base_models.neural.distributed import distributed_context

        return distributed_context()

    def say_doubts(self) -> None:
        """What was assumed to read the table, and images that cannot be used, a line each, before hours of training."""
        import logging

        log = logging.getLogger("ensemble")
        for note in self.data.notes:
            log.warning("%s.", note)
        problems, given = self.seen.problems, int(self.seen.frame["path"].notna().sum())
        if len(problems):
            first = f"{problems['path'].iloc[0]}: {problems['problem'].iloc[0]}"
            log.warning("%s of %s images cannot be used; these posts go without (%s).", len(problems), given, first)

    def record(self) -> None:
        """Write into the run folder what it was made with."""
        from ensemble.run import write_record

        write_record(self.run, self.config.model_dump(mode="json") | {"threads": self.config.threads})
