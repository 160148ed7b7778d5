"""Stacking several tasks, and the scores of the subtasks they belong to."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ensemble.data import Dataset, Floats, Task
from ensemble.metrics import bootstrap, metric_of, score
from ensemble.run import Run
from ensemble.scoring import (
    BaselineCard,
    Score,
    baseline,
    baseline_card,
    baseline_name,
    metric_input,
    score_with_interval,
)
from ensemble.system.progress import Track, silent
from ensemble.system.remembered import remembered
from meta.nested_cv import mean_under_rule
from meta.records import Baselines, StackedTasks, Summary
from meta.stack import stack_inputs
from meta.stack_report import PLAIN, RULED, best_alone, best_under_rule
from meta.table import MetaTable, StackSettings, assemble
from meta.targets import target_of

_drawn = remembered(bootstrap, most=500)  # a model is compared with many: it is drawn once


def stack_tasks(run: Run, tasks: Sequence[Task], settings: StackSettings, track: Track = silent) -> StackedTasks:
    """Stack each task, then score each subtask: the baseline, every learner, the plain mean, the stack."""
    reports, tables = [], {}
    for task in tasks:
        settings.candidates(task)  # refused before the first is stacked
    for task in track(tasks, "tasks stacked", len(tasks)):
        inputs = assemble(run, task, settings)
        reports.append(stack_inputs(run, inputs, track))
        tables[task.name] = inputs.table
    return {"tasks": reports, "baselines": baselines(run, tasks), **summarise(run, tables)}


def baselines(run: Run, tasks: Sequence[Task]) -> Baselines:
    """The score cards of what knows the labels alone."""
    inside, fold = run.data.take(run.plan.cv_rows), run.plan.fold[run.plan.cv_rows]

    def outside(positions: npt.NDArray[np.intp]) -> dict[str, BaselineCard]:
        rows = run.data.take(positions)
        cards = {task.name: baseline_card(task, rows, known=inside.labels(task)) for task in tasks}
        return {name: card for name, card in cards.items() if card["rows"]}

    return {
        "oof": {task.name: baseline_card(task, inside, fold) for task in tasks},
        "test": outside(run.plan.test_rows),
        "dev": outside(run.plan.dev_rows),
    }


def summarise(run: Run, tables: Mapping[str, MetaTable]) -> Summary:
    """Scores of finished stacks by subtask and by column; ``tables`` are those of the tasks they were made from."""
    inside = run.data.take(run.plan.cv_rows)
    values_of = dict(_values_by_model(run, tables, inside))
    to_beat = next(iter(values_of))
    whole = {name: of for name, of in subtasks(run.data).items() if set(of) <= set(tables)}
    doubtful = {name for table in tables.values() for name in table.doubtful}
    others = {to_beat, PLAIN, PLAIN + RULED, "stack", *doubtful}
    scored = {
        name: {model: headline(inside, of, values) for model, values in values_of.items()} for name, of in whole.items()
    }
    bests = {name: best_of(run.data, of, scored[name], others) for name, of in whole.items()}
    ruled = {task: table for task, table in tables.items() if target_of(table.task).ruled}
    under_rule = _bests_under_rule(ruled, {single for best in bests.values() for single in best})
    values_of |= under_rule
    for name, of in whole.items():
        scored[name] |= {model: headline(inside, of, values) for model, values in under_rule.items()}
    values_of |= {best_alone(single): values_of[single] for best in bests.values() for single in best}
    rivals = {name: _rivals(best, ruled=set(whole[name]) <= set(ruled)) for name, best in bests.items()}
    return {
        "baseline": to_beat,
        "rows": labelled_rows(inside),
        "rows_of": {name: int(_labelled(inside, of).sum()) for name, of in whole.items()},
        "folds": run.plan.settings.k,
        "doubtful": sorted(doubtful),
        "subtasks": {name: _stack_last(models) for name, models in scored.items()},
        "against": {
            name: {model: headline(inside, of, values_of["stack"], values_of[model]) for model in rivals[name]}
            for name, of in whole.items()
        },
        "columns": {
            f"{name} {task}": {
                model: headline(inside, (task,), values_of[model]) for model in (to_beat, PLAIN, "stack")
            }
            for name, of in subtasks(run.data).items()
            for task in of
            if task in values_of["stack"]
        },
    }


def _rivals(best: Sequence[str], ruled: bool) -> list[str]:
    """What a stack is compared with, as ``rivals_of`` a single task."""
    if ruled:
        return [PLAIN, PLAIN + RULED, *map(best_under_rule, best)]
    return [PLAIN, *map(best_alone, best)]


def _bests_under_rule(ruled: Mapping[str, MetaTable], singles: Collection[str]) -> dict[str, dict[str, Floats]]:
    """The best single learners as ``_values_by_model`` has them, under a rule."""
    return {
        best_under_rule(single): {
            task: _ruled(table, [single]) for task, table in ruled.items() if single in table.learners
        }
        for single in sorted(singles)
    }


def best_of(
    data: Dataset, tasks: Sequence[str], scores: Mapping[str, Score | None], without: Collection[str]
) -> list[str]:
    """The model with the best score, as a list that is empty where none has one. A subtask of metrics of which some are
    better small and some great has no best."""
    signs = {metric_of(data.task(name)).sign for name in tasks}
    known = {
        name: signs.copy().pop() * value
        for name, scored in scores.items()
        if name not in without and scored and (value := scored["value"]) is not None
    }
    return [max(known, key=lambda name: known[name])] if known and len(signs) == 1 else []


def _values_by_model(
    run: Run, tables: Mapping[str, MetaTable], inside: Dataset
) -> Iterator[tuple[str, dict[str, Floats]]]:
    """Per model, the baseline first, and task what the metric is given, (rows, columns) predictions or one-hot
    labels."""
    tasks = [table.task for table in tables.values()]
    yield baseline_name(tasks), {task.name: baseline(task, inside).values for task in tasks}
    for learner in dict.fromkeys(name for table in tables.values() for name in table.learners):
        having = {task: table for task, table in tables.items() if learner in table.learners}
        yield learner, {task: table.learner_oof(learner).values for task, table in having.items()}
    yield PLAIN, {task: table.plain_mean.values for task, table in tables.items()}
    ruled = {task: table for task, table in tables.items() if target_of(table.task).ruled}
    yield PLAIN + RULED, {task: _ruled(table, table.learners) for task, table in ruled.items()}
    stacked = {name: run.store.stack(name).read("oof", table.task).take(inside.ids) for name, table in tables.items()}
    yield "stack", {name: metric_input(oof, metric_of(oof.task)) for name, oof in stacked.items()}


def _stack_last(models: Mapping[str, Score | None]) -> dict[str, Score]:
    """Without models that lack one of the tasks."""
    known = {name: scored for name, scored in models.items() if scored}
    stack = {"stack": known.pop("stack")} if "stack" in known else {}
    return known | stack


def _ruled(table: MetaTable, learners: Sequence[str]) -> Floats:
    return metric_input(mean_under_rule(table, learners), metric_of(table.task))


def labelled_rows(data: Dataset) -> int:
    """Rows with a label for at least one task."""
    return int(_labelled(data, data.task_names).sum())


def _labelled(data: Dataset, tasks: Sequence[str]) -> npt.NDArray[np.bool_]:
    """(rows,) whether a label for one of the tasks is known."""
    chosen = [data.task(name) for name in tasks]
    return np.asarray(np.any([task.target.known(data.labels(task)) for task in chosen], axis=0))


def subtasks(data: Dataset) -> Mapping[str, tuple[str, ...]]:
    """The named groups of tasks, or each task by itself where the data names none."""
    return data.subtasks or {task.name: (task.name,) for task in data.tasks}


def headline(
    data: Dataset, tasks: Sequence[str], values: Mapping[str, Floats], minus: Mapping[str, Floats] | None = None
) -> Score | None:
    """The mean of the tasks' scores with its 95 % interval; None where a task has no values.

    ``values`` holds per task (rows of data, columns) predictions or one-hot labels. The interval resamples the same
    rows for all tasks. With ``minus`` it is the paired difference from those, positive where ``values`` are better.
    """
    if not set(tasks) <= set(values) or (minus is not None and not set(tasks) <= set(minus)):
        return None
    scores, draws, groups = [], [], data.groups
    for name in tasks:
        task = data.task(name)
        metric = metric_of(task)
        labels = data.labels(task)
        found, drawn = score(metric, labels, values[name]), _drawn(metric, labels, values[name], groups)
        if minus is not None:
            found = metric.sign * (found - score(metric, labels, minus[name]))
            drawn = metric.sign * (drawn - _drawn(metric, labels, minus[name], groups))
        scores.append(found)
        draws.append(drawn)
    return score_with_interval(float(np.mean(scores)), np.mean(draws, axis=0))
