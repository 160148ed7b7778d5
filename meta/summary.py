"""Stacking several tasks, and the scores of the subtasks they belong to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.data import Dataset, Task
from ensemble.metrics import bootstrap, interval, metric_named, score
from ensemble.progress import Track, silent
from ensemble.run import Run
from ensemble.scoring import finite, judged
from ensemble.store import read_predictions
from meta.stack import stack_task
from meta.table import StackSettings, assemble
from meta.votes import by_learner

Floats = npt.NDArray[np.float64]


def stack_tasks(run: Run, tasks: Sequence[Task], settings: StackSettings, track: Track = silent) -> dict[str, Any]:
    """Stack each task, then score each subtask: every learner, the plain mean, the stack."""
    reports = [stack_task(run, task, settings, track) for task in track(tasks, "tasks stacked", len(tasks))]
    inside = run.data.take(run.plan.inside)
    oof = dict(_oof_by_model(run, tasks, settings, inside))
    return {
        "rows": labelled_rows(inside),
        "folds": run.plan.settings.k,
        "tasks": reports,
        "subtasks": {
            name: {model: scored for model, values in oof.items() if (scored := headline(inside, of, values))}
            for name, of in subtasks(run.data).items()
            if set(of) <= {task.name for task in tasks}
        },
        "columns": {
            f"{name} {task}": {model: headline(inside, (task,), oof[model]) for model in ("plain mean", "stack")}
            for name, of in subtasks(run.data).items()
            for task in of
            if task in oof["stack"]
        },
    }


def _oof_by_model(
    run: Run, tasks: Sequence[Task], settings: StackSettings, inside: Dataset
) -> Iterator[tuple[str, dict[str, Floats]]]:
    """Per model and task what its metric judges, (rows, classes)."""
    tables = {task.name: assemble(run, task, settings)[0] for task in tasks}
    for learner in dict.fromkeys(name for table in tables.values() for name in table.learners):
        having = {task: table for task, table in tables.items() if learner in table.learners}
        yield learner, {task: table.learner_oof(learner).values for task, table in having.items()}
    yield (
        "plain mean",
        {
            task: by_learner(table.oof, len(table.learners), table.classes).mean(axis=1)
            for task, table in tables.items()
        },
    )
    stacked = {task.name: read_predictions(run.store.stack(task.name), "oof", task) for task in tasks}
    yield (
        "stack",
        {task.name: judged(stacked[task.name].take(inside.ids), metric_named(task.metric)) for task in tasks},
    )


def labelled_rows(data: Dataset) -> int:
    """Rows with a label for at least one task."""
    return int(np.any([data.labels(task) >= 0 for task in data.tasks], axis=0).sum())


def subtasks(data: Dataset) -> Mapping[str, tuple[str, ...]]:
    """The named groups of tasks, or each task by itself where the data names none."""
    return data.subtasks or {task.name: (task.name,) for task in data.tasks}


def headline(data: Dataset, tasks: Sequence[str], values: Mapping[str, Floats]) -> dict[str, float | None] | None:
    """The mean of the tasks' scores with its 95 % interval; None where a task has no values.

    ``values`` holds per task (rows of data, classes) probabilities or one-hot labels. The interval resamples the same
    rows for all tasks.
    """
    if not set(tasks) <= set(values):
        return None
    scores, draws = [], []
    for name in tasks:
        task = data.task(name)
        metric = metric_named(task.metric)
        scores.append(score(metric, data.labels(task), values[name]))
        draws.append(bootstrap(metric, data.labels(task), values[name], data.groups))
    low, high = interval(np.mean(draws, axis=0))
    return finite(value=float(np.mean(scores)), low=low, high=high)
