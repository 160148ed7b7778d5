"""One run: a dataset, its fold plan and its run folder, bound together and checked against what was there before."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from ensemble.content.duplicates import find_duplicates, with_given_groups
from ensemble.content.scan import Scan
from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError, StoreError, unknown
from ensemble.features import FeatureCache
from ensemble.folds import FoldPlan, FoldSettings, check_given_groups, make_plan
from ensemble.learner import BaseLearner, Modality, make_learner, modality_of, source_files
from ensemble.store import DONE, REPORT, Store, check, first_difference
from ensemble.system.distributed import DistributedContext
from ensemble.system.files import fingerprint, known_hash, read_json, write_json
from ensemble.tuned import overlay, read_best

FORMAT = 2  # of results; raise it when the same parameters give other numbers
IMPORTED = "imported"
SIZES = ("parameters", "trainable_parameters")


@dataclass(frozen=True)
class LearnerSpec:
    """A base learner of the configuration: its name there, its name in the registry, its parameters; ``tuned``: over
    them those that tuning found best for the task, which is read anew each time unless ``best`` holds it."""

    name: str
    learner: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tuned: bool = False
    best: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Run:
    """What every job needs. ``data`` knows its groups; ``registry`` maps learner names to code."""

    store: Store
    data: Dataset
    plan: FoldPlan
    registry: Mapping[str, str]
    specs: tuple[LearnerSpec, ...] = ()
    seeds: tuple[int, ...] = (0,)
    cache: FeatureCache = field(default_factory=FeatureCache)
    keep_models: Literal["none", "best"] = "best"
    distributed: DistributedContext = field(default_factory=DistributedContext)

    @cached_property
    def identity(self) -> dict[str, str]:
        """The fingerprints every result carries."""
        return {"data": fingerprint(sorted(self.plan.frame["digest"])), "folds": self.plan.fingerprint()}

    def make(self, spec: LearnerSpec, task: Task | None = None) -> BaseLearner:
        """An unfitted learner; for a task with what tuning found for it, where the learner is a tuned one."""
        found = self.best(spec, task)["params"] if task is not None and spec.tuned else {}
        return make_learner(self.registry, spec.learner, overlay(spec.params, found), f"base.{spec.name}.params")

    def best(self, spec: LearnerSpec, task: Task) -> dict[str, Any]:
        """What tuning found for a task; raises StoreError where it has not, or where it was for something else."""
        if spec.best is not None:
            return dict(spec.best)
        made_of = self.settings(replace(spec, tuned=False), task)
        return read_best(self.store.tune(spec.name, task.name), spec.name, task.name, made_of)

    def pinned(self, spec: LearnerSpec, task: Task) -> LearnerSpec:
        """A tuned learner with what tuning has found by now: it may find something better meanwhile."""
        return replace(spec, best=self.best(spec, task)) if spec.tuned else spec

    def made_of(self, spec: LearnerSpec, task: Task) -> dict[str, Any]:
        """Everything a learner's results for a task depend on, as flat JSON: equal means fresh."""
        sources = [known_hash(path) for path in source_files(self.make(spec, task))]
        return {**self.settings(spec, task), "sources": fingerprint(sources)}

    def settings(self, spec: LearnerSpec, task: Task) -> dict[str, Any]:
        """The same without the files of weights, which need not be there any more once a model is trained."""
        learner = self.make(spec, task)
        params = flat("params", {key: value for key, value in vars(learner).items() if not key.startswith("_")})
        made = {
            "format": FORMAT,
            "learner": self.registry[spec.learner],
            "task": task.name,
            "classes": task.classes,
            **self.identity,
            **params,
        }
        plain: dict[str, Any] = json.loads(json.dumps(made))
        return plain

    def spec(self, name: str) -> LearnerSpec:
        for spec in self.specs:
            if spec.name == name:
                return spec
        raise ConfigError(unknown("base learner", name, [spec.name for spec in self.specs]))

    def some_specs(self, names: Sequence[str]) -> list[LearnerSpec]:
        """The named base learners, or all; raises ConfigError where there are none."""
        if not self.specs:
            raise ConfigError("The configuration has no base learner; add a table such as [base.tfidf].")
        return [self.spec(name) for name in names] or list(self.specs)

    def some_tasks(self, names: Sequence[str]) -> list[Task]:
        """The named tasks, or all."""
        return [self.data.task(name) for name in names] or list(self.data.tasks)

    def only_task(self, name: str | None) -> Task:
        """The named task, or the only one; raises ConfigError where several could be meant."""
        if name is None and len(self.data.tasks) > 1:
            raise ConfigError(f"--task must name one of {', '.join(self.data.task_names)}.")
        return self.data.tasks[0] if name is None else self.data.task(name)

    def imported(self, task: Task) -> list[str]:
        """Names of learners whose probabilities for a task were made elsewhere; a damaged one is among them, so that it
        is refused and not forgotten."""
        ours = {spec.name for spec in self.specs}
        folders = [self.store.base(path.name, task.name) for path in sorted((self.store.root / "base").glob("*"))]
        return [f.parent.name for f in folders if f.parent.name not in ours and _is_imported(f / REPORT)]

    def base_record(self, name: str, task: Task) -> dict[str, Any]:
        """The checked record of a learner's finished results for a task; raises StoreError where there are none."""
        folder = self.store.base(name, task.name)
        if any(spec.name == name for spec in self.specs):
            made_of = {**self.made_of(self.spec(name), task), "seeds": list(self.seeds)}
            return check(folder, REPORT, made_of, f"run `ensemble train-base --learner {name} --task {task.name}`")
        facts = check(folder, REPORT, None, "import it again")
        made = facts.get("made_of", {})
        difference = first_difference({key: made.get(key) for key in self.identity}, self.identity)
        if difference:
            raise StoreError(f"{folder} is of another run: {difference}; import it again.")
        return facts

    def modality(self, name: str, task: Task) -> Modality:
        """What a learner looks at; of an imported one, what was said at its import."""
        if any(spec.name == name for spec in self.specs):
            return modality_of(self.make(self.spec(name)))
        said: Modality = self.base_record(name, task).get("modality", "unknown")
        return said

    def cost(self, name: str, task: Task) -> dict[str, Any]:
        """``seconds`` that all folds of a learner took, and its size."""
        return {"seconds": self.base_record(name, task)["seconds"], **self.size(name, task)}

    def size(self, name: str, task: Task) -> dict[str, int | None]:
        """``parameters`` of a learner's network, and those that are trained; None where not known."""
        records = [read_json(path) for path in sorted(self.store.base(name, task.name).glob(f"*/*/{DONE}"))]
        known = {key: [one[key] for one in records if one.get(key) is not None] for key in SIZES}
        return {key: max(counts, default=None) for key, counts in known.items()}


def flat(name: str, value: object) -> dict[str, Any]:
    """Nested parameters as one level of dotted names; a model's excluded fields change no result."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if not isinstance(value, dict):
        return {name: value}
    return {path: leaf for key, part in value.items() for path, leaf in flat(f"{name}.{key}", part).items()}


def _is_imported(report: Path) -> bool:
    try:
        return report.is_file() and read_json(report).get("made_of", {}).get("learner") == IMPORTED
    except StoreError:
        return True


def bind_folds(store: Store, data: Dataset, seen: Scan, settings: FoldSettings) -> FoldPlan:
    """The run's fold plan: made on the first call, then only read and checked; with other settings drawn again as long
    as nothing has been made on it. Raises FoldError where data changed."""
    with store.lock():
        if store.plan.with_suffix(".json").exists():
            plan = FoldPlan.read(store.plan)
            if plan.settings == settings or store.has_results():
                plan.check(data, settings)
                plan = plan.ordered(data)
                check_given_groups(plan, data)
                return plan
        elif (store.root / "base").exists():  # results without the plan they were made on
            raise StoreError(f"{store.plan.with_suffix('.json')} is gone; restore it or choose another run folder.")
        plan = make_plan(data, with_given_groups(find_duplicates(data, seen).group, data), settings)
        plan.write(store.plan)
        return plan


def write_record(run: Run, config: Mapping[str, Any]) -> None:
    """run.json: the resolved configuration, the fingerprints, the tasks, the versions of what computed.

    ``home`` is where the configuration's relative paths begin, seen from the run folder: both may move together.
    """
    record = {
        **run.identity,
        "config": dict(config),
        "home": Path(os.path.relpath(Path.cwd(), run.store.root.resolve())).as_posix(),
        "tasks": [asdict(task) for task in run.data.tasks],
        "presence": run.data.presence,
        "versions": versions(),
    }
    with run.store.lock():
        write_json(run.store.record, record)


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


def versions() -> dict[str, str]:
    """Installed versions, without importing anything."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
