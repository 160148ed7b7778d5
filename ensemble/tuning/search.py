"""One search: a learner, a task, what is tried and on what, all of it checked before the first trial."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Task
from ensemble.errors import ConfigError
from ensemble.learner_factory import make_learner
from ensemble.metrics import metric_of, spelled
from ensemble.run import Run
from ensemble.search_space import Space, as_set, grid, outline, space_of
from ensemble.tuned import overlay
from ensemble.tuning.study import Params, Study, TrialPlan
from ensemble.tuning.trial import Split, TrialRun


@dataclass(frozen=True)
class TuneSettings:
    """As the configuration's ``[tune.NAME]``; ``space`` by dotted names, empty for the learner's own."""

    trials: int = 30
    seed: int = 0
    folds: str | int = "nested"
    prune: bool = True
    storage: str = ""
    space: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """``params`` are the learner's as they are set, by dotted name."""

    run: Run
    spec: LearnerSpec
    task: Task
    params: Params
    split: Split
    plan: TrialPlan
    study: Study
    prune: bool

    def tried(self, params: Params) -> TrialRun:
        return TrialRun(self.spec.name, self.task.name, json.dumps(params), self.split)


def open_search(run: Run, name: str, task: Task, settings: TuneSettings) -> Search:
    """Raises ConfigError for a space or settings that cannot be, StoreError where the study cannot be opened."""
    if run.distributed.size > 1:
        raise ConfigError("`ensemble tune` is not for torchrun; start it once per GPU, they share the trials.")
    spec = replace(run.learners.spec(name), tuned=False)
    split = Split(settings.folds, settings.seed)
    space = space_of(run.registry, spec.learner, name, settings.space, task)
    seen, example = outline(space)
    make_learner(run.registry, spec.learner, overlay(spec.params, example), f"tune.{name}.space")
    params = run.learners.bind(spec).params
    study_of = run.learners.settings(spec, task).fingerprint(
        metric=spelled(task),
        split=[split.folds, split.seed, len(split.trained(run))],
        space=seen.as_json(),
        prune=settings.prune,
    )
    title = f"{name}/{task.name}/{study_of[:8]}"
    better = metric_of(task).greater_is_better
    study = Study(run.store.tune(name, task.name), title, better, settings.seed, settings.storage)
    plan = trial_plan(space, as_set(seen.asked, params), grid(seen.asked, settings.trials), settings.trials)
    return Search(run, spec, task, params, split, plan, study, settings.prune)


def trial_plan(space: Space, configured: Params, combinations: Sequence[Params], trials: int) -> TrialPlan:
    """A space of no more ``combinations`` than trials is tried whole; first come the parameters as ``configured``, also
    where they are none of the space's (empty)."""
    if combinations and not configured:
        return TrialPlan(space, len(combinations) + 1, [configured, *combinations], only=True)
    if combinations:
        configured_first = sorted(combinations, key=lambda params: params != configured)
        return TrialPlan(space, len(combinations), configured_first, only=True)
    return TrialPlan(space, trials, [configured])
