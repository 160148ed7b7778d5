"""How long stacking takes and how much memory, on generated out-of-fold probabilities.

    python benchmarks/stacking.py many        # 50 learners x 9 tasks x 7,000 rows, nested; --every: the forest, too
    python benchmarks/stacking.py rows        # 20 learners x 1,000,000 rows, one task, logistic regression and greedy
    python benchmarks/stacking.py peer        # one candidate beside scikit-learn's StackingClassifier, in turns

Seconds are wall time per stage: nested fits (of each candidate), the choice, the last fit. ``peer`` gives scikit-learn
the same columns: its base estimators are "prefit" and only hand their columns on, so what is compared is the stacking.
"""

import argparse
import os
import resource
import time
from collections.abc import Generator, Iterable

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import StackingClassifier

from ensemble.data import Codes, Floats, Labels, Task
from ensemble.system.progress import Item, Label
from meta import META_ESTIMATORS
from meta.candidates import StackSpec, logistic_regression
from meta.fitting import fit
from meta.nested_cv import nested_cv, options_chosen, options_of
from meta.nested_fits import NestedPredictions, nest
from meta.table import MetaTable, StackSettings

CLASSES = 3
FOLDS = 5


def generated(rows: int, learners: int, seed: int) -> MetaTable:
    """Learners of varied strength whose errors are half shared."""
    random = np.random.default_rng(seed)
    labels = random.choice(CLASSES, size=rows, p=[0.3, 0.1, 0.6])
    shared = random.normal(size=(rows, CLASSES))
    oof = np.empty((rows, learners * CLASSES))
    for learner in range(learners):
        signal = random.uniform(0.2, 1.2) * np.eye(CLASSES)[labels]
        scores = np.exp(signal + shared + random.normal(size=(rows, CLASSES)))
        oof[:, learner * CLASSES : (learner + 1) * CLASSES] = scores / scores.sum(axis=1, keepdims=True)
    ids = np.arange(rows).astype(str).astype(object)
    names = tuple(f"learner{number}" for number in range(learners))
    task = Task("sentiment", ("negative", "neutral", "positive"), ordinal=True)
    return MetaTable(task, names, ids, oof, labels, np.arange(rows) % FOLDS, np.arange(rows), ids[:0], oof[:0])


def counted(items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
    for position, item in enumerate(items, start=1):
        if position % 50 == 0:
            print(f"    {position} of {total}", flush=True)
        yield item


def stage(name: str, started: float) -> float:
    now = time.monotonic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  {name:<44}{now - started:8.1f} s   peak {peak:5.1f} GiB", flush=True)
    return now


def stack(table: MetaTable, candidates: tuple[str, ...], threads: int) -> None:
    """One task, stage by stage; no ``candidates``: those that are tried on such a table."""
    candidates = candidates or StackSettings().tried(table)
    spec = StackSpec(len(table.learners), table.width, table.task.metric, 0, rows=len(table.ids))
    fits: dict[str, list[NestedPredictions]] = {}
    now = time.monotonic()
    for name, options in options_of(candidates).items():
        fits[name] = nest(table, options, spec, threads=threads, track=counted)
        now = stage(f"{name}: nested fits, {len(options)} variants", now)
    final = nested_cv(table, fits, threads).final
    now = stage(f"choice (of new rows: {', '.join(final.members)})", now)
    for option in options_chosen(final):
        fit(option, table.features, table.labels, spec)
    stage("last fits", now)


class Column(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A base estimator that hands its columns on."""

    def __init__(self, learner: int = 0) -> None:
        self.learner = learner

    def fit(self, features: Floats, labels: Labels) -> "Column":
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, features: Floats) -> Floats:
        return features[:, self.learner * CLASSES : (self.learner + 1) * CLASSES]

    def predict(self, features: Floats) -> Codes:
        return np.asarray(self.predict_proba(features).argmax(axis=1), dtype=np.int64)


def beside_scikit_learn(rows: int, learners: int, rounds: int) -> None:
    """Fit and out-of-fold prediction of one logistic regression, once per fold."""
    table = generated(rows, learners, 0)
    spec = StackSpec(learners, CLASSES, "log_loss", 0)
    folds = [(np.flatnonzero(table.fold != fold), np.flatnonzero(table.fold == fold)) for fold in range(FOLDS)]
    ratios = []
    for _ in range(rounds):
        started = time.monotonic()
        for seen, held in folds:
            columns = [(f"c{number}", Column(number).fit(table.oof, table.labels)) for number in range(learners)]
            theirs = StackingClassifier(columns, logistic_regression(spec), cv="prefit")
            theirs.fit(table.oof[seen], table.labels[seen]).predict_proba(table.oof[held])
        between = time.monotonic()
        option = options_of(("logistic_regression",))["logistic_regression"][1]
        for seen, held in folds:
            fit(option, table.oof[seen], table.labels[seen], spec).predict(table.oof[held])
        ended = time.monotonic()
        ratios.append((between - started) / (ended - between))
    print(f"StackingClassifier takes {np.median(ratios):.2f} times as long (median of {rounds} rounds, {rows:,} rows)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("many", "rows", "peer"))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--learners", type=int)
    parser.add_argument("--every", action="store_true", help="also candidates that are left out of large tables")
    parser.add_argument("--tasks", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    started = time.monotonic()
    if options.what == "many":
        for task in range(options.tasks):
            print(f"task {task}", flush=True)
            table = generated(options.rows or 7000, options.learners or 50, task)
            stack(table, tuple(META_ESTIMATORS) if options.every else (), options.threads)
    elif options.what == "rows":
        table = generated(options.rows or 1_000_000, options.learners or 20, 0)
        stage("generated", started)
        stack(table, ("soft_vote", "greedy", "logistic_regression"), options.threads)
    else:
        beside_scikit_learn(options.rows or 7000, options.learners or 20, options.rounds)
    stage("all", started)


if __name__ == "__main__":
    main()
