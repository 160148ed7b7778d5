"""What a job will take, estimated from finished ones: of this run, or of others beside it with the same learner."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from ensemble.errors import StoreError
from ensemble.jobs.job import JobSpec
from ensemble.provenance import Provenance
from ensemble.records import CacheUse, JobRecord
from ensemble.run import Run
from ensemble.store import LearnerFolder, Store

UNREADABLE = (StoreError, OSError, KeyError, TypeError, ValueError, AttributeError)
BYTES_PER_PARAMETER = 4
THIS_TASK, THIS_RUN, OTHER_RUN = "this task", "other tasks", "other runs"


@dataclass(frozen=True)
class FinishedJob:
    """A finished job; None and empty where its record does not say. ``shared`` seconds went into what all jobs of a
    learner share, such as encoding."""

    recipe: str
    task: str
    seconds: float
    shared: float
    rows: int | None
    threads: int
    on_gpu: bool
    models: int | None
    checkpoints: int
    peak: int | None
    parameters: int | None
    cache: Mapping[str, CacheUse]

    @classmethod
    def of(cls, record: JobRecord) -> "FinishedJob":
        """Raises an error of ``UNREADABLE`` for the record of something else, or of an older version."""
        usage, provenance = record.get("usage", {}), Provenance.of_record(record)
        shared = float(usage.get("shared_seconds", 0.0))
        trained = float(record.get("training_seconds", 0.0))  # also before it was killed
        return cls(
            recipe=provenance.recipe,
            task=provenance.task,
            seconds=max(record["seconds"] - shared, trained),
            shared=shared,
            rows=usage.get("rows"),
            threads=usage.get("threads") or 1,
            on_gpu=str(record.get("device")).startswith("cuda"),
            models=usage.get("model_bytes"),
            checkpoints=usage.get("checkpoint_bytes", 0),
            peak=usage.get("peak_bytes"),
            parameters=record.get("parameters"),
            cache=usage.get("cache", {}),
        )

    def scaled(self, rows: int) -> float:
        """Seconds for so many rows."""
        return self.seconds * (rows / self.rows if self.rows else 1.0)


@dataclass(frozen=True)
class Estimate:
    """Of one job; None where nothing is known. ``source`` says which jobs tell."""

    seconds: float | None = None
    cores: int = 1
    models: int | None = None
    checkpoints: int = 0
    peak: int | None = None
    source: str | None = None


class History:
    """Finished jobs by what they did. Other run folders are looked into only for what this one cannot tell."""

    def __init__(self, run: Run, work: Sequence[JobSpec]) -> None:
        self.run = run
        self._own = _by_recipe(_jobs_of(run.store.learner_folders()))
        wanted = {item.provenance.recipe for item in work} - set(self._own)
        self._others = _by_recipe(_others(run.store, wanted)) if wanted else {}

    def nearest(self, item: JobSpec) -> tuple[list[FinishedJob], str | None]:
        """The finished jobs nearest to this one, and where they are."""
        key = item.provenance.recipe
        own = self._own.get(key, [])
        same_task = [record for record in own if record.task == item.job.task]
        if own:
            return same_task or own, THIS_TASK if same_task else THIS_RUN
        others = self._others.get(key, [])
        return others, OTHER_RUN if others else None

    def estimate(self, item: JobSpec, rows: int) -> Estimate:
        """For a job that is fitted on so many rows."""
        records, source = self.nearest(item)
        if not records:
            return Estimate()
        return Estimate(
            median(record.scaled(rows) for record in records),
            1 if any(record.on_gpu for record in records) else max(record.threads for record in records),
            0 if self.run.keep_models == "none" else _models(records),
            max(record.checkpoints for record in records),
            max((record.peak for record in records if record.peak is not None), default=None),
            source,
        )

    def shared(self, item: JobSpec) -> tuple[float, Mapping[str, CacheUse]]:
        """Seconds that what all jobs of a learner share took when it was not there yet, and its keys in the cache."""
        key = item.provenance.recipe
        records = self._own.get(key, []) or self._others.get(key, [])
        seconds = max((record.shared for record in records), default=0.0)
        return seconds, next((record.cache for record in records if record.cache), {})


def _models(records: Iterable[FinishedJob]) -> int | None:
    sizes = [record.models for record in records if record.models is not None]
    if sizes:
        return int(median(sizes))
    parameters = [record.parameters for record in records if record.parameters is not None]
    return BYTES_PER_PARAMETER * max(parameters) if parameters else None


def _by_recipe(records: Iterable[FinishedJob]) -> dict[str, list[FinishedJob]]:
    groups: dict[str, list[FinishedJob]] = {}
    for record in records:
        groups.setdefault(record.recipe, []).append(record)
    return groups


def _jobs_of(folders: Iterable[LearnerFolder]) -> Iterator[FinishedJob]:
    for folder in (job for learner in folders for job in learner.finished_jobs()):
        with suppress(*UNREADABLE):
            yield FinishedJob.of(folder.read_record())


def _others(store: Store, wanted: set[str]) -> Iterator[FinishedJob]:
    """Jobs of the runs beside this one with a recipe that is ``wanted``; of a learner's task the first one shows it."""
    for learner in (folder for beside in store.others_beside() for folder in beside.learner_folders()):
        first = next(_jobs_of([learner]), None)
        if first is not None and first.recipe in wanted:
            yield from _jobs_of([learner])
