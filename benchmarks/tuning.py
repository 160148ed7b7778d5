"""What tuning is worth on rows it did not see, and what pruning saves: nested cross-validation on a real dataset.

    python benchmarks/tuning.py mvsa ../shared --learners tfidf text both --trials 30 --keep /tmp/tuning

Each fold of the plan is, in turn, the one that `ensemble tune` keeps out: the parameters are found on the other folds,
then the learner is trained on these, as configured and tuned, and both predict the fold kept out. Joined, the
predictions cover every row, and no row had a say in the parameters it is predicted with. --unpruned so many of these
searches run again without pruning, to see what it saves and whether another trial wins. Stages are the installed
command in processes of their own; run again with the same --keep, it goes on. ``../shared`` as for pipeline.py.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pipeline import encoders

from ensemble.data import Task
from ensemble.folds import FoldPlan
from ensemble.metrics import metric_named
from ensemble.predictions import Predictions, concatenate
from ensemble.scoring import difference, score_card
from ensemble.store import read_predictions


@dataclass(frozen=True)
class Bench:
    """A configuration, and the run folders beside it, one for each fold kept out."""

    folder: Path
    overrides: tuple[str, ...]
    trials: int

    def command(self, stage: str, outer: str, *arguments: str) -> dict[str, Any]:
        """What a stage of the run in the folder ``outer`` says, as JSON."""
        overrides = [*self.overrides, f"run.folder={outer}", "run.cache=cache", "run.threads=1", "run.keep_models=none"]
        common = ["-c", str(self.folder / "ensemble.toml"), *(part for each in overrides for part in ("--set", each))]
        command = ["ensemble", stage, *arguments, *common, "--json", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def tune(self, learner: str, outer: str, *arguments: str) -> list[dict[str, Any]]:
        """The accounts of a search, task by task."""
        found: list[dict[str, Any]] = self.command("tune", outer, learner, "--trials", str(self.trials), *arguments)[
            "tasks"
        ]
        return found

    def predict(self, learner: str, task: Task, outer: str, *arguments: str) -> Predictions:
        """Of the fold kept out, by a learner trained on the others."""
        self.command(
            "train-base", outer, "-l", learner, "-t", task.name, "-f", "0", "--keep-models", "none", *arguments
        )
        return read_predictions(
            self.folder / outer / "base" / learner / task.name / "seed-0" / "fold-0", "held_out", task
        )

    def rotate(self, outer: int) -> str:
        """The run folder whose fold 0 is the first plan's fold ``outer``."""
        name = f"outer-{outer}"
        first = FoldPlan.read(self.folder / "outer-0" / "folds.parquet")
        path = self.folder / name / "folds.parquet"
        if not path.exists():
            fold = first.fold
            turned = np.where(fold >= 0, (fold - outer) % first.settings.k, fold)
            replace(first, frame=first.frame.assign(fold=turned)).write(path)
        return name


def judge(bench: Bench, learner: str, task: Task, data: Any, k: int) -> None:
    """Print what tuning was worth and what it took; ``data`` has the rows of all folds."""
    usual: list[Predictions] = []
    tuned: list[Predictions] = []
    accounts = []
    for outer in map(bench.rotate, range(k)):
        usual.append(bench.predict(learner, task, outer))
        accounts.append(next(one for one in bench.tune(learner, outer, "-t", task.name) if one["task"] == task.name))
        tuned.append(bench.predict(learner, task, outer, "--set", f"base.{learner}.tuned=true"))
    ours, theirs = concatenate(tuned).take(data.ids), concatenate(usual).take(data.ids)
    print(f"\n### {learner}, {task.name}: {len(data):,} rows, each unseen by the search whose parameters predict it\n")
    for name, said in (("as configured", theirs), ("tuned", ours)):
        print(f"{name}: {told(score_card(task, said, data)['metrics'])}")
    for name in dict.fromkeys((task.metric, "accuracy", "log_loss")):
        found = difference(metric_named(name), data.labels(task), data.groups, ours, theirs)
        print(f"tuned minus as configured, {name}, paired (above 0 is better): {spoken(found, '+')}")
    for fold, account in enumerate(accounts):
        print(f"fold {fold} kept out: {told_account(account)}")
    seconds = [sum(row["seconds"] for row in account["trials"]) for account in accounts]
    print(f"searching took {sum(seconds):,.0f} s, pruning saved about {sum(a['saved'] for a in accounts):,.0f} s")


def told(metrics: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {spoken(metrics[name])}" for name in ("macro_f1", "accuracy", "log_loss"))


def spoken(found: Mapping[str, Any], sign: str = "") -> str:
    interval = f" [{found['low']:{sign}.3f}, {found['high']:{sign}.3f}]" if found.get("low") is not None else ""
    return f"{found['value']:{sign}.3f}{interval}"


def told_account(account: dict[str, Any]) -> str:
    best, trials = account["trials"][0], account["trials"]
    seconds = sum(row["seconds"] for row in trials)
    folds = sum(row["folds"] for row in trials)
    return (
        f"{len(trials)} trials, {account['pruned']} pruned, {folds} folds trained in {seconds:,.0f} s; "
        f"best is trial {best['trial']} ({best['score']:.4f} on {account['rows']:,} rows): "
        f"{best['params'] or 'as configured'}"
    )


def compare_pruning(bench: Bench, learner: str, task: Task, outer: int) -> None:
    """The same search with and without pruning."""
    name = bench.rotate(outer)
    (bench.folder / f"{name}-unpruned").mkdir(exist_ok=True)
    for file in (bench.folder / name).glob("folds.*"):
        shutil.copy(file, bench.folder / f"{name}-unpruned" / file.name)
    [pruned] = bench.tune(learner, name, "-t", task.name)
    [whole] = bench.tune(learner, f"{name}-unpruned", "-t", task.name, "--set", f"tune.{learner}.prune=false")
    folds = [sum(row["folds"] for row in account["trials"]) for account in (pruned, whole)]
    took = [sum(row["seconds"] for row in account["trials"]) for account in (pruned, whole)]
    print(f"\nfold {outer} kept out, {learner}, unpruned: {told_account(whole)}")
    print(f"with pruning: {folds[0]} folds and {took[0]:,.0f} s instead of {folds[1]} and {took[1]:,.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["mvsa", "memotion"])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--learners", nargs="+", default=["tfidf", "text", "both"])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--unpruned", type=int, default=1, help="so many of the searches again without pruning")
    parser.add_argument("--keep", type=Path, help="a folder for the runs; default: a temporary one")
    arguments = parser.parse_args()
    folder = (arguments.keep or Path(tempfile.mkdtemp())).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    config, root = folder / "ensemble.toml", arguments.shared / "data" / arguments.name
    if not config.exists():
        subprocess.run(["ensemble", "init", arguments.name, "--root", str(root), "--out", str(config)], check=True)
    bench = Bench(folder, tuple(encoders(arguments.shared)), arguments.trials)
    run = opened(bench)
    for learner in arguments.learners:
        for task in run.data.tasks:
            judge(bench, learner, task, run.data.take(run.plan.cv_rows), run.plan.settings.k)
            for outer in range(arguments.unpruned):
                compare_pruning(bench, learner, task, outer)


def opened(bench: Bench) -> Any:
    """The first run, whose folds the others turn."""
    from cli.session import Session

    overrides = [*bench.overrides, "run.folder=outer-0", "run.cache=cache"]
    return Session(bench.folder / "ensemble.toml", overrides, quiet=True).run


if __name__ == "__main__":
    main()
