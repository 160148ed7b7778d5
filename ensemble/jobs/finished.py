"""A finished run opened from its folder alone, and its fold models asked about new posts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ensemble.config import Config
from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError, LearnerError, StoreError
from ensemble.features import FeatureCache
from ensemble.folds import FoldPlan
from ensemble.jobs.job import JobSpec, predict
from ensemble.learner import BaseLearner, TrainingContext, source_files
from ensemble.predictions import Predictions, mean
from ensemble.registry import validate
from ensemble.run import IMPORTED, LearnerSpec, Run
from ensemble.store import DONE, REPORT, Job, Store, check, first_difference
from ensemble.system.files import fingerprint, known_hash, read_json
from ensemble.system.progress import Track, silent

MEMORY_BYTES = 1_000_000_000  # of decoded images, where no cache on disk holds them


@dataclass(frozen=True)
class Record:
    """What a run folder says of itself: relative paths of ``config`` begin at ``home``."""

    store: Store
    config: Config
    threads: int
    home: Path
    tasks: tuple[Task, ...]
    presence: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Raises StoreError for what is not a run folder, or of a version that did not write down its tasks."""
        store = Store(folder.resolve())
        if not store.record.is_file():
            raise StoreError(f"{folder} is not a run folder: it has no {store.record.name}; --run names one.")
        record = read_json(store.record)
        if "tasks" not in record or "home" not in record:
            raise StoreError(
                f"{store.record} is of an older version and names no tasks; run `ensemble train-base` again, with the "
                "configuration of this run (finished jobs are not done again)."
            )
        try:
            config = dict(record["config"])
            threads = int(config.pop("threads"))
            tasks = tuple(Task(**{**task, "classes": tuple(task["classes"])}) for task in record["tasks"])
            home = (store.root / record["home"]).resolve()
            home = home if home.is_dir() else Path.cwd()
            presence = tuple((binary, degree) for binary, degree in record["presence"])
            return cls(store, validate(Config, config, ""), threads, home, tasks, presence)
        except (ConfigError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{store.record} is damaged ({error}); run `ensemble train-base` again.") from error

    @property
    def columns(self) -> Mapping[str, str | list[str]]:
        """What id, text and image columns were called in the run's own table, where its configuration says."""
        data = self.config.data.model_extra or {}
        return {kind: data[kind] for kind in ("id", "text", "image") if isinstance(data.get(kind), str | list)}

    def open(self, registry: Mapping[str, str], track: Track = silent) -> Run:
        """The run without its posts; the current folder must be ``home``. Features go to the run's cache where that is
        still there, else they stay in memory."""
        columns = ["id", "text", "image", "part", *(task.name for task in self.tasks)]
        nothing = Dataset(pd.DataFrame(columns=columns, dtype=object), Path("."), self.tasks, presence=self.presence)
        run = self.config.run
        cache = FeatureCache(run.cache, track, run.image_bytes)
        if not run.cache.is_dir():
            cache = FeatureCache(None, track, min(run.image_bytes, MEMORY_BYTES))
        specs = tuple(
            LearnerSpec(name, base.learner, base.params, base.tuned) for name, base in self.config.base.items()
        )
        if not self.store.plan.with_suffix(".json").is_file():
            raise StoreError(
                f"{self.store.plan.with_suffix('.json')} is gone; restore it, the run's results rest on it."
            )
        plan = FoldPlan.read(self.store.plan)
        return Run(self.store, nothing, plan, registry, specs, tuple(run.seeds), cache, run.keep_models)


def find_models(run: Run, learner: str, task: Task, others: Sequence[str]) -> tuple[dict[str, Any], list[JobSpec]]:
    """A learner's checked record for a task, and the jobs whose models can predict new posts.

    Raises StoreError saying why there are none, and how to stack the ``others`` without it.
    """
    folder = run.store.base(learner, task.name)
    again = f"run `ensemble train-base --learner {learner} --task {task.name}`, then `ensemble stack`"
    record = check(folder, REPORT, None, again)
    made = dict(record.get("made_of", {}))
    if made.get("learner") == IMPORTED:
        raise StoreError(
            f"{learner!r} {'comes from tuning' if 'tuned' in record else 'was imported'}: it has probabilities of the "
            "run's own posts, and no model to predict new ones; "
            f"{_without([name for name in others if name not in run.imported(task)])}."
        )
    if learner not in {spec.name for spec in run.specs}:
        raise StoreError(f"{run.store.record} has no base.{learner} any more; {again}, with [base.{learner}].")
    spec = run.spec(learner)
    now = {**run.settings(spec, task), "seeds": list(run.seeds)}
    sources = _fingerprint_of_sources(run.make(spec, task))
    difference = first_difference(made, {**now, "sources": sources or made.get("sources")})
    if difference:
        raise StoreError(f"{folder} is stale: {difference}; {again}.")
    seeds = made.pop("seeds")
    work = [
        JobSpec(Job(learner, task.name, seed, fold), spec, task, {**made, "seed": seed, "fold": fold})
        for seed in seeds
        for fold in range(run.plan.settings.k)
    ]
    for item in work:
        check(run.store.job(item.job), DONE, item.made_of, again)
        if not (run.store.job(item.job) / "model").is_dir():
            raise StoreError(
                f'{item.job} was trained with keep_models = "none", so it has no model to predict new posts; delete '
                f"{folder} and {again.replace('`, then', ' --keep-models best`, then')}"
                f"{_or_without(run, task, others)}."
            )
    return record, work


def _or_without(run: Run, task: Task, others: Sequence[str]) -> str:
    """The way out without this learner, where the others do have models."""
    models = [next(run.store.base(name, task.name).glob("seed-*/fold-*/model"), None) for name in others]
    return f", or {_without(others)}" if models and all(models) else ""


def _without(others: Sequence[str]) -> str:
    chosen = json.dumps(list(others)) if others else '["NAME"]'
    return f"stack without it: `ensemble stack --set 'stack.learners={chosen}'`"


def _fingerprint_of_sources(learner: BaseLearner) -> str | None:
    """None where training began from no local file, or from files that are gone: who needs them now, says so."""
    try:
        files = source_files(learner)
    except LearnerError:
        return None
    return fingerprint([known_hash(path) for path in files]) if files else None


def base_probabilities(
    run: Run, work: Sequence[JobSpec], posts: Dataset, track: Track = silent
) -> dict[tuple[str, str], Predictions]:
    """By (learner, task): the mean over all fold models and seeds, as the run's own test rows have it."""
    parts: dict[tuple[str, str], list[Predictions]] = {}
    for item in track(work, "fold models asked", len(work)):
        learner = load_model(run, item, posts, track)
        parts.setdefault((item.job.learner, item.job.task), []).append(predict(learner, item, posts))
    return {pair: mean(predictions) for pair, predictions in parts.items()}


def load_model(run: Run, item: JobSpec, posts: Dataset, track: Track) -> BaseLearner:
    """The model of a finished job, ready for ``posts``."""
    learner = run.make(item.spec, item.task)
    learner.load(run.store.job(item.job) / "model")
    if hasattr(learner, "prepare"):
        learner.prepare(posts, run.cache)
    if hasattr(learner, "set_context"):
        memory = None if run.cache.root is None else run.cache.root / "batch-sizes.json"
        learner.set_context(TrainingContext(None, memory, str(item.job), track))
    return learner
