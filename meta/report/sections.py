"""What the page shows of one task: its figures drawn, its lists cut to what a reader can take in."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from meta.report.board import MEASURES, Model, as_papers_report, leaderboard, shown
from meta.report.charts import SERIES, Mark, correlation_map, curve_plot, fold_plot, interval_plot, reliability_plot
from meta.report.gallery import posts
from meta.report.shares import shares
from meta.wording import leak, spoken

LINES, MAP, CURVES, PAIRS, CONFLICTS = 32, 24, 6, 5, 12
SAME = 0.0005
NOT_MEASURES = {"fold", "seed", "epoch", "lr", "seconds"}


def section(facts: Mapping[str, Any], report: Mapping[str, Any], root: Path, room: int) -> dict[str, Any]:
    """Everything the template needs for one task; ``room`` is how many posts each gallery shows."""
    task = report["task"]
    board = leaderboard(report)
    best = [model.name for model in board if model.kind == "learner"]
    label_issues = facts["suspects"].get(task, {"labels": [], "conflicts": []})
    suspected = {row["id"] for row in label_issues["labels"][:room]}
    hardest = [row for row in facts["hardest"].get(task, []) if row["id"] not in suspected]
    return {
        "report": report,
        "board": board,
        "measures": MEASURES,
        "papers": as_papers_report(
            board, report, facts["contributions"].get(task, {}).get("cost", {}), facts["seeds"].get(task, {})
        ),
        "scores": _scores(board, report),
        "folds": _folds(board, report),
        "reliability": _reliability(facts["reliability"].get(task, {}), task),
        "curves": _curves(facts["curves"], task, best),
        "diversity": _diversity(facts["diversity"].get(task), best, task),
        "contributions": shares(facts["contributions"].get(task), report),
        "leaks": {name: [leak(sign) for sign in signs] for name, signs in facts["leaks"].get(task, {}).items()},
        "suspects": {"posts": posts(label_issues["labels"], root, room), "found": len(label_issues["labels"])},
        "hardest": {"posts": posts(hardest, root, room), "found": len(hardest)},
        "conflicts": {
            "rows": label_issues["conflicts"][:CONFLICTS],
            "found": facts["audit"]["conflicting_labels"].get(task, len(label_issues["conflicts"])),
        },
    }


def _scores(board: Sequence[Model], report: Mapping[str, Any]) -> dict[str, Any]:
    models = shown(board, LINES)
    marks = [Mark(model.title, model.scored, model.kind, strong=model.kind == "stack") for model in models]
    label = f"{spoken(report['metric'])} of every model for {report['task']}, with 95 % intervals, as in the table"
    origin = report["stack"]["metrics"][report["metric"]]["value"] if report["stack"].get("rows") else None
    return {"plot": interval_plot(marks, label, origin) if marks else "", "left_out": len(board) - len(models)}


def _folds(board: Sequence[Model], report: Mapping[str, Any]) -> Markup | str:
    models = shown(board, LINES)
    values = [(model.card.get("folds") or {"values": []})["values"] for model in models]
    label = f"{spoken(report['metric'])} of {report['task']} in each fold, for the stack and the best of its rivals"
    return fold_plot([model.title for model in models], values, label) if any(values) else ""


def _reliability(found: Mapping[str, Any], task: str) -> dict[str, Any]:
    """The first models, as many as the eye can tell apart."""
    names = list(found)[: len(SERIES)]
    legend = [(SERIES[position], name, found[name]["ece"]) for position, name in enumerate(names)]
    label = f"reliability of the probabilities for {task}: share that is right against confidence"
    plot = reliability_plot({name: found[name] for name in names}, label) if names else ""
    same = [(name, other) for other, name in combinations(names, 2) if _coincide(found[name], found[other])]
    return {"plot": plot, "legend": legend, "same": same, "left_out": len(found) - len(names)}


def _coincide(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two reliability curves are one line to the eye."""
    return all(
        len(one[axis]) == len(other[axis]) and np.allclose(one[axis], other[axis], rtol=0, atol=SAME)
        for axis in ("confidence", "accuracy")
    )


def _curves(curves: Mapping[str, Any], task: str, best: Sequence[str]) -> dict[str, Any]:
    """Loss per epoch of every learner that has a curve, and its first other measure, the best learners first."""
    names = [name for name in best if curves.get(name, {}).get(task)]
    names += [name for name, tasks in curves.items() if tasks.get(task) and name not in names]
    drawn = []
    for name in names[:CURVES]:
        rows = curves[name][task]
        columns = dict.fromkeys(key for row in rows for key in row)
        measures = [column for column in columns if column not in NOT_MEASURES]
        plots = [_curve(rows, measure, f"{measure} per epoch of {name} for {task}") for measure in measures[:2]]
        drawn += [(name, plot) for plot in plots if plot]
    return {"plots": drawn, "left_out": max(len(names) - CURVES, 0)}


def _curve(rows: Sequence[Mapping[str, Any]], measure: str, label: str) -> Markup | str:
    folds: dict[Any, list[tuple[float, float]]] = {}
    for row in rows:
        if row.get(measure) is not None:
            folds.setdefault((row.get("seed"), row["fold"]), []).append((row["epoch"], row[measure]))
    return curve_plot(folds, spoken(measure), label) if folds else ""


def _diversity(found: Mapping[str, Any] | None, best: Sequence[str], task: str) -> dict[str, Any] | None:
    """The map of the best learners' error correlations, and the pairs that err most alike."""
    if not found or len(found["learners"]) < 2:
        return None
    names, errors, statistic = found["learners"], found["error_correlation"], found["q_statistic"]
    kept = [names.index(name) for name in best if name in names][:MAP]
    matrix = [[errors[y][x] for x in kept] for y in kept]
    known = [(y, x) for y, x in combinations(range(len(names)), 2) if errors[y][x] is not None]
    pairs = sorted(known, key=lambda pair: -errors[pair[0]][pair[1]])[:PAIRS]
    label = f"correlation of the learners' errors for {task}, learner by learner"
    return {
        "plot": correlation_map([names[position] for position in kept], matrix, label) if len(kept) > 1 else "",
        "left_out": len(names) - len(kept),
        "pairs": [(names[y], names[x], errors[y][x], statistic[y][x]) for y, x in pairs],
    }
