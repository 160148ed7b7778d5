"""What a rule of choice costs: regret on rows that nothing was fitted or chosen on, over many draws and sizes.

    python benchmarks/choosing_library.py FOLDER --data ../shared/data     # first: what the candidates say
    python benchmarks/choosing.py FOLDER --out regrets.parquet             # every rule on every draw
    python benchmarks/choosing.py FOLDER --out regrets.parquet --show      # the table alone

Regret is the score on kept rows of the best candidate in hindsight, under the best of its decision rules, minus the
score of what a rule ships; of errors the reverse. A rule of choice sees what `ensemble stack` sees of the drawn rows:
out-of-fold predictions of every candidate. Each is tried with several ways to learn class biases.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ensemble.data import Codes, Floats, Task
from ensemble.metrics import Metric, bootstrap, bootstraps, metric_of, score
from ensemble.targets import Labels
from meta.averages import Simplex as SimplexOfNumbers
from meta.rules import Rule, class_biases, cut_points
from meta.selection import LEVEL, SelectionData, reality_check
from meta.targets import target_of
from meta.weights import Simplex

BAGS = 10
PRIOR = 20  # rows of a class that weigh as much as the belief that its bias is the mean one
ORDINAL = ("sentiment", "degree")


@dataclass(frozen=True)
class Draw:
    """``inside`` (options, rows, columns), ``outside`` (options, kept rows, columns): what candidates say."""

    task: Task
    names: tuple[str, ...]  # of the candidates, an option after the other
    inside: Floats
    outside: Floats
    rows: SelectionData
    kept: Labels

    @classmethod
    def read(cls, path: Path) -> "Draw":
        pool, name, *_ = path.stem.split("_")[0], "_".join(path.stem.split("_")[1:-2])
        found = np.load(path)
        if pool == "mosi":
            task = Task(name, kind="regression", metric="mae")
        else:
            classes = tuple(map(str, range(found["inside"].shape[2])))
            task = Task(name, classes, ordinal=pool != "drawn" and name.endswith(ORDINAL))
        rows = SelectionData(task, found["labels"], found["fold"], found["groups"])
        names = tuple(option.split()[0] for option in found["options"].tolist())
        outside = found["outside"].astype(np.float64)
        return cls(task, names, found["inside"], outside, rows, found["kept_labels"])

    @property
    def metric(self) -> Metric:
        return metric_of(self.task)

    def judge(self, values: Floats) -> float:
        """Of what the metric is given of the kept rows; more is better."""
        return self.metric.sign * score(self.metric, self.kept, values)


Biases = Callable[[Metric, Codes, Floats, Codes], Rule]  # labels, values, groups


def plain(metric: Metric, labels: Codes, values: Floats, groups: Codes) -> Rule:
    return class_biases(metric, labels, values)


def shrunk(by: float) -> Biases:
    def biases(metric: Metric, labels: Codes, values: Floats, groups: Codes) -> Rule:
        return Rule("class_biases", tuple(by * number for number in class_biases(metric, labels, values).numbers))

    return biases


def by_counts(metric: Metric, labels: Codes, values: Floats, groups: Codes) -> Rule:
    """The fewer rows a class has the nearer its bias is to none."""
    counts = np.bincount(labels, minlength=values.shape[1])
    numbers = np.array(class_biases(metric, labels, values).numbers) * counts / (counts + PRIOR)
    return Rule("class_biases", tuple(numbers.tolist()))


def bagged(metric: Metric, labels: Codes, values: Floats, groups: Codes) -> Rule:
    """The mean over bootstrap samples of groups."""
    random, found = np.random.default_rng(0), []
    names, local = np.unique(groups, return_inverse=True)
    for _ in range(BAGS):
        times = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))[local]
        rows = np.repeat(np.arange(len(labels)), times)
        found.append(class_biases(metric, labels[rows], values[rows]).numbers)
    return Rule("class_biases", tuple(np.mean(found, axis=0).tolist()))


def halves(most: int) -> Biases:
    """The mean over random halves of the rows, or so many of them."""

    def biases(metric: Metric, labels: Codes, values: Floats, groups: Codes) -> Rule:
        random, found = np.random.default_rng(0), []
        for _ in range(BAGS):
            rows = random.permutation(len(labels))[: min(max(len(labels) // 2, 1), most)]
            found.append(class_biases(metric, labels[rows], values[rows]).numbers)
        return Rule("class_biases", tuple(np.mean(found, axis=0).tolist()))

    return biases


# How class biases are learned for each candidate as they are compared, and how for what is shipped.
BIASES: Mapping[str, tuple[Biases, Biases]] = {
    "plain": (plain, plain),
    "shrunk .75": (shrunk(0.75), shrunk(0.75)),
    "shrunk .5": (shrunk(0.5), shrunk(0.5)),
    "by counts": (by_counts, by_counts),
    "bagged": (bagged, bagged),
    "bagged last": (plain, bagged),
    "halves last": (plain, halves(10**9)),
    "500 last": (plain, halves(500)),
}


@dataclass(frozen=True)
class Tuned:
    """Predictions under the best decision rule: ``scored`` is what the metric is given of the rows, each fold's labels
    by a rule of the others, ``kept`` the same of kept rows."""

    inside: Floats
    outside: Floats
    scored: Floats
    score: float
    kept: Floats


def tune(draw: Draw, inside: Floats, outside: Floats, biases: Biases) -> Tuned:
    rows, metric = draw.rows, draw.metric
    found = []
    for kind in target_of(draw.task).rules(draw.task, metric):

        def rule(chosen: np.ndarray, kind: str = kind) -> Rule:
            labels, values = rows.labels[chosen], inside[chosen]
            if kind == "class_biases":
                return biases(metric, labels, values, rows.groups[chosen])
            return cut_points(metric, labels, values) if kind == "cut_points" else Rule(kind)

        if metric.of_counts is None:
            scored, kept = inside, outside
        else:
            decided = np.zeros_like(rows.labels)
            for held in (rows.fold == each for each in np.unique(rows.fold)):
                decided[held] = rule(~held).decide(inside[held])
            one_hot = np.eye(inside.shape[1])
            scored = one_hot[decided]
            kept = one_hot[rule(np.ones(len(decided), dtype=bool)).decide(outside)]
        found.append(Tuned(inside, outside, scored, metric.sign * score(metric, rows.labels, scored), kept))
    return max(found, key=lambda each: each.score)


Candidates = Mapping[str, Tuned]


def candidates_of(draw: Draw, biases: Biases) -> dict[str, Tuned]:
    """Each with its best variant, in the order of preference."""
    found: dict[str, Tuned] = {}
    for position, name in enumerate(draw.names):
        tuned = tune(draw, draw.inside[position], draw.outside[position], biases)
        if name not in found or tuned.score > found[name].score:
            found[name] = tuned
    return found


def today(draw: Draw, found: Candidates, biases: Biases) -> Tuned:
    """The better of the simple ones unless the best of all is better beyond noise."""
    simple = [name for name in found if name in target_of(draw.task).simple]
    others = [name for name in found if name not in simple]
    rival, top = (max(names, key=lambda name: found[name].score) for names in (simple, found))
    if top in simple:
        return found[rival]
    scored = [found[name].scored for name in (rival, *others)]
    drawn = draw.metric.sign * bootstraps(draw.metric, draw.rows.labels, scored, draw.rows.groups)
    gains = np.array([found[name].score - found[rival].score for name in others])
    p_value = reality_check(gains, drawn[1:] - drawn[0])
    return found[top] if p_value < LEVEL else found[rival]


def best(draw: Draw, found: Candidates, biases: Biases) -> Tuned:
    return max(found.values(), key=lambda each: each.score)


def half_error(draw: Draw, found: Candidates, biases: Biases) -> Tuned:
    """The simplest that is at most half a standard error of the best behind it."""
    top = best(draw, found, biases)
    error = np.nanstd(bootstrap(draw.metric, draw.rows.labels, top.scored, draw.rows.groups))
    return next(each for each in found.values() if each.score >= top.score - 0.5 * error)


def mean_within(errors: float) -> Callable[[Draw, Candidates, Biases], Tuned]:
    """Of all that cannot be told from the best: at most so many standard errors of the paired difference behind it."""

    def mean_of_ties(draw: Draw, found: Candidates, biases: Biases) -> Tuned:
        top, metric, rows = best(draw, found, biases), draw.metric, draw.rows
        own, *others = bootstraps(
            metric, rows.labels, [top.scored, *(each.scored for each in found.values())], rows.groups
        )
        ties = [
            each
            for each, draws in zip(found.values(), others, strict=True)
            if top.score - each.score <= errors * np.nanstd(own - draws)
        ]
        inside, outside = (np.mean([getattr(each, part) for each in ties], axis=0) for part in ("inside", "outside"))
        return tune(draw, inside, outside, biases)

    return mean_of_ties


def mean_of(count: int) -> Callable[[Draw, Candidates, Biases], Tuned]:
    def best_few(draw: Draw, found: Candidates, biases: Biases) -> Tuned:
        few = sorted(found.values(), key=lambda each: -each.score)[:count]
        parts = [(each.inside, each.outside) for each in few]
        inside, outside = (np.mean(part, axis=0) for part in zip(*parts, strict=True))
        return tune(draw, inside, outside, biases)

    return best_few


def with_plain_mean(draw: Draw, found: Candidates, biases: Biases) -> Tuned:
    """Half of the best candidate, half of the plain mean."""
    top, mean = best(draw, found, biases), found[target_of(draw.task).simple[1]]
    return tune(draw, (top.inside + mean.inside) / 2, (top.outside + mean.outside) / 2, biases)


def super_learner(draw: Draw, found: Candidates, biases: Biases) -> Tuned:
    """Candidates weighed by the likelihood of the labels under their blend (van der Laan et al. 2007)."""
    columns = len(draw.task.columns)
    inside, outside = (
        np.stack([getattr(each, part) for each in found.values()], axis=1) for part in ("inside", "outside")
    )
    labels = draw.rows.labels
    if draw.task.classes:
        blend = Simplex(len(found), columns).fit(inside.reshape(len(inside), -1), np.asarray(labels, dtype=np.int64))
        weights = blend.weights_
    else:
        weights = SimplexOfNumbers(len(found), "mae").fit(inside[:, :, 0], labels.astype(np.float64)).weights_
    inside, outside = (np.einsum("rcl,c->rl", part, weights) for part in (inside, outside))
    return tune(draw, inside, outside, biases)


CHOICES: Mapping[str, Callable[[Draw, Candidates, Biases], Tuned]] = {
    "today": today,
    "best": best,
    "half an error": half_error,
    "mean of 3": mean_of(3),
    "mean of 5": mean_of(5),
    "mean of all": mean_of(99),
    "mean within .5": mean_within(0.5),
    "mean within 1": mean_within(1.0),
    "mean within 1.5": mean_within(1.5),
    "mean within 2": mean_within(2.0),
    "half plain mean": with_plain_mean,
    "super learner": super_learner,
}


def regrets(path: Path, rules: Sequence[str], ways: Sequence[str]) -> list[dict[str, object]]:
    draw = Draw.read(path)
    *start, size, number = path.stem.split("_")
    scored, hindsight, compared = [], -np.inf, {}
    for way in ways if draw.metric.of_counts else ["plain"]:
        first, last = BIASES[way]
        if first not in compared:
            compared[first] = candidates_of(draw, first)
        found = compared[first]
        hindsight = max(hindsight, *(draw.judge(each.kept) for each in found.values()))
        chosen = {name: CHOICES[name](draw, found, first) for name in rules}
        chosen["plain mean"] = found[target_of(draw.task).simple[1]]
        for name, each in chosen.items():
            shipped = each if last is first else tune(draw, each.inside, each.outside, last)
            scored.append((name, way, draw.judge(shipped.kept)))
    common = {"pool": start[0], "task": "_".join(start), "size": int(size), "draw": int(number)}
    return [{**common, "rule": name, "biases": way, "score": s, "regret": hindsight - s} for name, way, s in scored]


def table(found: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean regret over tasks of equal weight, and the worst task's; in hundredths."""
    each = 100 * found.groupby([*by, "pool", "task", "size"])["regret"].mean()
    by_size = each.groupby([*by, "size"]).mean().unstack()
    return by_size.assign(mean=by_size.mean(axis=1), worst=each.groupby(list(by)).max()).sort_values("mean").round(2)


DRAWN = {  # line: rule, biases
    "best score": ("best", "plain"),
    "plain mean": ("plain mean", "plain"),
    "simple unless beaten beyond noise": ("today", "plain"),
    "mean of ties, averaged biases": ("mean within 1.5", "bagged"),
}


def draw_figure(found: pd.DataFrame, path: Path) -> None:
    """Mean regret by the number of rows, a panel per pool."""
    from matplotlib.figure import Figure

    pools = list(dict.fromkeys(found["pool"]))
    figure = Figure(figsize=(3.1 * len(pools), 3.2), layout="constrained")
    for axes, pool in zip(figure.subplots(1, len(pools), squeeze=False)[0], pools, strict=True):
        part = found[found["pool"] == pool]
        for label, (rule, biases) in DRAWN.items():
            known = part[(part["rule"] == rule) & part["biases"].isin([biases if pool != "mosi" else "plain"])]
            line = 100 * known.groupby("size")["regret"].mean()
            axes.plot(line.index, line.to_numpy(), marker="o", label=label)
        axes.set(title=pool, xscale="log", xlabel="rows", xticks=sorted(part["size"].unique()), ylim=(0, None))
        axes.set_xticks(sorted(part["size"].unique()), map(str, sorted(part["size"].unique())))
        axes.minorticks_off()
    figure.axes[0].set_ylabel("regret, hundredths")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(DRAWN), fontsize=8)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--figure", type=Path, help="an SVG or PNG of some rules, by the number of rows")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rules", nargs="+", choices=CHOICES, default=list(CHOICES))
    parser.add_argument("--biases", nargs="+", choices=BIASES, default=list(BIASES))
    options = parser.parse_args()
    if not options.show:
        paths = sorted(options.folder.glob("*[0-9].npz"), key=lambda path: int(path.stem.split("_")[-1]))
        found = []
        calls = (delayed(regrets)(path, options.rules, options.biases) for path in paths)
        for part in Parallel(options.jobs, return_as="generator")(calls):
            found += part  # one draw of everything, then the next: stopped early, it is even
            if len(found) % 20 < len(part):
                pd.DataFrame(found).to_parquet(options.out)
        pd.DataFrame(found).to_parquet(options.out)
    everything = pd.read_parquet(options.out)
    for pool, part in everything.groupby("pool"):
        print(f"\n{pool}\n{table(part, ['rule', 'biases'] if pool != 'mosi' else ['rule']).to_string()}")
    if options.figure:
        draw_figure(everything, options.figure)


if __name__ == "__main__":
    main()
