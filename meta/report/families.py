"""The Modality Ensemble's Table 7 for any run: the best single learner, the ensemble of each modality, all."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.data import Dataset
from ensemble.metrics import metric_named
from ensemble.predictions import Predictions
from ensemble.scoring import judged
from meta.nested_cv import mean_under_rule
from meta.records import Scored
from meta.summary import best_of, headline, subtasks
from meta.table import MetaTable

Floats = npt.NDArray[np.float64]

ENSEMBLES = {"image": "visual ensemble", "text": "textual ensemble", "both": "joint ensemble"}


def table7(
    data: Dataset,
    tables: Mapping[str, MetaTable],
    stacks: Mapping[str, Predictions],
    modality: Mapping[str, str],
    inside: Dataset,
) -> dict[str, Any]:
    """Columns are the subtasks, then their tasks one by one; rows are scored with the same decision rules.

    An ensemble of a modality is the plain mean of its learners under a rule that is learned on the other folds; so is
    the row of all learners. The last row is the stack.
    """
    columns = _columns(data)
    found = [_best_row(data, tables, columns, inside)]
    for kind, title in {**ENSEMBLES, "all": "all learners"}.items():
        learners = [name for name, of in modality.items() if of == kind or kind == "all"]
        if learners:
            values = {task: _judged(table, learners) for task, table in tables.items()}
            found.append({"name": title, "scores": _scores(inside, columns, values)})
    stacked = {task: judged(oof.take(inside.ids), metric_named(oof.task.metric)) for task, oof in stacks.items()}
    found.append({"name": "stack", "scores": _scores(inside, columns, stacked)})
    return {"columns": [name for name, _ in columns], "rows": found}


def _columns(data: Dataset) -> list[tuple[str, tuple[str, ...]]]:
    """Every subtask, then every task that is not a subtask by itself."""
    groups = dict(subtasks(data))
    alone = {of[0] for of in groups.values() if len(of) == 1}
    return [*groups.items(), *((task.name, (task.name,)) for task in data.tasks if task.name not in alone)]


def _judged(table: MetaTable, learners: Sequence[str]) -> Floats | None:
    """What the metric sees of the mean of those of these learners that the task has."""
    having = [name for name in learners if name in table.learners]
    return judged(mean_under_rule(table, having), metric_named(table.task.metric)) if having else None


def _scores(
    inside: Dataset, columns: Sequence[tuple[str, tuple[str, ...]]], values: Mapping[str, Floats | None]
) -> list[Scored | None]:
    having = {task: found for task, found in values.items() if found is not None}
    return [headline(inside, of, having) for _, of in columns]


def _best_row(
    data: Dataset, tables: Mapping[str, MetaTable], columns: Sequence[tuple[str, tuple[str, ...]]], inside: Dataset
) -> dict[str, Any]:
    """Per column the learner that is best there by plain arg max, then under its rule. It is the best in hindsight, so
    it is flattered; learners of unknown folds are left out."""
    honest = {name for table in tables.values() for name in table.learners if name not in table.doubtful}
    plain = {
        name: {task: table.learner_oof(name).values for task, table in tables.items() if name in table.learners}
        for name in sorted(honest)
    }
    names: list[str | None] = []
    scores: list[Scored | None] = []
    for _, of in columns:
        best = best_of(data, of, {name: headline(inside, of, values) for name, values in plain.items()}, ())
        names.append(best[0] if best else None)
        ruled = {task: _judged(tables[task], best) for task in of if best and task in tables}
        scores.extend(_scores(inside, [("", of)], ruled))
    return {"name": "best single", "learners": names, "scores": scores}
