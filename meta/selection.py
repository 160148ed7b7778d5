"""Which candidate, with which parameters and decision rule: the simplest that nothing beats beyond noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Floats, Task
from ensemble.metrics import Metric, bootstraps, metric_of, score
from ensemble.targets import Labels
from meta.rules import Rule, cross_decide, fit_rule
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
    """``name`` is the chosen candidate. ``rival`` is the better of the simple ones, ``best`` of all, ``p_value`` how
    easily chance alone lets the best of so many be that much better; ``tried`` is how many had to beat the rival.
    ``tuned`` has nothing to do with `ensemble tune`: it is what each candidate is set to on these rows."""

    name: str
    tuned: dict[str, TunedCandidate]
    rival: str
    best: str
    p_value: float
    tried: int

    @property
    def fallback(self) -> bool:
        """Whether other candidates were there, and none was good enough to be preferred to what is simple."""
        return self.name == self.rival and self.tried > 0


def tune(rows: SelectionData, variants: Sequence[Floats]) -> TunedCandidate:
    """The variant and rule with the best score on these rows, rules cross-fitted over their folds; of equally good
    ones the first and simplest."""
    metric, found = rows.metric, []
    for variant, values in enumerate(variants):
        for kind in target_of(rows.task).rules(rows.task, metric):
            scored = values
            if metric.of_counts:
                decided = cross_decide(kind, metric, rows.labels, values, rows.fold)
                scored = np.eye(values.shape[1])[decided]
            merit = metric.sign * score(metric, rows.labels, scored)
            found.append((np.nan_to_num(merit, nan=-np.inf), variant, kind, scored))
    merit, variant, kind, scored = max(found, key=lambda entry: entry[0])
    return TunedCandidate(variant, fit_rule(kind, metric, rows.labels, variants[variant]), scored, float(merit))


def select(rows: SelectionData, candidates: Mapping[str, Sequence[Floats]]) -> Selection:
    """Choose on these rows from per candidate the predictions (rows, columns) of its variants."""
    tuned = {name: tune(rows, variants) for name, variants in candidates.items()}
    simple = [name for name in candidates if name in target_of(rows.task).simple] or list(candidates)[:1]
    others = [name for name in candidates if name not in simple]
    rival = max(simple, key=lambda name: tuned[name].score)
    best = max(tuned, key=lambda name: tuned[name].score)
    if best in simple:
        return Selection(rival, tuned, rival, rival, 1.0, len(others))
    p_value = reality_check(rows, tuned[rival].scored, [tuned[name].scored for name in others])
    return Selection(best if p_value < LEVEL else rival, tuned, rival, best, p_value, len(others))


def reality_check(rows: SelectionData, rival: Floats, others: Sequence[Floats]) -> float:
    """How easily chance alone makes the best of the others so much better than the rival: the larger of two shares of
    paired bootstrap draws. In White's reality check (2000) the largest difference is set against the largest of its
    centred draws, so that trying more candidates raises the bar. And the best must really be better in the draws: where
    a score hangs on a few rows of a rare class, centring hides how often they are missing."""
    metric = rows.metric
    # Draws are of the same groups for all, so differences are paired: what is hard in a draw is hard for both, and
    # scatters less than either score.
    scored = [rival, *others]
    merits = metric.sign * np.array([score(metric, rows.labels, each) for each in scored])
    drawn = metric.sign * bootstraps(metric, rows.labels, scored, rows.groups)
    gains, draws = merits[1:] - merits[0], drawn[1:] - drawn[0]
    draws = draws[:, np.isfinite(draws).all(axis=0)]  # a draw without a class may have no score
    best = int(gains.argmax())
    if not draws.size:
        return 1.0
    # Centred at what was seen, draws show how far the differences scatter if none were real: the null hypothesis.
    by_chance = (draws - gains[:, None]).max(axis=0) >= gains[best]
    return float(max(by_chance.mean(), (draws[best] <= 0).mean()))
