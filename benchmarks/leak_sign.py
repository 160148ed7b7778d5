"""What the sign of a leak is worth: whom it accuses among simulated honest learners, whom it finds that know labels.

    python benchmarks/leak_sign.py

A world has labels of one balance, two to six honest learners and, every second time, one that knows class counts only.
A learner's evidence for a class is Gaussian, ``skill`` apart (from none to .92 right of two even classes), in part
the same for all learners, in part different between fold models. Probabilities are the posterior under the class
frequencies, or under even ones as class weights make it, made surer or less sure. Rows inside the folds are asked of
one fold model, rows outside of five, whose mean is less sure. Who knows labels gives .8 to 1 to those of a share of the
rows inside the folds; the rest, and all rows outside, it guesses honestly.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.data import Codes, Floats, Task
from meta.leaks import leak_signs
from meta.table import MetaTable

BALANCES: dict[str, tuple[float, ...]] = {
    "50:50": (50, 50),
    "60:40": (60, 40),
    "70:30": (70, 30),
    "80:20": (80, 20),
    "90:10": (90, 10),
    "95:5": (95, 5),
    "70:20:10": (70, 20, 10),
    "85:10:5": (85, 10, 5),
    "seven, 40 to 3": (40, 20, 15, 10, 7, 5, 3),
}
KNOWN = (0.05, 0.1, 0.2, 0.5, 1.0)
FOLDS = 5


@dataclass(frozen=True)
class World:
    """Labels (rows,) of rows inside the folds, then outside; what is ``difficult`` (rows, classes) for all learners."""

    random: np.random.Generator
    frequencies: Floats
    labels: Codes
    inside: int
    difficult: Floats

    @classmethod
    def draw(cls, random: np.random.Generator, balance: Sequence[float], outside: int) -> "World":
        """Of 300 to 4,000 rows inside the folds."""
        frequencies = np.array(balance) / sum(balance)
        inside = int(np.exp(random.uniform(np.log(300), np.log(4000))))
        labels = random.choice(len(balance), size=inside + outside, p=frequencies)
        return cls(random, frequencies, labels, inside, random.normal(size=(inside + outside, len(balance))))

    def honest(self, shared: float) -> Floats:
        """(rows, classes) probabilities of a learner whose evidence is to this part the same for all."""
        random, (rows, classes) = self.random, self.difficult.shape
        skill, unsteady, surer = random.uniform(0, 2), random.uniform(0, 0.5), np.exp(random.uniform(-0.7, 0.7))
        own = np.sqrt(1 - shared) * random.normal(size=(rows, classes)) + np.sqrt(shared) * self.difficult
        by_fold = random.normal(size=(FOLDS, rows, classes))
        evidence = skill * np.eye(classes)[self.labels] + np.sqrt(1 - unsteady) * own + np.sqrt(unsteady) * by_fold
        frequencies = np.log(self.frequencies) if random.random() < 0.5 else np.zeros(classes)
        scores = np.exp(surer * (max(skill, 0.3) * evidence + frequencies))
        values = scores / scores.sum(axis=2, keepdims=True)
        return np.concatenate([values[0, : self.inside], values[:, self.inside :].mean(axis=0)])

    def class_counts(self) -> Floats:
        """What one knows who has seen class counts of the fit rows and nothing else."""
        noise = self.random.normal(scale=1e-3, size=(FOLDS, len(self.frequencies)))
        values = np.abs(self.frequencies + noise)
        values /= values.sum(axis=1, keepdims=True)
        inside = values[np.arange(self.inside) % FOLDS]
        return np.concatenate([inside, np.tile(values.mean(axis=0), (len(self.labels) - self.inside, 1))])

    def knowing(self, share: float, shared: float) -> Floats:
        """An honest learner that knows the labels of a share of the rows inside the folds."""
        values, classes = self.honest(shared), len(self.frequencies)
        known = np.flatnonzero(self.random.random(self.inside) < share)
        sure = self.random.uniform(0.8, 1, size=(len(known), 1))
        values[known] = np.where(np.eye(classes)[self.labels[known]] > 0, sure, (1 - sure) / (classes - 1))
        return values

    def accused(self, learners: Mapping[str, Floats]) -> set[str]:
        values = np.hstack(list(learners.values()))
        task = Task("any", tuple(map(str, range(len(self.frequencies)))))
        ids, rows = np.arange(len(values)).astype(str).astype(object), np.arange(self.inside)
        inside, outside = slice(self.inside), slice(self.inside, None)
        labels, fold = self.labels[inside], rows % FOLDS
        table = MetaTable(
            task,
            tuple(learners),
            ids[inside],
            values[inside],
            labels,
            fold,
            rows,
            ids[outside],
            values[outside],
        )
        return set(leak_signs(table))


def crowd(world: World, shared: float) -> dict[str, Floats]:
    """Two to six honest learners."""
    return {f"honest {number}": world.honest(shared) for number in range(world.random.integers(2, 7))}


def false_alarms(random: np.random.Generator, balance: Sequence[float], outside: int, count: int) -> list[float]:
    """Of so many honest learners the share that is accused, and the same of those that know class counts only."""
    judged, counts, wrong, wrong_counts = 0, 0, 0, 0
    while judged < count:
        world, shared = World.draw(random, balance, outside), random.uniform(0, 0.7)
        learners = crowd(world, shared)
        honest = len(learners)
        if random.random() < 0.5:
            learners["counts"] = world.class_counts()
        accused = world.accused(learners)
        judged, counts = judged + honest, counts + len(learners) - honest
        wrong, wrong_counts = wrong + len(accused - {"counts"}), wrong_counts + ("counts" in accused)
    return [wrong / judged, wrong_counts / counts]


def power(random: np.random.Generator, balance: Sequence[float], outside: int, count: int) -> list[float]:
    """Of learners that know a share of the labels, the share that is named, for each of KNOWN."""
    found = []
    for share in KNOWN:
        named = 0
        for _ in range(count):
            world, shared = World.draw(random, balance, outside), random.uniform(0, 0.7)
            named += "knowing" in world.accused({**crowd(world, shared), "knowing": world.knowing(share, shared)})
        found.append(named / count)
    return found


def print_table(title: str, columns: Sequence[str], cell: Callable[[Sequence[float], int], list[float]]) -> None:
    """A row per balance; ``cell`` gives the shares of its columns for a balance and a number of rows outside."""
    twice = [f"{name}{where}" for where in ("", ", outside") for name in columns]
    print(f"\n{title}\n\n| balance | {' | '.join(twice)} |")
    print("|---" * (1 + 2 * len(columns)) + "|")
    for name, balance in BALANCES.items():
        shares = [share for outside in (0, 300) for share in cell(balance, outside)]
        print(f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--honest", type=int, default=1000, help="simulated honest learners per balance")
    parser.add_argument("--knowing", type=int, default=200, help="simulated learners per share of labels known")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    print("In per cent; `outside`: with 300 rows outside the folds.")
    print_table(
        f"False alarms among {options.honest:,} honest learners",
        ("honest", "class counts"),
        lambda balance, outside: false_alarms(random, balance, outside, options.honest),
    )
    print_table(
        f"Power on {options.knowing:,} learners that know some labels",
        [f"knows {share:.0%}" for share in KNOWN],
        lambda balance, outside: power(random, balance, outside, options.knowing),
    )


if __name__ == "__main__":
    main()
