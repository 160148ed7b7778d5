"""The formats of competitions by name, and the scores by which they rank."""

import numpy as np

from ensemble.data import Dataset, Floats, Labels, Task
from ensemble.datasets.submission import (
    Column,
    Format,
    ReadBack,
    Table,
    labels_of,
    probability_of_positive,
    zero_one,
)
from ensemble.datasets.submission_template import Template
from ensemble.errors import SubmissionError, unknown
from ensemble.metrics import METRICS, Metric, metric_of, score

MEMOTION_LINE = (
    "{sentiment}_{humour}{sarcasm}{offensive}{motivational}_"
    "{humour_degree}{sarcasm_degree}{offensive_degree}{motivational}"
)
MAMI_KINDS = ("shaming", "stereotype", "objectification", "violence")


def task_scores(data: Dataset, read: ReadBack) -> dict[str, float]:
    """The mean of the tasks' own metrics for each subtask; of tasks that are judged by probabilities and of which only
    labels are handed in, macro-F1 of these."""
    subtasks = data.subtasks or {name: (name,) for name in data.task_names}
    found = {}
    for name, tasks in subtasks.items():
        if set(tasks) <= {*read.labels, *read.probabilities}:
            judged = [_task_score(data, data.task(task), read) for task in tasks]
            metrics = ", ".join(sorted({metric for metric, _ in judged}))
            found[f"{metrics} of {name}"] = float(np.mean([value for _, value in judged]))
    return found


def _task_score(data: Dataset, task: Task, read: ReadBack) -> tuple[str, float]:
    metric, probabilities = metric_of(task), read.probabilities.get(task.name)
    if metric.of_counts is None and probabilities is not None:
        return metric.name, score(metric, data.labels(task), probabilities)
    metric = metric if metric.of_counts or not task.classes else METRICS["macro_f1"]
    labels = read.labels[task.name] if probabilities is None else probabilities.argmax(axis=1)
    return metric.name, _label_score(metric, data, task, read.labels.get(task.name, labels))


def _label_score(metric: Metric, data: Dataset, task: Task, labels: Labels) -> float:
    values = np.eye(len(task.classes))[labels] if task.classes else np.asarray(labels, dtype=np.float64)[:, None]
    return score(metric, data.labels(task), values)


def hateful_memes_scores(data: Dataset, read: ReadBack) -> dict[str, float]:
    task = data.task("hateful")
    return {
        "AUROC of proba": score(METRICS["roc_auc"], data.labels(task), read.probabilities["hateful"]),
        "accuracy of label": _label_score(METRICS["accuracy"], data, task, read.labels["hateful"]),
    }


def mami_a_scores(data: Dataset, read: ReadBack) -> dict[str, float]:
    task = data.task("misogynous")
    return {"macro-F1 of misogynous": _label_score(METRICS["macro_f1"], data, task, read.labels[task.name])}


def mami_b_scores(data: Dataset, read: ReadBack) -> dict[str, float]:
    """Macro-F1 of the four kinds, each weighted by how many rows are of it (Fersini et al. 2022)."""
    tasks = [data.task(name) for name in MAMI_KINDS]
    scores = [_label_score(METRICS["macro_f1"], data, task, read.labels[task.name]) for task in tasks]
    positives: Floats = np.array([(data.labels(task) == task.positive_class).sum() for task in tasks], dtype=np.float64)
    value = float(np.average(scores, weights=positives)) if positives.any() else float("nan")
    return {"weighted macro-F1 of the four kinds": value}


def csv_columns(data: Dataset) -> list[Column]:
    """The id and a column of labels or numbers per task; probabilities where the metric is of ranks or probabilities:
    of the positive class under the task's name, of each of several classes under ``TASK:CLASS``."""
    return [Column(data.id_column), *(column for task in data.tasks for column in _csv_columns(task))]


def _csv_columns(task: Task) -> list[Column]:
    if not task.classes or metric_of(task).of_counts:
        return [labels_of(task)]
    if task.positive_class is not None:
        return [probability_of_positive(task, task.name)]
    return [Column(f"{task.name}:{name}", task.name, position=at) for at, name in enumerate(task.classes)]


def _mvsa_columns(data: Dataset) -> list[Column]:
    return [Column("guid"), Column("tag", "sentiment", data.task("sentiment").classes)]


def _hateful_memes_columns(data: Dataset) -> list[Column]:
    task = data.task("hateful")
    label = Column("label", task.name, zero_one(task).words)
    return [Column("id"), probability_of_positive(task, "proba"), label]


def _mami_columns(data: Dataset, *kinds: str) -> list[Column]:
    return [Column("file_name"), *(zero_one(data.task(name)) for name in ("misogynous", *kinds))]


def template_format(text: str, header: str = "", file: str = "") -> Format:
    """A format of the user's own; see Template."""
    template = Template(text, header)
    return Format("template", file or "submission.txt", template.columns, template, task_scores)


MEMOTION = Template(MEMOTION_LINE)
ANSWER = Table("\t", header=False)
FORMATS = {
    form.name: form
    for form in (
        Format("memotion", "answer.txt", MEMOTION.columns, MEMOTION, task_scores),
        Format("mvsa", "test.txt", _mvsa_columns, Table(), task_scores),
        Format("hateful-memes", "submission.csv", _hateful_memes_columns, Table(), hateful_memes_scores),
        Format("mami-a", "answer.txt", _mami_columns, ANSWER, mami_a_scores),
        Format("mami-b", "answer.txt", lambda data: _mami_columns(data, *MAMI_KINDS), ANSWER, mami_b_scores),
        Format("csv", "submission.csv", csv_columns, Table(), task_scores),
    )
}


def format_named(name: str) -> Format:
    """Raises SubmissionError with a suggestion for a format nobody knows."""
    if name not in FORMATS:
        raise SubmissionError(unknown("submission format", name, FORMATS))
    return FORMATS[name]


def handed_in_notes(form: Format, data: Dataset) -> list[str]:
    """A line for each task of which probabilities, or its classes as 0 and 1, are handed in: of which class."""
    columns, notes = form.columns(data), []
    for task in data.tasks:
        own = [column for column in columns if column.task == task.name]
        shares = any(column.position is not None for column in own)
        if task.positive_class is not None and (shares or any(column.words != task.classes for column in own)):
            how = "submit.positive says so" if task.positive else "by its name; submit.positive overrules it"
            what = "probabilities are handed in" if shares else "1 is handed in for it"
            notes.append(f"{task.name}: the positive class is {task.classes[task.positive_class]!r} ({how}); {what}.")
        elif shares:
            notes.append(f"{task.name}: probabilities are handed in, a column per class.")
    return notes
