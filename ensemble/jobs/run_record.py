"""run.json: what a run folder says of itself, written by every training, read by whoever opens the folder alone."""

import os
import platform
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from ensemble.bound_learners import LearnerSpec
from ensemble.config import Config, Submit
from ensemble.data import Dataset, Task
from ensemble.datasets import ADAPTERS
from ensemble.errors import ConfigError, StoreError
from ensemble.features import FeatureCache
from ensemble.folds import FoldPlan
from ensemble.modalities import BOTH, MODALITIES
from ensemble.registry import is_foreign, validate
from ensemble.run import Run
from ensemble.store import Store
from ensemble.system.files import read_json, write_json
from ensemble.system.installed import package_of
from ensemble.system.progress import Track, silent

RESTORED = "`ensemble train-base` with the configuration of this run writes it again (what is done is not done again)"
MEMORY_BYTES = 1_000_000_000  # of decoded images, where no cache on disk holds them
PACKAGES = (
    "modality-ensemble",
    "numpy",
    "pandas",
    "scikit-learn",
    "torch",
    "torchvision",
    "timm",
    "pretrainedmodels",
    "transformers",
    "accelerate",
    "onnxruntime",
    "optuna",
)


def write_record(run: Run, config: Mapping[str, object]) -> None:
    """run.json: the resolved configuration, the fingerprints, the tasks, the versions of what computed.

    ``home`` is where the configuration's relative paths begin, seen from the run folder: both may move together.
    """
    record = {
        **run.identity,
        "config": dict(config),
        "home": Path(os.path.relpath(run.home, run.store.root.resolve())).as_posix(),
        "tasks": [asdict(task) for task in run.data.tasks],
        "linked_tasks": run.data.linked_tasks,
        "modalities": run.data.modalities,
        "versions": versions(),
    }
    with run.store.lock():
        write_json(run.store.record, record)


def versions() -> dict[str, str]:
    """Installed versions, without importing anything."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


@dataclass(frozen=True)
class RunRecord:
    """What a run folder says of itself: relative paths of ``config`` begin at ``home``."""

    store: Store
    config: Config
    threads: int
    home: Path
    tasks: tuple[Task, ...]
    linked_tasks: tuple[tuple[str, str], ...]
    modalities: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "RunRecord":
        """Raises StoreError for what is not a run folder, or of a version that did not write down its tasks."""
        store = Store(folder.resolve())
        if not store.record.is_file():
            if store.has_begun():
                raise StoreError(f"{store.record} is gone; {RESTORED}.")
            there = "is not a run folder" if folder.exists() else "does not exist"
            raise StoreError(f"{folder} {there}: it has no {store.record.name}; --run names one.")
        try:
            record = read_json(store.record)
        except StoreError as error:
            raise StoreError(f"{store.record} is damaged; {RESTORED}.") from error
        if "tasks" not in record or "home" not in record:
            raise StoreError(
                f"{store.record} is of an older version and names no tasks; run `ensemble train-base` again, with the "
                "configuration of this run (finished jobs are not done again)."
            )
        try:
            config = dict(record["config"])
            threads = int(config.pop("threads"))
            usual = Submit().model_dump()  # written down with the rest; as if configured, it would contradict itself
            config["submit"] = {key: value for key, value in config["submit"].items() if value != usual.get(key)}
            tasks = tuple(map(Task.of_json, record["tasks"]))
            home = (store.root / record["home"]).resolve()
            home = home if home.is_dir() else Path.cwd()
            pairs = (
                record["linked_tasks"] if "linked_tasks" in record else record["presence"]
            )  # as it was called before
            linked_tasks = tuple((binary, degree) for binary, degree in pairs)
            modalities = tuple(map(str, record.get("modalities", BOTH)))  # older versions knew no others
            return cls(store, validate(Config, config, ""), threads, home, tasks, linked_tasks, modalities)
        except (ConfigError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{store.record} is damaged ({error}); {RESTORED}.") from error

    @property
    def columns(self) -> Mapping[str, str | list[str]]:
        """What the columns of ids and of each modality were called in the run's own table, where that is said."""
        data = self.config.data.model_extra or {}
        return {name: data[name] for name in ("id", *MODALITIES) if isinstance(data.get(name), str | list)}

    @property
    def images(self) -> Path:
        """Where paths of the run's own table begin, of images and of clips."""
        data = self.config.data
        inner = str((data.model_extra or {}).get("images", ".")) if data.preset == "csv" else "."
        return self.home / data.root / inner

    def check_allowed(self, registry: Mapping[str, str], allow: Collection[str]) -> None:
        """Raises ConfigError where the folder names code of another package than those to ``allow``: whoever made it
        says what is imported here."""
        for package, named in foreign_packages(self.config, registry).items():
            if package not in map(package_of, allow):
                raise ConfigError(
                    f"{self.store.record} names {named}, code of another package. Where you trust {package} as it is "
                    f"installed here: --allow {package}"
                )

    def open(self, registry: Mapping[str, str], track: Track = silent, allow: Collection[str] = ()) -> Run:
        """The run without its posts. Features go to the run's cache where that is still there, else they stay in
        memory. Raises ConfigError as ``check_allowed`` does."""
        self.check_allowed(registry, allow)
        columns = ["id", *self.modalities, "part", *(task.name for task in self.tasks)]
        no_posts = Dataset(
            pd.DataFrame(columns=columns, dtype=object), self.home, self.tasks, linked_tasks=self.linked_tasks
        )
        section = self.config.run
        cache = FeatureCache(self.home / section.cache, track, section.image_bytes, of_new_posts=True)
        if cache.root is None or not cache.root.is_dir():
            cache = FeatureCache(None, track, min(section.image_bytes, MEMORY_BYTES), of_new_posts=True)
        try:
            plan = FoldPlan.read(self.store.plan)
        except (OSError, StoreError) as error:
            raise StoreError(
                f"{self.store.plan} or its .json is gone or damaged; `ensemble status` with the configuration and the "
                "posts of this run restores it."
            ) from error
        return Run(
            self.store,
            no_posts,
            plan,
            registry,
            learner_specs(self.config),
            tuple(section.seeds),
            cache,
            section.keep_models,
            home=self.home,
        )


def learner_specs(config: Config) -> tuple[LearnerSpec, ...]:
    """The base learners that a configuration names."""
    return tuple(LearnerSpec(name, base.learner, base.params, base.tuned) for name, base in config.base.items())


def foreign_packages(config: Config, registry: Mapping[str, str]) -> dict[str, str]:
    """The packages whose code a configuration names, learners that are not of the ``registry`` or a layout that is none
    of ours, and the first place that does."""
    places = {f"base.{name}.learner": base.learner for name, base in config.base.items()}
    foreign = {where: place for where, place in places.items() if is_foreign(registry, place)}
    if is_foreign(ADAPTERS, config.data.preset):
        foreign["data.preset"] = config.data.preset
    return {package_of(place): f"{where} = {place!r}" for where, place in reversed(foreign.items())}
