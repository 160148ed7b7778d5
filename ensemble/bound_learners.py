"""The learners of a configuration, bound to their code and checked once; of each what its results are made of."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import BaseModel

from ensemble.data import Task
from ensemble.errors import ConfigError, EnsembleError, LearnerError, unknown
from ensemble.learner import BaseLearner
from ensemble.learner_factory import learner_factory, source_files
from ensemble.modalities import modalities_of
from ensemble.provenance import Provenance
from ensemble.records import BestTrial
from ensemble.registry import is_foreign
from ensemble.store import Store
from ensemble.system.files import known_hash
from ensemble.system.installed import failure, version_of
from ensemble.system.paths import relative_to
from ensemble.tuned import overlay, read_best


@dataclass(frozen=True)
class LearnerSpec:
    """A base learner of the configuration: its name there, its name in the registry, its parameters; ``tuned``: over
    them those that tuning found best for the task, which is read anew each time unless ``best`` holds it."""

    name: str
    learner: str
    params: Mapping[str, object] = field(default_factory=dict)
    tuned: bool = False
    best: BestTrial | None = None


@dataclass(frozen=True)
class BoundLearner:
    """A learner with checked parameters: ``make`` gives an unfitted one, ``example`` is one that stays unfitted.
    Relative paths among the parameters begin at ``home``."""

    make: Callable[[], BaseLearner]
    example: BaseLearner
    home: Path

    @property
    def params(self) -> dict[str, object]:
        """By dotted name, defaults among them, paths as they were written."""
        return flatten({name: value for name, value in vars(self.example).items() if not name.startswith("_")})

    @property
    def modalities(self) -> tuple[str, ...] | None:
        """What it looks at; None where it does not say."""
        return modalities_of(self.example)

    def source_files(self) -> list[Path]:
        """The files that results depend on besides the parameters, sorted."""
        with relative_to(self.home):
            return source_files(self.example)


@dataclass(frozen=True)
class BoundLearners:
    """The learners of ``specs``, and variants of them; relative paths among their parameters begin at ``home``."""

    registry: Mapping[str, str]
    specs: tuple[LearnerSpec, ...]
    store: Store
    identity: Mapping[str, str]
    home: Path
    _bound: dict[str, BoundLearner] = field(default_factory=dict, repr=False)

    def names(self) -> list[str]:
        return [spec.name for spec in self.specs]

    def spec(self, name: str) -> LearnerSpec:
        for spec in self.specs:
            if spec.name == name:
                return spec
        raise ConfigError(unknown("base learner", name, self.names()))

    def some(self, names: Sequence[str]) -> list[LearnerSpec]:
        """The named base learners, or all; raises ConfigError where there are none."""
        if not self.specs:
            raise ConfigError("The configuration has no base learner; add a table such as [base.tfidf].")
        return [self.spec(name) for name in names] or list(self.specs)

    def bind(self, spec: LearnerSpec, task: Task | None = None) -> BoundLearner:
        """For a task with what tuning found for it, where the learner is a tuned one."""
        params = spec.params
        if task is not None and spec.tuned:
            params = overlay(params, self.best(spec, task)["params"])
        key = json.dumps([spec.learner, params], default=repr)
        if key not in self._bound:
            self._bound[key] = bind_learner(self.registry, replace(spec, params=params), self.home)
        return self._bound[key]

    def make(self, spec: LearnerSpec, task: Task | None = None) -> BaseLearner:
        """An unfitted learner."""
        return self.bind(spec, task).make()

    def best(self, spec: LearnerSpec, task: Task) -> BestTrial:
        """What tuning found for a task; raises StoreError where it has not, or where it was for something else."""
        if spec.best is not None:
            return spec.best
        path = self.store.best_trial(spec.name, task.name)
        return read_best(path, spec.name, task.name, self.settings(replace(spec, tuned=False), task))

    def pinned(self, spec: LearnerSpec, task: Task) -> LearnerSpec:
        """A tuned learner with what tuning has found by now: it may find something better meanwhile."""
        return replace(spec, best=self.best(spec, task)) if spec.tuned else spec

    def provenance(self, spec: LearnerSpec, task: Task) -> Provenance:
        """Everything a learner's results for a task depend on."""
        files = self.bind(spec, task).source_files()
        return self.settings(spec, task).with_sources([known_hash(path) for path in files])

    def settings(self, spec: LearnerSpec, task: Task) -> Provenance:
        """The same without the files of weights, which need not be there any more once a model is trained."""
        params = self.bind(spec, task).params
        if not is_foreign(self.registry, spec.learner):
            return Provenance.of_learner(self.identity, self.registry[spec.learner], task, params)
        settings = Provenance.of_learner(self.identity, spec.learner, task, params)
        return settings.with_parts(code=version_of(spec.learner))


def bind_learner(registry: Mapping[str, str], spec: LearnerSpec, home: Path) -> BoundLearner:
    """Raises ConfigError for a name or parameter there is not, LearnerError where another package's learner cannot be
    made with these."""
    make = learner_factory(registry, spec.learner, spec.params, f"base.{spec.name}.params")
    try:
        return BoundLearner(make, make(), home)
    except Exception as error:
        if isinstance(error, EnsembleError) or not is_foreign(registry, spec.learner):
            raise
        raise LearnerError(f"base.{spec.name}: {failure(spec.learner, error)}") from error


def check_kind(learner: BaseLearner, task: Task, where: str) -> None:
    """Raises ConfigError where a learner does not take tasks of this kind."""
    if not hasattr(learner, task.target.method):
        raise ConfigError(
            f"{where}: {type(learner).__name__} has no method {task.target.method!r} and so cannot learn "
            f"{task.name!r}, a task of kind {task.kind!r}; leave out one of them."
        )


def check_learners(
    registry: Mapping[str, str], specs: Sequence[LearnerSpec], home: Path
) -> Mapping[str, tuple[str, ...] | None]:
    """By learner, what it looks at; a wrong name, parameter or file of weights is refused now, not after the first
    hour."""
    looked_at = {}
    for spec in specs:
        bound = bind_learner(registry, spec, home)
        try:
            bound.source_files()
        except LearnerError as error:
            raise LearnerError(f"base.{spec.name}: {error}") from error
        looked_at[spec.name] = bound.modalities
    return looked_at


def flatten(value: object, name: str = "") -> dict[str, object]:
    """Nested parameters as one level of dotted names; a model's excluded fields change no result."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if not isinstance(value, dict):
        return {name: value}
    parts = {f"{name}.{key}" if name else key: part for key, part in value.items()}
    return {path: leaf for key, part in parts.items() for path, leaf in flatten(part, key).items()}
