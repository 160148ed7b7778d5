"""Which rule ends trials best: the same finished trials, replayed under each.

    python benchmarks/tuning.py mvsa ../shared --keep /tmp/tuning     # leaves unpruned searches there
    python benchmarks/pruning.py /tmp/tuning --learners text tfidf both --folds 0 1

Each rule sees the trials of an unpruned search in their order, fold by fold, and ends what it finds hopeless beside
the best so far. ``lost`` is how much worse the trial is that it ends up with, in the score of the search. A real search
would propose other trials after each pruned one; here all rules judge the same.
"""

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from cli.session import Session
from ensemble.predictions import Predictions, concatenate
from ensemble.store import Job
from ensemble.tuning.search import Search, TuneSettings, open_search
from ensemble.tuning.study import FOUND
from ensemble.tuning.trial import fold_score, is_worse


@dataclass(frozen=True)
class Trial:
    """What the folds of a finished trial said, and took."""

    said: list[Predictions]
    scores: list[float]
    seconds: list[float]


Rule = Callable[[Trial, Trial, int], bool]  # whether a trial is hopeless beside another, by so many folds


def wilcoxon(threshold: float) -> Rule:
    """Optuna's, which has only the scores of folds."""

    def rule(ours: Trial, best: Trial, folds: int) -> bool:
        study = optuna.create_study(direction="maximize", pruner=optuna.pruners.WilcoxonPruner(p_threshold=threshold))
        values = dict(enumerate(best.scores))
        study.add_trial(optuna.trial.create_trial(value=float(np.mean(best.scores)), intermediate_values=values))
        trial = study.ask()
        for step, value in enumerate(ours.scores[:folds]):
            trial.report(value, step)
        return trial.should_prune()

    return rule


def paired(data: Any) -> Rule:
    """Ours, row by row."""
    return lambda ours, best, folds: is_worse(data, concatenate(ours.said[:folds]), concatenate(best.said[:folds]))


def never(ours: Trial, best: Trial, folds: int) -> bool:
    return False


def replay(trials: Sequence[Trial], rule: Rule) -> tuple[int, float, float]:
    """Folds trained, their seconds, and the score of the trial that is best in the end."""
    best, folds, seconds = trials[0], 0, 0.0
    for trial in trials:
        k = len(trial.scores)
        end = next((done for done in range(1, k) if trial is not best and rule(trial, best, done)), k)
        folds, seconds = folds + end, seconds + sum(trial.seconds[:end])
        if end == k and np.mean(trial.scores) > np.mean(best.scores):
            best = trial
    return folds, seconds, float(np.mean(best.scores))


def finished(search: Search) -> list[Trial]:
    """The trials of an unpruned search, in their order."""
    found = []
    for trial in sorted(search.study.trials(), key=lambda one: one.number):
        alone = search.tried(trial.user_attrs[FOUND])(search.run)
        jobs = [Job(search.spec.name, search.task.name, 0, fold) for fold in search.split.trained(search.run)]
        folders = [alone.store.job(job) for job in jobs]
        said = [folder.read("held_out", search.task) for folder in folders]
        scores = [fold_score(alone.data, one) for one in said]
        found.append(Trial(said, scores, [folder.read_record()["seconds"] for folder in folders]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what benchmarks/tuning.py has kept")
    parser.add_argument("--learners", nargs="+", default=["text", "tfidf", "both"])
    parser.add_argument("--folds", nargs="+", type=int, default=[0], help="folds kept out, searched unpruned")
    parser.add_argument("--set", nargs="*", default=[], help="as tuning.py has set it, such as the encoders' places")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    for fold in arguments.folds:
        overrides = [*arguments.set, f"run.folder=outer-{fold}-unpruned", "run.cache=cache", "run.threads=1"]
        run = Session(arguments.folder / "ensemble.toml", overrides, quiet=True).run
        rules = {"none": never, "paired": paired(run.data), **{f"Wilcoxon {p}": wilcoxon(p) for p in (0.1, 0.2)}}
        for learner in arguments.learners:
            for task in run.data.tasks:
                trials = finished(open_search(run, learner, task, TuneSettings(prune=False)))
                highest = replay(trials, never)[2]
                print(f"{learner}, {task.name}, fold {fold} kept out, {len(trials)} trials")
                for name, rule in rules.items():
                    folds, seconds, score = replay(trials, rule)
                    print(f"  {name:14} {folds:4} folds {seconds:8.1f} s   lost {highest - score:.4f}")


if __name__ == "__main__":
    main()
