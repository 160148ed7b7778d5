"""What the page shows of one task: its figures drawn, its lists cut to what a reader can take in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from ensemble.modalities import NOTHING, UNKNOWN
from meta.records import LabelConflict, StackReport
from meta.report.charts import (
    SERIES,
    IntervalRow,
    correlation_map,
    curve_plot,
    fold_plot,
    interval_plot,
    reliability_plot,
)
from meta.report.class_section import ClassTable, class_tables
from meta.report.contribution_section import ContributionSection, contribution_section
from meta.report.facts import CurveRow, TaskFacts
from meta.report.gallery import Gallery, make_gallery
from meta.report.inside_section import InsideSection, inside_section
from meta.report.leaderboard import (
    Model,
    PaperRow,
    make_leaderboard,
    most_telling,
    paper_metrics,
    paper_table,
    shown_metrics,
)
from meta.report.number_section import NumberSection, number_section
from meta.report.reliability import Reliability
from meta.report.variant_section import VariantTable, variant_tables
from meta.wording import display_name

MAX_ROWS, MAX_LEARNERS, MAX_CURVES, MAX_PAIRS, MAX_CONFLICTS, MAX_COURSES = 32, 24, 6, 5, 12, 6
SAME = 0.0005  # of a share: no eye can tell it
DRAWN_AS = {"baseline": "muted"}
NOT_MEASURES = {"fold", "seed", "epoch", "lr", "seconds"}


@dataclass(frozen=True)
class Plot:
    """A figure, empty where there is nothing to draw, and how many models it leaves out."""

    plot: str
    left_out: int


@dataclass(frozen=True)
class ReliabilitySection(Plot):
    """``legend``: colour, name and ECE of each line; ``same``: pairs of lines that are one to the eye."""

    legend: Sequence[tuple[str, str, float | None]]
    same: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class DiversitySection(Plot):
    """``pairs``: two learners, the correlation of their errors, their Q-statistic, the most alike first."""

    pairs: Sequence[tuple[str, str, float | None, float | None]]


@dataclass(frozen=True)
class TaskSection:
    """Everything the template needs for one task; ``curves`` are figures by learner, ``conflicts`` the first of
    ``conflicts_total``; ``metrics`` stand in the leaderboard, ``paper_metrics`` in the table of papers."""

    facts: TaskFacts
    leaderboard: Sequence[Model]
    metrics: Sequence[str]
    paper_metrics: Sequence[str]
    paper_table: Sequence[PaperRow]
    class_tables: Sequence[ClassTable]
    variants: Sequence[VariantTable]
    scores: Plot
    folds: str
    reliability: ReliabilitySection
    numbers: NumberSection | None
    curves: Sequence[tuple[str, str]]
    curves_left_out: int
    diversity: DiversitySection | None
    contributions: ContributionSection | None
    inside: InsideSection
    label_issues: Gallery
    hardest: Gallery
    conflicts: Sequence[LabelConflict]
    conflicts_total: int

    @property
    def report(self) -> StackReport:
        return self.facts.report


def task_section(
    facts: TaskFacts, conflicts_total: int, root: Path, limit: int, modality: Mapping[str, str]
) -> TaskSection:
    """The section of a task; each gallery shows at most ``limit`` posts, with images from below ``root``; ``modality``
    is what each learner looks at."""
    leaderboard = make_leaderboard(facts)
    best = [model.name for model in leaderboard if model.kind == "learner"]
    label_issues = make_gallery(facts.label_issues, root, limit)
    among_issues = {card.post["id"] for card in label_issues.posts}
    curves, curves_left_out = _curves(facts, best)
    return TaskSection(
        facts=facts,
        leaderboard=leaderboard,
        metrics=shown_metrics(facts),
        paper_metrics=paper_metrics(facts),
        paper_table=paper_table(leaderboard, facts),
        class_tables=class_tables(leaderboard, facts),
        variants=variant_tables(facts, modality),
        scores=_scores(leaderboard, facts.report),
        folds=_folds(leaderboard, facts.report),
        reliability=_reliability(facts.reliability, facts.name),
        numbers=number_section(facts.numbers, facts.name, ["stack", *_best_of_each(best, modality)][:MAX_COURSES]),
        curves=curves,
        curves_left_out=curves_left_out,
        diversity=_diversity(facts, best),
        contributions=contribution_section(facts),
        inside=inside_section(facts),
        label_issues=label_issues,
        hardest=make_gallery([post for post in facts.hardest if post["id"] not in among_issues], root, limit),
        conflicts=facts.conflicts[:MAX_CONFLICTS],
        conflicts_total=conflicts_total,
    )


def _best_of_each(best: Sequence[str], modality: Mapping[str, str]) -> list[str]:
    """The best learner of each modality, and of each of their combinations that some learner looks at."""
    first: dict[str, str] = {}
    for name in best:
        first.setdefault(modality.get(name, UNKNOWN), name)
    return [name for looked_at, name in first.items() if looked_at != NOTHING]


def _scores(leaderboard: Sequence[Model], report: StackReport) -> Plot:
    models = most_telling(leaderboard, MAX_ROWS)
    rows = [IntervalRow(m.title, m.score, DRAWN_AS.get(m.kind, m.kind), strong=m.kind == "stack") for m in models]
    metric = report["metric"]
    label = f"{display_name(metric)} of every model for {report['task']}, with 95 % intervals, as in the table"
    origin = report["stack"]["metrics"][metric]["value"] if report["stack"].get("rows") else None
    return Plot(interval_plot(rows, label, origin) if rows else "", len(leaderboard) - len(models))


def _folds(leaderboard: Sequence[Model], report: StackReport) -> str:
    models = most_telling(leaderboard, MAX_ROWS)
    values = [(model.card.get("folds") or {"values": []})["values"] for model in models]
    metric = display_name(report["metric"])
    label = f"{metric} of {report['task']} in each fold, for the stack and the best of its rivals"
    return fold_plot([model.title for model in models], values, label) if any(values) else ""


def _reliability(models: Mapping[str, Reliability], task: str) -> ReliabilitySection:
    """The first models, as many as the eye can tell apart."""
    curves = {name: models[name] for name in list(models)[: len(SERIES)]}
    label = f"reliability of the probabilities for {task}: share that is right against confidence"
    return ReliabilitySection(
        plot=reliability_plot(curves, label) if curves else "",
        left_out=len(models) - len(curves),
        legend=[(colour, name, curve.ece) for colour, (name, curve) in zip(SERIES, curves.items(), strict=False)],
        same=[(name, other) for other, name in combinations(curves, 2) if _coincide(curves[name], curves[other])],
    )


def _coincide(curve: Reliability, other: Reliability) -> bool:
    """Whether two reliability curves are one line to the eye."""
    pairs = ((curve.confidence, other.confidence), (curve.accuracy, other.accuracy))
    return all(len(left) == len(right) and np.allclose(left, right, rtol=0, atol=SAME) for left, right in pairs)


def _curves(facts: TaskFacts, best: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """Loss per epoch of every learner that has a curve, and its first other measure, the best learners first; and how
    many learners are left out."""
    names = [name for name in best if name in facts.curves]
    names += [name for name in facts.curves if name not in names]
    plots = []
    for name in names[:MAX_CURVES]:
        rows = facts.curves[name]
        measures = [
            column for column in dict.fromkeys(key for row in rows for key in row) if column not in NOT_MEASURES
        ]
        drawn = [_curve(rows, measure, f"{measure} per epoch of {name} for {facts.name}") for measure in measures[:2]]
        plots += [(name, plot) for plot in drawn if plot]
    return plots, max(len(names) - MAX_CURVES, 0)


def _curve(rows: Sequence[CurveRow], measure: str, label: str) -> str:
    folds: dict[object, list[tuple[float, float]]] = {}
    for row in rows:
        epoch, value = row["epoch"], row.get(measure)
        if epoch is not None and value is not None:
            folds.setdefault((row.get("seed"), row["fold"]), []).append((epoch, value))
    return curve_plot(folds, display_name(measure), label) if folds else ""


def _diversity(facts: TaskFacts, best: Sequence[str]) -> DiversitySection | None:
    """The map of the best learners' error correlations, and the pairs that err most alike."""
    names, errors = facts.diversity["learners"], facts.diversity["error_correlation"]
    if len(names) < 2:
        return None
    kept = [names.index(name) for name in best if name in names][:MAX_LEARNERS]
    matrix = [[errors[y][x] for x in kept] for y in kept]
    known = [(y, x) for y, x in combinations(range(len(names)), 2) if errors[y][x] is not None]
    alike = sorted(known, key=lambda pair: -(errors[pair[0]][pair[1]] or 0.0))[:MAX_PAIRS]
    label = f"correlation of the learners' errors for {facts.name}, learner by learner"
    return DiversitySection(
        plot=correlation_map([names[position] for position in kept], matrix, label) if len(kept) > 1 else "",
        left_out=len(names) - len(kept),
        pairs=[(names[y], names[x], errors[y][x], facts.diversity["q_statistic"][y][x]) for y, x in alike],
    )
