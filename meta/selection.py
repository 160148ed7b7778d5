"""Which candidates, with which parameters and decision rule: the mean of all that cannot be told from the best.

The best of many candidates owes its place in part to luck, most so on few rows, and so does one that is preferred for
being simple. Those whose scores differ by no more than chance are averaged instead, which needs no decision between
them: of eleven rules of choice it alone had less regret on kept rows than to prefer what is simple on each of MVSA,
Memotion, CMU-MOSI and drawn worlds (benchmarks/choosing.py). Whether anything is shown to be better than what is simple
is another question, asked apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats, Task
from ensemble.metrics import Metric, bootstraps, metric_of, score
from ensemble.targets import Labels
from meta.records import TIED
from meta.rules import LearnRule, Rule, averaged_rule, cross_decide, fit_rule
from meta.targets import target_of

LEVEL = 0.05


@dataclass(frozen=True)
class SelectionData:
    """The rows a choice is made on: labels (rows,), some unknown; folds and groups of copies of the same rows."""

    task: Task
    labels: Labels
    fold: Codes
    groups: Codes

    @property
    def metric(self) -> Metric:
        return metric_of(self.task)

    def take(self, rows: npt.NDArray[np.bool_]) -> "SelectionData":
        return SelectionData(self.task, self.labels[rows], self.fold[rows], self.groups[rows])


@dataclass(frozen=True)
class TunedCandidate:
    """A candidate's best variant and decision rule on some rows. ``scored`` (rows, columns) is what the metric is
    given: probabilities, numbers, or one-hot labels by the rule of each fold, learned on the others; ``score`` is
    signed, so that more is better."""

    variant: int
    rule: Rule
    scored: Floats
    score: float


@dataclass(frozen=True)
class Selection:
    """``members`` are the candidates whose mean is taken, the best first, ``rule`` that of the mean. ``rival`` is the
    better of the simple candidates, ``best`` of all, ``p_value`` how easily chance alone lets the best of so many be
    that much better; ``tried`` is how many had to beat the rival. ``tuned`` has nothing to do with `ensemble tune`: it
    is what each candidate is set to on these rows."""

    members: tuple[str, ...]
    rule: Rule
    tuned: dict[str, TunedCandidate]
    rival: str
    p_value: float
    tried: int

    @property
    def best(self) -> str:
        return self.members[0]

    @property
    def proven(self) -> bool:
        """Whether the best is better than what is simple beyond noise."""
        return self.best != self.rival and self.p_value < LEVEL

    def mean(self, candidates: Mapping[str, Sequence[Floats]]) -> Floats:
        """(rows, columns) of the members, as they are set, from per candidate the predictions of its variants."""
        return mean_of(candidates, self.tuned, self.members)


def mean_of(
    candidates: Mapping[str, Sequence[Floats]], tuned: Mapping[str, TunedCandidate], names: Sequence[str]
) -> Floats:
    """(rows, columns) of the candidates ``names``, each with its ``tuned`` variant."""
    total = sum(candidates[name][tuned[name].variant] for name in names)
    return np.asarray(total / len(names))


def tune(rows: SelectionData, variants: Sequence[Floats], learn: LearnRule = fit_rule) -> TunedCandidate:
    """The variant and rule with the best score on these rows, rules cross-fitted over their folds; of equally good
    ones the first and simplest."""
    metric, found = rows.metric, []
    for variant, values in enumerate(variants):
        for kind in target_of(rows.task).rules(rows.task, metric):
            scored = values
            if metric.of_counts:
                decided = cross_decide(kind, metric, rows.labels, values, rows.fold, learn)
                scored = np.eye(values.shape[1])[decided]
            merit = metric.sign * score(metric, rows.labels, scored)
            found.append((np.nan_to_num(merit, nan=-np.inf), variant, kind, scored))
    merit, variant, kind, scored = max(found, key=lambda entry: entry[0])
    return TunedCandidate(variant, learn(kind, metric, rows.labels, variants[variant]), scored, float(merit))


def rule_of(rows: SelectionData, values: Floats) -> Rule:
    """The rule for (rows, columns) predictions that are finished: of the kinds there are the one with the best score,
    learned on all of these rows."""
    return tune(rows, [values], averaged_rule).rule


def select(rows: SelectionData, candidates: Mapping[str, Sequence[Floats]]) -> Selection:
    """Choose on these rows from per candidate the predictions (rows, columns) of its variants."""
    metric, names = rows.metric, list(candidates)
    tuned = {name: tune(rows, variants) for name, variants in candidates.items()}
    simple = [name for name in names if name in target_of(rows.task).simple] or names[:1]
    rival, best = (max(some, key=lambda name: tuned[name].score) for some in (simple, names))
    merits = np.array([tuned[name].score for name in names])
    # Draws are of the same groups for all, so differences are paired: what is hard in a draw is hard for both, and
    # scatters less than either score.
    drawn = metric.sign * bootstraps(metric, rows.labels, [tuned[name].scored for name in names], rows.groups)
    members = sorted(np.array(names)[ties(merits, drawn)].tolist(), key=lambda name: -tuned[name].score)
    rule = rule_of(rows, mean_of(candidates, tuned, members))
    others = [name for name in names if name not in simple]
    scored = [names.index(name) for name in others if np.isfinite(tuned[name].score)]
    p_value = 1.0
    if best not in simple and np.isfinite(tuned[rival].score):
        p_value = reality_check(merits[scored] - tuned[rival].score, drawn[scored] - drawn[names.index(rival)])
    return Selection(tuple(members), rule, tuned, rival, p_value, len(others))


def ties(merits: Floats, drawn: Floats) -> npt.NDArray[np.bool_]:
    """(candidates,) which cannot be told from the best of the signed scores (candidates,), whose paired bootstrap draws
    are (candidates, draws): behind it by no more than TIED standard errors of the difference."""
    best = int(merits.argmax())
    differences = [draws[np.isfinite(draws)] for draws in drawn[best] - drawn]  # without a class there may be no score
    errors = [draws.std() if len(draws) else 0.0 for draws in differences]
    return np.asarray(merits >= merits[best] - TIED * np.array(errors))


def reality_check(gains: Floats, draws: Floats) -> float:
    """How easily chance alone makes the best of the others so much better than the rival, from how much better each is
    (others,), also in paired bootstrap draws (others, draws): the larger of two shares of these. In White's reality
    check (2000) the largest difference is set against the largest of its centred draws, so that trying more candidates
    raises the bar. And the best must really be better in the draws: where a score hangs on a few rows of a rare class,
    centring hides how often they are missing."""
    draws = draws[:, np.isfinite(draws).all(axis=0)]
    best = int(gains.argmax())
    if not draws.size:
        return 1.0
    # Centred at what was seen, draws show how far the differences scatter if none were real: the null hypothesis.
    by_chance = (draws - gains[:, None]).max(axis=0) >= gains[best]
    return float(max(by_chance.mean(), (draws[best] <= 0).mean()))
