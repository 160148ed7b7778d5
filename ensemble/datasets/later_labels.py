"""Labels of later posts: read from their own table, as those of the run's own table were."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.label_columns import LabelColumn, read_labels
from ensemble.datasets.tables import read_frame
from ensemble.errors import DataError, some


def read_later_labels(
    path: Path, posts: Dataset, options: Mapping[str, Any], named: Mapping[str, str], dialect: Dialect
) -> tuple[Dataset, pd.DataFrame]:
    """The posts, which were read from ``path``, with the labels of those tasks that it has, and the table itself.

    ``options`` are those of the run's adapter: of the csv preset they say what stands for a class. A task's labels are
    in the column ``named`` for it, else in one of its own name. Raises DataError where there are none, or other ones.
    """
    table = read_frame(path, list(named.values()), dialect)
    columns = {task.name: _column(task, options) for task in posts.tasks}
    found: dict[str, Any] = {}
    for task in posts.tasks:
        column, read = columns[task.name], table
        if task.name in named:
            column = column.model_copy(update={"annotators": []})
            read = table.rename(columns={task.name: f"{task.name} ", named[task.name]: task.name})
        if not set(column.columns(task.name)) & set(read.columns):
            continue
        mapping, lists = options.get("labels", {}).get(task.name, {}), options.get("label_lists", "single")
        ids = pd.Series(posts.ids, index=read.index, dtype=object)
        labels, _ = read_labels(read, ids, task.name, column, mapping, lists, path)
        found[task.name] = labels[task.name].to_numpy(dtype=object)  # type: ignore[union-attr]
    if not found:
        sought = [name for name, column in columns.items() for name in column.columns(name)]
        example = f"--label {posts.tasks[0].name}=NAME"
        raise DataError(
            f"{path} has no column of labels (looked for {some(sought, 8)}); it has {some(table.columns, 8)}; "
            f"{example} names one."
        )
    tasks = tuple(task for task in posts.tasks if task.name in found)
    labelled = posts.with_columns(**found)
    return Dataset(labelled.frame, posts.root, tasks, posts.notes), table


def _column(task: Task, options: Mapping[str, Any]) -> LabelColumn:
    said = options.get("tasks", {})
    given = said.get(task.name) if isinstance(said, Mapping) else None
    if isinstance(given, Mapping):
        return LabelColumn.model_validate(given)
    return LabelColumn(kind=task.kind, classes=list(task.classes), bounds=task.bounds)


def tasks_named(given: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """``hate=is_hate`` by task; raises DataError for a task there is not."""
    from ensemble.errors import unknown

    named = {}
    for option in given:
        task, sign, column = option.partition("=")
        if not sign or task not in known:
            raise DataError(f"--label {option!r} must be TASK=COLUMN; " + unknown("task", task, known))
        named[task] = column
    return named
