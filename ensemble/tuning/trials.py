"""Tuning: trial after trial until there are enough, in this process and any other that shares the study."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ensemble.data import Task
from ensemble.errors import ConfigError, LearnerError
from ensemble.jobs.train import Engine, sequential
from ensemble.run import Run
from ensemble.system.progress import Track, silent
from ensemble.system.stale_files import remove_stale_files
from ensemble.tuning.outcome import StudySummary, keep, study_summary, write_best
from ensemble.tuning.search import Search, TuneSettings, open_search
from ensemble.tuning.study import FIXED_PARAMS, PARAMS, RunningTrial, attributes
from ensemble.tuning.trial import evaluate_trial, seconds_of, why_no_score

ASK = 1.0  # seconds between two looks at what other processes are doing


def tune(
    run: Run,
    name: str,
    task: Task,
    settings: TuneSettings,
    track: Track = silent,
    engine: Engine = sequential,
    at_once: int = 1,
    kept: int | None = None,
) -> StudySummary:
    """Try parameters until ``settings.trials`` trials are finished, by whatever process and whenever; a summary of all
    of them. The best so far is written down after each, for `train-base`.

    ``engine`` trains ``at_once`` folds of a trial at a time (in processes all, where none is pruned). The ``kept`` best
    trials become base learners for the stack. Raises ConfigError for a space or settings that cannot be, LearnerError
    where the learner fails as it is configured.
    """
    search = open_search(run, name, task, settings)
    if kept and not search.split.covers(run):
        raise ConfigError(
            f"--keep-trials stacks what trials predict on the run's folds, and those of {name!r} see others "
            f"(tune.{name}.folds = {settings.folds!r}); with tune.{name}.folds = 'all' they do."
        )
    remove_stale_files(search.study.folder)
    search.study.retry_failed()
    done = len(search.study.trials())
    label = f"trials of {name}, {task.name}" + (f" ({done} already done)" if done else "")
    ahead = at_once if settings.prune or engine is sequential else run.plan.settings.k
    for _ in track(_trials(search, track, engine, ahead), label, max(search.plan.trials - done, 0)):
        write_best(search)
    write_best(search)  # one that was killed may have finished the last trial
    remove_stale_files(search.study.folder)
    return study_summary(search, () if kept is None else keep(search, kept, track, engine))


@dataclass(frozen=True)
class FinishedTrial:
    """A trial that we have finished."""

    search: Search
    number: int

    def describe(self, known: set[str]) -> str:
        """``trial 3: 0.496 over 5 folds (best 0.501)``"""
        trials = {trial.number: trial for trial in self.search.study.trials()}
        best, mine = self.search.study.best(), trials[self.number]
        scores = list(mine.intermediate_values.values())
        over = f"{sum(scores) / len(scores):.3f} over {len(scores)} folds" if scores else "no score"
        how = {"PRUNED": ", hopeless", "FAIL": ", failed"}.get(mine.state.name, "")
        return f"trial {self.number}: {over}{how}" + (f" (best {best.value:.3f})" if best else "")


def _trials(search: Search, track: Track, engine: Engine, at_once: int) -> Iterator[FinishedTrial]:
    """Each trial that we have finished."""
    while True:
        begun = search.study.begin(search.plan)
        if begun is not None:
            try:
                _run_trial(search, begun, track, engine, at_once)
            finally:
                search.study.leave(begun)
            yield FinishedTrial(search, begun.trial.number)
        elif search.study.others_at_work():
            time.sleep(ASK)  # one of theirs may die, and be ours
        else:
            return


def _run_trial(search: Search, begun: RunningTrial, track: Track, engine: Engine, at_once: int) -> None:
    """Evaluate a trial and record how it ended."""
    study, tried = search.study, search.tried(begun.params)
    folds = list(search.split.trained(search.run))
    best = study.best() if search.prune else None
    rival = None if best is None else search.tried(attributes(best)[PARAMS])
    values: list[float] = []
    hopeless = False
    try:
        for new_values, hopeless in evaluate_trial(search.run, tried, rival, track, engine, at_once):
            for value in new_values:
                study.report(begun, len(values), value)
                values.append(value)
            if hopeless:
                break
        if not np.isfinite(values).any():
            raise LearnerError(why_no_score(search.run, search.task, search.split))
    except (LearnerError, ConfigError) as error:
        study.finish(begun, "FAIL", reason=str(error))
        if attributes(begun.trial).get(FIXED_PARAMS) in search.plan.first and not search.plan.only:
            raise LearnerError(f"{search.spec.name}, as it is configured: {error}") from error
        return
    took = seconds_of(tried(search.run), search.task, folds[: len(values)])
    if hopeless:
        study.finish(begun, "PRUNED", seconds=took, trained=len(values))
    else:
        study.finish(begun, "COMPLETE", float(np.nanmean(values)), seconds=took, trained=len(values))
