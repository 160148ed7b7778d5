"""A finished run that stays in memory and is asked about new posts, again and again."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import pandas as pd
from threadpoolctl import ThreadpoolController

from base_models import LEARNERS
from cli.api.arguments import names_of, path_of
from cli.api.frames import FRAME, table_of
from cli.api.wording import rephrased_errors
from cli.finished import check_kind, run_folder, say_what_was_trained_on
from cli.progress import bars_where
from ensemble.datasets.new_posts import posts_of, scan_posts
from ensemble.errors import ConfigError, DataError
from ensemble.features import FeatureCache
from ensemble.jobs.finished import KeptModels
from ensemble.jobs.run_record import RunRecord
from ensemble.system.folders import can_write
from ensemble.system.progress import Track, silent
from ensemble.system.threads import environment_kept, threads_of
from meta import loaded_stack
from meta.post_predictions import columns_of

CACHE_BYTES = 256_000_000  # of features of posts that were asked about, before they are forgotten


class Predictor:
    """Made by ``ensemble.load``. Fold models and stacks are loaded once; features of posts that were asked about stay
    in memory up to ``cache_bytes``, and none are written to disk. One call at a time: others wait."""

    def __init__(
        self,
        record: RunRecord,
        tasks: Sequence[str],
        track: Track,
        cache_bytes: int,
        allow: Sequence[str] = (),
        operating_points: bool = True,
    ) -> None:
        self._record, self._track, self._cache_bytes, self._lock = record, track, cache_bytes, Lock()
        self._modules = 0
        with self._threads():
            opened = record.open(LEARNERS, track, allow)
            there = record.home / record.config.run.cache
            kept = there if there.is_dir() and can_write(there) else None
            self._run = replace(opened, cache=FeatureCache(None, track, cache_bytes, kept, of_new_posts=True))
            asked = self._run.some_tasks(tasks)
            self._needed = loaded_stack.modalities_needed(self._run, asked)
            self._stacks = loaded_stack.load_stacks(self._run, asked, operating_points)
            self._models: KeptModels = loaded_stack.load_models(self._run, self._stacks)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """The run's number of threads, on which bits depend. Libraries are looked for again where anything has been
        imported: each time it would take longer than many a post."""
        with environment_kept():
            os.environ.update(threads_of(self._record.threads))
            if self._modules != len(sys.modules):
                self._libraries, self._modules = ThreadpoolController(), len(sys.modules)
            with self._libraries.limit(limits=self._record.threads):
                yield

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """By task, in the order of its probabilities; none of a task of numbers."""
        return {one.task.name: one.task.classes for one in self._stacks}

    def predict(
        self,
        posts: pd.DataFrame,
        *,
        root: str | Path | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """(posts, ...) with the index of ``posts``: ``id``, and of each task TASK (the label, or the number),
        TASK:CLASS (probabilities) and TASK|LEARNER (how much of the decision it carries). At an operating point a label
        may be "review": a person decides.

        Columns are called as in the run's own table, or by kind (``{"text": "tweet"}``, "" for none); what no stacked
        learner looks at may be missing. Paths of files begin at ``root``, by default at the current folder, or where
        the run's own do.

        Raises DataError and ConfigError in one line.
        """
        if root is not None and not path_of("root", root).is_dir():
            raise DataError(f"root: the folder {root} does not exist.")
        folders = [Path(root)] if root is not None else [Path.cwd(), self._record.images]
        folders = folders if root is not None else [folder for folder in folders if folder.is_dir()]
        _check_columns(columns)
        with self._lock, self._threads(), rephrased_errors(), TemporaryDirectory(prefix="ensemble-") as extracted:
            if self._run.cache.used("") > self._cache_bytes:
                self._run.cache.forget()
            read = posts_of(
                table_of(posts),
                FRAME,
                self._record.tasks,
                folders,
                columns,
                self._record.columns,
                Path(extracted),
                self._needed,
            )
            say_what_was_trained_on(self._run, read.ids.tolist())
            scanned = scan_posts(read, self._track, self._needed)
            found = loaded_stack.predict_posts(self._run, self._stacks, scanned, self._track, self._models)
        return pd.DataFrame(columns_of(found), index=posts.index)


def _check_columns(columns: Mapping[str, str] | None) -> None:
    if not isinstance(columns, Mapping | None):
        raise ConfigError(f'columns={columns!r} must be a mapping, such as {{"text": "tweet"}}.')
    for kind in columns or ():
        check_kind(kind)


def load(
    run: str | Path = "artifacts/run",
    *,
    tasks: Sequence[str] = (),
    progress: bool | None = False,
    cache_bytes: int = CACHE_BYTES,
    allow: Sequence[str] = (),
    operating_points: bool = True,
) -> Predictor:
    """A finished run's folder is all that is needed. ``tasks`` are by default all; ``progress`` is as of a project.
    ``allow`` names the other packages whose learners the folder may import. Without ``operating_points`` labels are the
    stack's own, whatever `ensemble thresholds` chose.

    Raises ConfigError for a package that is not allowed, StoreError saying what is missing or stale, and which command
    makes it again.
    """
    bars = bars_where(progress)
    with rephrased_errors():
        record = RunRecord.read(run_folder(path_of("run", run)))
        asked, allowed = names_of("tasks", tasks), names_of("allow", allow)
        return Predictor(record, asked, bars(None) if bars else silent, cache_bytes, allowed, operating_points)
