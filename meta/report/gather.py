"""Gathering the facts of a report from finished stacks, none of which is fitted or chosen here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.datasets.slices import slice_cells
from ensemble.metrics import sign_named
from ensemble.run import Run
from ensemble.scoring import BaselineCard
from ensemble.store import Job
from ensemble.system.files import read_json
from ensemble.system.progress import Track, silent
from ensemble.tuning.layers import read_layers
from meta.contributions import contributions
from meta.diversity import diversity
from meta.label_issues import conflicts, hardest, label_issues
from meta.leaks import leak_signs
from meta.operating.slices import Slices, slices_of
from meta.records import StackReport
from meta.report.facts import CandidateScores, CurveRow, LearnerCost, ReportFacts, TaskFacts
from meta.report.group_facts import GroupFacts, group_facts
from meta.report.modality_table import modality_table
from meta.report.number_facts import number_facts
from meta.report.reliability import reliability
from meta.report.seed_scores import seed_scores
from meta.report.variants import variants
from meta.report.weight_facts import layer_weights, modality_weights
from meta.stack import FinishedStack, read_stack
from meta.stack_report import PLAIN, best_alone, best_single
from meta.summary import baselines, subtasks, summarise
from meta.table import MetaTable, StackSettings, assemble
from meta.targets import target_of

MAX_POSTS = 12  # of a kind, per task
Fact = TypeVar("Fact")


def gather_facts(run: Run, settings: StackSettings, audit: Mapping[str, Any], track: Track = silent) -> ReportFacts:
    """The facts of all tasks; raises StoreError where a stack is missing or stale. ``audit`` is of the dataset."""
    cv_rows = run.data.take(run.plan.cv_rows)
    tasks = run.data.tasks
    inputs = {task.name: assemble(run, task, settings) for task in tasks}
    tables = {name: of_task.table for name, of_task in inputs.items()}
    stacks = {name: read_stack(run, of_task) for name, of_task in inputs.items()}
    modality = {name: run.results.modality(name, task) for task in tasks for name in tables[task.name].learners}
    cells = slice_cells(cv_rows)
    facts = [
        _task_facts(run, tables[task.name], stacks[task.name], cv_rows, cells, modality)
        for task in track(tasks, "tasks accounted for", len(tasks))
    ]
    return ReportFacts(
        title=run.store.root.resolve().name,
        summary=summarise(run, tables),
        test_rows=len(run.plan.test_rows),
        tasks=facts,
        modality=modality,
        table7=modality_table(run.data, tables, {name: stack.oof for name, stack in stacks.items()}, modality, cv_rows),
        table8=[_candidate_scores(task.report, _subtasks_of(run.data, task.name)) for task in facts],
        audit=audit,
        provenance=read_json(run.store.record) if run.store.record.is_file() else run.identity,
    )


def _task_facts(
    run: Run,
    table: MetaTable,
    stack: FinishedStack,
    cv_rows: Dataset,
    cells: Mapping[str, Sequence[str | None]],
    modality: Mapping[str, str],
) -> TaskFacts:
    """``cells`` (rows of cv_rows,) are the columns by which scores are told apart."""
    task, learners = table.task, table.learners
    single = best_single(table)
    models = {
        "stack": stack.oof.take(table.ids),
        PLAIN: table.plain_mean,
        best_alone(single): table.learner_oof(single),
    }
    of_numbers = target_of(task).section == "numbers"
    seeds = {name: run.results.base_record(name, task)["oof"].get("seeds") for name in learners}
    curves = {name: _curve_rows(run, name, task) for name in modality}
    return TaskFacts(
        report=stack.report,
        baselines=_baselines(run, task),
        contributions=contributions(table, {name: modality[name] for name in learners}),
        cost={name: LearnerCost(**run.results.cost(name, task)) for name in learners},
        seeds={name: scores for name, scores in seeds.items() if scores},
        diversity=diversity(table),
        leaks=leak_signs(table),
        label_issues=label_issues(cv_rows, stack.oof, MAX_POSTS),
        conflicts=conflicts(cv_rows, task)[:MAX_POSTS],
        hardest=hardest(cv_rows, stack.oof, MAX_POSTS),
        reliability={} if of_numbers else {name: reliability(table.labels, each) for name, each in models.items()},
        curves={name: rows for name, rows in curves.items() if rows},
        numbers=number_facts(table, models, _groups(run, table, stack)) if of_numbers else None,
        modality_weights=_known(learners, lambda name: modality_weights(run, name, task)),
        seed_scores=_known(learners, lambda name: seed_scores(run, name, task)),
        variants=variants(run, task, learners),
        layers=_known(learners, lambda name: read_layers(run, name, task)),
        layer_weights=_known(learners, lambda name: layer_weights(run, name, task)),
        slices=_slices(task, stack, cv_rows, cells) if stack.report["stack"]["rows"] else (),
    )


def _slices(
    task: Task, stack: FinishedStack, cv_rows: Dataset, cells: Mapping[str, Sequence[str | None]]
) -> list[Slices]:
    return [slices_of(task, stack.oof, cv_rows, name, column) for name, column in cells.items()]


def _known(learners: Sequence[str], find: Callable[[str], Fact | None]) -> dict[str, Fact]:
    """What is found of each of the learners of which something is."""
    found = {name: find(name) for name in learners}
    return {name: fact for name, fact in found.items() if fact}


def _groups(run: Run, table: MetaTable, stack: FinishedStack) -> GroupFacts | None:
    """Of all learners and the stack, on the rows of each part."""
    inside = {name: table.learner_oof(name) for name in table.learners} | {"stack": stack.oof}
    outside = {name: table.learner_test(name) for name in table.learners} | {"stack": stack.test}
    rows = {"oof": run.plan.cv_rows, "dev": run.plan.dev_rows, "test": run.plan.test_rows}
    return group_facts({part: (run.data.take(at), inside if part == "oof" else outside) for part, at in rows.items()})


def _baselines(run: Run, task: Task) -> dict[str, BaselineCard]:
    """Score cards of what knows the labels inside the folds alone: of these rows, and of labelled ones outside."""
    found = baselines(run, (task,))
    parts = {"oof": found["oof"], "test": found["test"], "dev": found["dev"]}
    return {part: cards[task.name] for part, cards in parts.items() if task.name in cards}


def _subtasks_of(data: Dataset, task: str) -> str:
    """The named groups a task is in."""
    return ", ".join(name for name, tasks in subtasks(data).items() if task in tasks)


def _candidate_scores(report: StackReport, subtask: str) -> CandidateScores:
    """The nested scores of a task's candidates (the paper's Table 8): the best, and those that were chosen."""
    metric = report["metric"]
    scores = {name: card["metrics"][metric] for name, card in report["candidates"].items()}
    sign = sign_named(metric)
    known = {name: sign * score["value"] for name, score in scores.items() if score["value"] is not None}
    best = max(scores, key=lambda name: known.get(name, -np.inf))
    return CandidateScores(report["task"], subtask, metric, best, report["members"], scores)


def _curve_rows(run: Run, learner: str, task: Task) -> list[CurveRow]:
    """The learning curves of the first seed's folds, a row per fold and epoch."""
    curve: list[CurveRow] = []
    for fold in range(run.plan.settings.k):
        path = run.store.job(Job(learner, task.name, run.seeds[0], fold)).curve
        if path.is_file():
            rows = pd.read_csv(path).assign(fold=fold)
            plain = rows.astype(object).where(rows.notna(), None)
            curve += [dict(zip(plain.columns, line, strict=True)) for line in plain.itertuples(index=False)]
    return curve
