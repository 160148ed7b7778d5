"""Everything a report shows, as plain JSON: gathered from finished stacks, none of which is fitted or chosen here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.metrics import BINS, metric_named, score
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.scoring import finite
from ensemble.store import CURVE, Job
from ensemble.system.files import read_json
from ensemble.system.progress import Track, silent
from meta.contributions import contributions
from meta.diversity import diversity
from meta.label_issues import conflicts, hardest, label_issues
from meta.leaks import leak_signs
from meta.report.families import table7
from meta.stack import read_stack
from meta.stack_report import PLAIN, best_single
from meta.summary import subtasks, summarise
from meta.table import MetaTable, StackSettings, assemble

Floats = npt.NDArray[np.float64]

GALLERY = 12  # posts of a kind, per task


def gather(run: Run, settings: StackSettings, audit: Mapping[str, Any], track: Track = silent) -> dict[str, Any]:
    """The facts of all tasks; raises StoreError where a stack is missing or stale. ``audit`` is of the dataset."""
    inside = run.data.take(run.plan.inside)
    tasks = run.data.tasks
    inputs = {task.name: assemble(run, task, settings) for task in tasks}
    tables = {name: one.table for name, one in inputs.items()}
    stacks = {name: read_stack(run, one) for name, one in inputs.items()}
    reports = [stack.report for stack in stacks.values()]
    modality = {name: run.modality(name, task) for task in tasks for name in tables[task.name].learners}
    each: dict[str, dict[str, Any]] = {}
    for task in track(tasks, "tasks accounted for", len(tasks)):
        each[task.name] = _of_task(run, tables[task.name], stacks[task.name].oof, inside, modality)
    by_kind = {kind: {name: facts[kind] for name, facts in each.items()} for kind in next(iter(each.values()))}
    return {
        "title": run.store.root.resolve().name,
        **summarise(run, tables),
        "test_rows": len(run.plan.outside),
        "tasks": reports,
        "modality": modality,
        "table7": table7(run.data, tables, {name: stack.oof for name, stack in stacks.items()}, modality, inside),
        "table8": [_best_candidate(report, _subtask_of(run.data, report["task"])) for report in reports],
        **by_kind,
        "curves": {name: _curves(run, name, tasks) for name in modality},
        "audit": dict(audit),
        "provenance": read_json(run.store.record) if run.store.record.is_file() else dict(run.identity),
    }


def _of_task(
    run: Run, table: MetaTable, oof: Predictions, inside: Dataset, modality: Mapping[str, str]
) -> dict[str, Any]:
    task = table.task
    costs = {name: run.cost(name, task) for name in table.learners}
    single = best_single(table)
    models = {
        "stack": oof.take(table.ids),
        PLAIN: table.plain_mean,
        f"best single ({single})": table.learner_oof(single),
    }
    found = contributions(table, {name: modality[name] for name in table.learners})
    seeds = {name: run.base_record(name, task)["oof"].get("seeds") for name in table.learners}
    return {
        "contributions": {**found, "cost": costs},
        "seeds": {name: scores for name, scores in seeds.items() if scores},
        "diversity": diversity(table),
        "leaks": leak_signs(table),
        "suspects": {"labels": label_issues(inside, oof, GALLERY), "conflicts": conflicts(inside, task)[:GALLERY]},
        "hardest": hardest(inside, oof, GALLERY),
        "reliability": {name: reliability(table, values) for name, values in models.items()},
    }


def reliability(table: MetaTable, predictions: Predictions) -> dict[str, Any]:
    """Mean probability of the most probable class and how often it is right, in bins of equal width."""
    known = table.labels >= 0
    values = predictions.values[known]
    sure, right = values.max(axis=1, initial=0), values.argmax(axis=1) == table.labels[known]
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(bins, minlength=BINS)
    some = np.flatnonzero(rows)
    return {
        "confidence": (np.bincount(bins, sure, BINS)[some] / rows[some]).tolist(),
        "accuracy": (np.bincount(bins, right, BINS)[some] / rows[some]).tolist(),
        "rows": rows[some].tolist(),
        **finite(ece=score(metric_named("ece"), table.labels, predictions.values)),
    }


def _subtask_of(data: Dataset, task: str) -> str:
    """The named groups a task is in."""
    return ", ".join(name for name, of in subtasks(data).items() if task in of)


def _best_candidate(report: Mapping[str, Any], subtask: str) -> dict[str, Any]:
    """The candidate with the best nested score of a task (the paper's Table 8), beside the one that was chosen."""
    scores = {name: card["metrics"][report["metric"]] for name, card in report["candidates"].items()}
    sign = metric_named(report["metric"]).sign
    best = max(scores, key=lambda name: sign * scores[name]["value"] if scores[name]["value"] is not None else -np.inf)
    return {"task": report["task"], "subtask": subtask, "best": best, "chosen": report["chosen"], "scores": scores}


def _curves(run: Run, learner: str, tasks: tuple[Task, ...]) -> dict[str, list[dict[str, Any]]]:
    """Per task the learning curves of the first seed's folds, a row per fold and epoch."""
    found: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        for fold in range(run.plan.settings.k):
            path = run.store.job(Job(learner, task.name, run.seeds[0], fold)) / CURVE
            if path.is_file():
                rows = pd.read_csv(path).assign(fold=fold)
                plain = rows.astype(object).where(rows.notna(), None)
                lines = [dict(zip(plain.columns, line, strict=True)) for line in plain.itertuples(index=False)]
                found.setdefault(task.name, []).extend(lines)
    return found
