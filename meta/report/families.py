"""The Modality Ensemble's Table 7 for any run: the best single learner, the ensemble of each modality, all."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.data import Dataset
from ensemble.metrics import metric_named
from ensemble.predictions import Predictions
from ensemble.scoring import judged
from meta.nested import Nested
from meta.procedure import follow
from meta.summary import headline, subtasks
from meta.table import MetaTable
from meta.votes import by_learner

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
    rows = {name: {task: _single(table, name) for task, table in tables.items()} for name in modality}
    named = {model: _scores(inside, columns, values) for model, values in rows.items()}
    found = [_best_row(data, columns, named)] if named else []
    for kind, title in {**ENSEMBLES, "all": "all learners"}.items():
        learners = [name for name, of in modality.items() if of == kind or kind == "all"]
        if learners:
            values = {task: _mean_with_rule(table, learners) for task, table in tables.items()}
            found.append({"name": f"{title} ({len(learners)})", "scores": _scores(inside, columns, values)})
    stacked = {task: judged(oof.take(inside.ids), metric_named(oof.task.metric)) for task, oof in stacks.items()}
    found.append({"name": "stack", "scores": _scores(inside, columns, stacked)})
    return {"columns": [name for name, _ in columns], "rows": found}


def _columns(data: Dataset) -> list[tuple[str, tuple[str, ...]]]:
    """Every subtask, then every task that is not a subtask by itself."""
    groups = dict(subtasks(data))
    alone = {of[0] for of in groups.values() if len(of) == 1}
    return [*groups.items(), *((task.name, (task.name,)) for task in data.tasks if task.name not in alone)]


def _single(table: MetaTable, name: str) -> Floats | None:
    return _mean_with_rule(table, [name]) if name in table.learners else None


def _mean_with_rule(table: MetaTable, learners: Sequence[str]) -> Floats | None:
    """(rows, classes) what the metric sees of the plain mean of these learners, rules learned on the other folds."""
    positions = [table.learners.index(name) for name in learners if name in table.learners]
    if not positions:
        return None
    mean = by_learner(table.oof, len(table.learners), table.classes)[:, positions].mean(axis=1)
    nested = Nested(mean, {int(fold): mean for fold in np.unique(table.fold)})
    return judged(follow(table, {"soft_vote": [nested]}).oof, metric_named(table.task.metric))


def _scores(
    inside: Dataset, columns: Sequence[tuple[str, tuple[str, ...]]], values: Mapping[str, Floats | None]
) -> list[dict[str, float | None] | None]:
    having = {task: found for task, found in values.items() if found is not None}
    return [headline(inside, of, having) for _, of in columns]


def _best_row(
    data: Dataset, columns: Sequence[tuple[str, tuple[str, ...]]], named: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    """Per column the learner that is best there: the choice is made on what it is scored on, so it is flattered."""
    best, names = [], []
    for position, (_, of) in enumerate(columns):
        sign = metric_named(data.task(of[0]).metric).sign
        having = {name: scores[position] for name, scores in named.items() if scores[position]}
        name = max(having, key=lambda each: sign * (having[each]["value"] or 0.0), default=None)
        names.append(name)
        best.append(having[name] if name else None)
    return {"name": "best single", "learners": names, "scores": best}
