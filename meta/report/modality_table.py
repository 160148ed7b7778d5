"""The Modality Ensemble's Table 7 for any run: the baseline, best single learner, ensemble of each modality, all."""

from collections.abc import Mapping, Sequence

from ensemble.data import Dataset, Floats
from ensemble.metrics import metric_of
from ensemble.modalities import NOTHING, UNKNOWN
from ensemble.predictions import Predictions
from ensemble.scoring import Score, baseline, baseline_name, metric_input
from meta.nested_cv import mean_under_rule
from meta.report.facts import ModalityRow, ModalityTable
from meta.summary import best_of, headline, subtasks
from meta.table import MetaTable

Columns = Sequence[tuple[str, tuple[str, ...]]]  # name and tasks of each

TITLES = {
    "image": "visual ensemble",
    "text": "textual ensemble",
    "audio": "acoustic ensemble",
    "video": "visual ensemble (video)",
    "both": "joint ensemble",
}


def modality_table(
    data: Dataset,
    tables: Mapping[str, MetaTable],
    stacks: Mapping[str, Predictions],
    modality: Mapping[str, str],
    cv_rows: Dataset,
) -> ModalityTable:
    """Columns are the subtasks, then their tasks one by one; rows are scored with the same decision rules.

    An ensemble of a modality is the plain mean of its learners under a rule that is learned on the other folds; so is
    the row of all learners. The last row is the stack. Learners of an unknown modality, or of none, are in
    no ensemble but all.
    """
    columns = _columns(data)
    named = [name for name in dict.fromkeys([*TITLES, *modality.values()]) if name in modality.values()]
    ensembles = {
        TITLES.get(kind, f"{kind} ensemble"): [name for name, of in modality.items() if of == kind]
        for kind in named
        if kind not in (UNKNOWN, NOTHING)
    }
    constant = {name: baseline(table.task, cv_rows).values for name, table in tables.items()}
    to_beat = baseline_name([table.task for table in tables.values()])
    rows = [ModalityRow(to_beat, _scores(cv_rows, columns, constant)), _best_row(data, tables, columns, cv_rows)]
    for title, learners in {**ensembles, "all learners": list(modality)}.items():
        values = {task: _mean_of(table, learners) for task, table in tables.items()}
        rows.append(ModalityRow(title, _scores(cv_rows, columns, values)))
    stacked = {name: metric_input(oof.take(cv_rows.ids), metric_of(oof.task)) for name, oof in stacks.items()}
    rows.append(ModalityRow("stack", _scores(cv_rows, columns, stacked)))
    metrics = [sorted({data.task(name).metric for name in tasks}) for _, tasks in columns]
    return ModalityTable([name for name, _ in columns], metrics, rows)


def _columns(data: Dataset) -> Columns:
    """Every subtask, then every task that is not a subtask by itself."""
    groups = dict(subtasks(data))
    alone = {tasks[0] for tasks in groups.values() if len(tasks) == 1}
    return [*groups.items(), *((task.name, (task.name,)) for task in data.tasks if task.name not in alone)]


def _mean_of(table: MetaTable, learners: Sequence[str]) -> Floats | None:
    """What the metric sees of the mean of those of these learners that the task has."""
    present = [name for name in learners if name in table.learners]
    return metric_input(mean_under_rule(table, present), metric_of(table.task)) if present else None


def _scores(cv_rows: Dataset, columns: Columns, values: Mapping[str, Floats | None]) -> list[Score | None]:
    known = {task: of_task for task, of_task in values.items() if of_task is not None}
    return [headline(cv_rows, tasks, known) for _, tasks in columns]


def _best_row(data: Dataset, tables: Mapping[str, MetaTable], columns: Columns, cv_rows: Dataset) -> ModalityRow:
    """Per column the learner that is best there by plain arg max, then under its rule. It is the best in hindsight, so
    it is flattered; learners of unknown folds are left out."""
    honest = {name for table in tables.values() for name in table.learners if name not in table.doubtful}
    plain = {
        name: {task: table.learner_oof(name).values for task, table in tables.items() if name in table.learners}
        for name in sorted(honest)
    }
    names: list[str | None] = []
    scores: list[Score | None] = []
    for column, tasks in columns:
        best = best_of(data, tasks, {name: headline(cv_rows, tasks, values) for name, values in plain.items()}, ())
        names.append(best[0] if best else None)
        under_rule = {task: _mean_of(tables[task], best) for task in tasks if best and task in tables}
        scores += _scores(cv_rows, [(column, tasks)], under_rule)
    return ModalityRow("best single", scores, names)
