"""One search: a learner, a task, what is tried and on what, all of it checked before the first trial."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Task
from ensemble.errors import ConfigError
from ensemble.learner import make_learner
from ensemble.metrics import metric_named
from ensemble.run import Run
from ensemble.search_space import Space, as_set, grid, outline, space_of
from ensemble.tuned import overlay
from ensemble.tuning.study import Plan, Study
from ensemble.tuning.trial import Split, TrialRun


@dataclass(frozen=True)
class TuneSettings:
    """As the configuration's ``[tune.NAME]``; ``space`` by dotted names, empty for the learner's own."""

    trials: int = 30
    seed: int = 0
    folds: str | int = "nested"
    prune: bool = True
    storage: str = ""
    space: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """``params`` are the learner's as they are set, by dotted name."""

    run: Run
    spec: LearnerSpec
    task: Task
    params: Mapping[str, Any]
    split: Split
    plan: Plan
    study: Study
    prune: bool

    def tried(self, found: Mapping[str, Any]) -> TrialRun:
        return TrialRun(self.spec.name, self.task.name, json.dumps(found), self.split)


def open_search(run: Run, name: str, task: Task, settings: TuneSettings) -> Search:
    """Raises ConfigError for a space or settings that cannot be, StoreError where the study cannot be opened."""
    if run.distributed.size > 1:
        raise ConfigError("`ensemble tune` is not for torchrun; start it once per GPU, they share the trials.")
    spec = replace(run.learners.spec(name), tuned=False)
    split = Split(settings.folds, settings.seed)
    space = space_of(run.registry, spec.learner, name, settings.space)
    seen, example = outline(space)
    make_learner(run.registry, spec.learner, overlay(spec.params, example), f"tune.{name}.space")
    params = run.learners.bind(spec).params
    study_of = run.learners.settings(spec, task).fingerprint(
        metric=task.metric,
        split=[split.folds, split.seed, len(split.trained(run))],
        space=seen.spoken(),
        prune=settings.prune,
    )
    title = f"{name}/{task.name}/{study_of[:8]}"
    better = metric_named(task.metric).greater_is_better
    study = Study(run.store.tune(name, task.name), title, better, settings.seed, settings.storage)
    plan = plan_of(space, as_set(seen.asked, params), grid(seen.asked, settings.trials), settings.trials)
    return Search(run, spec, task, params, split, plan, study, settings.prune)


def plan_of(space: Space, usual: dict[str, Any], whole: list[dict[str, Any]], trials: int) -> Plan:
    """A space of no more values than trials is tried ``whole``; first come those as set (``usual``), also where they
    are none of the space's."""
    if whole and not usual:
        return Plan(space, len(whole) + 1, [usual, *whole], only=True)
    if whole:
        return Plan(space, len(whole), sorted(whole, key=lambda one: one != usual), only=True)
    return Plan(space, trials, [usual])
