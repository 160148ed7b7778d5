"""From stacked probabilities to the labels that are handed in, and the OOF scores of just these labels."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ensemble.data import Codes
from ensemble.datasets.submission import SubmissionRows, make_submission, test_rows
from ensemble.metrics import metric_named
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.system.files import write_atomic
from meta.linked_tasks import decode
from meta.records import LabelScore, Submission
from meta.rules import Rule
from meta.stack import adjusted, read_stack
from meta.summary import headline, labelled_rows, subtasks
from meta.table import StackSettings, assemble


@dataclass(frozen=True)
class Decisions:
    """Per task: ``oof`` labels of the inside rows and ``test`` labels of the outside rows, in the order of the table;
    ``probabilities`` of the outside rows; ``agreed`` are the pairs of tasks that were decoded together; ``tuned`` the
    learners whose parameters were chosen on rows of the folds."""

    oof: dict[str, Codes]
    test: dict[str, Codes]
    probabilities: dict[str, Predictions]
    agreed: list[str]
    tuned: list[str]


def decide(run: Run, settings: StackSettings) -> Decisions:
    """Labels for every task from its finished stack; raises StoreError where one is missing or stale."""
    inside, outside = run.data.take(run.plan.cv_rows), run.data.take(run.plan.test_rows)
    fold = run.plan.fold[run.plan.cv_rows]
    decided, of_oof, of_test = Decisions({}, {}, {}, [], []), {}, {}
    for task in run.data.tasks:
        stack = read_stack(run, assemble(run, task, settings))
        decided.tuned.extend(name for name in stack.report["tuned"] if name not in decided.tuned)
        oof, test = stack.oof.take(inside.ids), stack.test.take(outside.ids)
        decided.oof[task.name], decided.test[task.name] = oof.labels(), test.labels()
        decided.probabilities[task.name] = test
        of_oof[task.name] = adjusted(oof, stack.report, fold)
        of_test[task.name] = Rule.of_json(stack.report["rule"]).adjust(test.values)
    for binary, degree in run.data.presence:
        decided.oof[binary], decided.oof[degree] = decode(of_oof[binary], of_oof[degree])
        decided.test[binary], decided.test[degree] = decode(of_test[binary], of_test[degree])
        decided.agreed.append(f"{binary} and {degree}")
    return decided


def write_submission(run: Run, form: str, out: Path | None, settings: StackSettings) -> Submission:
    """Write the competition file of the test rows; return what was written and what its labels score out of fold."""
    decided = decide(run, settings)
    outside = run.data.take(run.plan.test_rows)
    rows = test_rows(outside)
    handed = SubmissionRows(
        outside.take(rows),
        {name: labels[rows] for name, labels in decided.test.items()},
        {name: values.take(outside.ids[rows]) for name, values in decided.probabilities.items()},
    )
    file, text = make_submission(form, handed)
    path = out or run.store.submission / file
    write_atomic(path, text.encode())
    return {
        "file": str(path.resolve()),
        "format": form,
        "rows": len(rows),
        "oof_rows": labelled_rows(run.data.take(run.plan.cv_rows)),
        "folds": run.plan.settings.k,
        "oof": label_scores(run, decided),
        "agreed": decided.agreed,
        "tuned": decided.tuned,
    }


def label_scores(run: Run, decided: Decisions) -> dict[str, LabelScore]:
    """Out-of-fold score per subtask of just the labels that are handed in. Labels have neither ranks nor
    probabilities, so tasks with a metric of those are scored by macro-F1 here."""
    inside = run.data.take(run.plan.cv_rows)
    tasks = tuple(
        replace(task, metric="macro_f1") if metric_named(task.metric).of_counts is None else task
        for task in inside.tasks
    )
    one_hot = {name: np.eye(len(inside.task(name).classes))[labels] for name, labels in decided.oof.items()}
    scores: dict[str, LabelScore] = {}
    for name, of in subtasks(inside).items():
        metrics = ", ".join(sorted({task.metric for task in tasks if task.name in of}))
        found = headline(replace(inside, tasks=tasks), of, one_hot)
        assert found is not None  # every task has labels
        scores[name] = {**found, "metric": metrics}
    return scores
