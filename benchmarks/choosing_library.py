"""What every candidate says on kept rows and on the rows it is chosen on, for many draws of rows: fitted once, so that
rules of choice can be compared in seconds (choosing.py).

    python benchmarks/choosing_library.py FOLDER --data ../shared/data

A draw takes some of the labelled rows, groups of copies whole, as if no others were there: candidates are fitted fold
by fold on these, and once on all of them for the rows that were not drawn. Learners are the stored ones of predictions/
(whose networks have seen more rows than are drawn: what is drawn is what a stack sees), or those of drawn worlds with
20,000 kept rows. A draw is a file and is done once.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemble.data import Codes, Dataset, Floats, Task
from ensemble.datasets import cmu, memotion, mvsa
from ensemble.metrics import spelled
from ensemble.targets import Labels
from meta.candidates import StackSpec
from meta.fitting import fit
from meta.nested_cv import options_of
from meta.targets import target_of

SIZES = (150, 300, 600, 1200, 2400)
PREDICTIONS = Path(__file__).parent / "predictions"
READ: dict[str, Callable[[Path], Dataset]] = {"mvsa": mvsa.read, "memotion": memotion.read, "mosi": cmu.read}
METRICS = {"mosi": "mae"}
DRAWS = {"mvsa": 24, "memotion": 6, "mosi": 24, "drawn": 24}  # of each size and task
FOLDS = 5
KEPT = 20_000
LEAST_KEPT = 400  # rows, below which a score on them says little


@dataclass(frozen=True)
class Pool:
    """All there is to draw from: (rows, learners * columns) predictions, labels, folds and groups of the rows."""

    name: str
    task: Task
    learners: tuple[str, ...]
    values: Floats
    labels: Labels
    fold: Codes
    groups: Codes


def stored(dataset: str, root: Path) -> Iterator[Pool]:
    """The learners that a dataset's tasks have among the stored predictions, on the rows inside the folds."""
    data, plan = READ[dataset](root / dataset), pd.read_parquet(PREDICTIONS / dataset / "folds.parquet")
    plan = plan[plan["fold"] >= 0].set_index("id")
    positions = pd.Index(data.ids).get_indexer(plan.index)
    for task in data.tasks:
        task = replace(task, metric=METRICS.get(dataset, task.metric))
        files = sorted((PREDICTIONS / dataset).glob(f"*/{task.name}.oof.parquet"))
        frames = [pd.read_parquet(file).set_index("id").loc[plan.index, list(task.columns)] for file in files]
        values = np.hstack([frame.to_numpy(dtype=np.float64) for frame in frames])
        labels = data.labels(task)[positions]
        known = task.target.known(labels)
        learners = tuple(file.parent.name for file in files)
        fold, groups = (plan[column].to_numpy()[known].astype(np.int64) for column in ("fold", "group"))
        yield Pool(dataset, task, learners, values[known], labels[known], fold, groups)


WORLDS = ("alike", "one is best", "many weak", "both are needed", "rare class", "noise")


def drawn(world: str, seed: int) -> Pool:
    """Learners of a world: evidence for the true class, Gaussian, in part common to all; ``both are needed``: the class
    is told by whether two learners agree, as in memes; ``noise``: no learner knows anything."""
    random = np.random.default_rng([WORLDS.index(world), seed])
    rows = KEPT + max(SIZES)
    shares = (0.3, 0.06, 0.64) if world == "rare class" else (0.3, 0.25, 0.45)
    labels = random.choice(3, size=rows, p=shares)
    count = {"many weak": 12, "one is best": 5}.get(world, 6)
    strengths = {
        "alike": np.full(count, 0.9),
        "one is best": np.r_[1.4, np.full(count - 1, 0.4)],
        "many weak": np.full(count, 0.35),
        "noise": np.zeros(count),
    }.get(world, random.uniform(0.2, 1.2, count))
    shared = random.normal(size=(rows, 3))
    columns = []
    for learner, strength in enumerate(strengths):
        shown = labels
        if world == "both are needed" and learner < 2:  # the picture says one thing, the words another
            sign = np.random.default_rng([seed, 7]).integers(3, size=rows)
            shown, strength = (sign, 2.5) if learner == 0 else ((sign + labels) % 3, 2.5)
        evidence = strength * np.eye(3)[shown] + 0.7 * shared + 0.7 * random.normal(size=(rows, 3))
        scores = np.exp(random.uniform(0.7, 1.5) * (evidence + np.log(shares)))
        columns.append(scores / scores.sum(axis=1, keepdims=True))
    task, names = Task(world, ("a", "b", "c")), tuple(f"learner{number}" for number in range(count))
    folds = np.arange(rows) % FOLDS
    return Pool("drawn", task, names, np.hstack(columns), labels, folds, np.arange(rows))


def draw(pool: Pool, size: int, seed: int) -> dict[str, Any]:
    """The library of one draw; ``chosen`` (rows,) says which rows of the pool were drawn."""
    random = np.random.default_rng([size, seed])
    order = random.permutation(np.unique(pool.groups))
    rank = np.argsort(order)[np.searchsorted(np.unique(pool.groups), pool.groups)]
    chosen = np.zeros(len(pool.labels), dtype=bool)
    chosen[np.argsort(rank, kind="stable")[:size]] = True
    spec = StackSpec(len(pool.learners), len(pool.task.columns), spelled(pool.task), 0, pool.task.kind)
    features, labels, fold = pool.values[chosen], pool.labels[chosen], pool.fold[chosen]
    kept = ~chosen & ~np.isin(pool.groups, pool.groups[chosen])
    names, inside, outside = [], [], []
    for options in options_of(tuple(target_of(pool.task).estimators)).values():
        for option in options:
            values = np.zeros((size, len(pool.task.columns)))
            for held in (fold == each for each in np.unique(fold)):
                values[held] = fit(option, features[~held], labels[~held], spec).predict(features[held])
            names.append(str(option))
            inside.append(values)
            outside.append(fit(option, features, labels, spec).predict(pool.values[kept]))
    return {
        "options": np.array(names),
        "inside": np.array(inside),
        "outside": np.array(outside, dtype=np.float32),
        "features": features,
        "labels": labels,
        "fold": fold,
        "groups": pool.groups[chosen],
        "kept_labels": pool.labels[kept],
    }


def pools(root: Path | None) -> Iterator[tuple[int, Callable[[], Pool]]]:
    """Each with the number of the draw; those of drawn worlds are made when they are asked for."""
    for pool in (pool for dataset in READ if root is not None for pool in stored(dataset, root)):
        yield from ((number, partial(replace, pool)) for number in range(DRAWS[pool.name]))
    for world in WORLDS:
        yield from ((number, partial(drawn, world, number)) for number in range(DRAWS["drawn"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for number, make in sorted(pools(options.data), key=lambda entry: entry[0]):  # if stopped early it is even
        pool = make()
        for size in SIZES:
            path = options.folder / f"{pool.name}_{pool.task.name.replace(' ', '-')}_{size}_{number}.npz"
            if len(pool.labels) - size < LEAST_KEPT or path.exists():
                continue
            found = draw(pool, size, number)
            np.savez_compressed(path.with_suffix(".part.npz"), **found)
            path.with_suffix(".part.npz").rename(path)
            print(path.name, flush=True)


if __name__ == "__main__":
    main()
