"""From stacked probabilities to the labels that are handed in, and the OOF scores of just these labels."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ensemble.data import Dataset
from ensemble.datasets.submission import Format, ReadBack, SubmissionRows, make_submission, test_rows
from ensemble.datasets.submission_formats import handed_in_notes
from ensemble.errors import SubmissionError
from ensemble.metrics import METRICS, metric_of, score
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.scoring import baseline, baseline_name, finite, metric_input
from ensemble.system.files import write_atomic
from ensemble.targets import Labels
from meta.linked_tasks import decode
from meta.records import LabelScore, Submission
from meta.rules import Rule
from meta.stack import adjusted, read_stack
from meta.summary import headline, labelled_rows, subtasks
from meta.table import StackSettings, assemble
from meta.targets import target_of


@dataclass(frozen=True)
class Decisions:
    """Per task: ``oof`` labels of the inside rows and ``test`` labels of the outside rows, in the order of the table;
    ``oof_probabilities`` and ``probabilities`` of the same rows; ``agreed`` are the pairs of tasks that were decoded
    together; ``tuned`` the learners whose parameters were chosen on rows of the folds."""

    oof: dict[str, Labels]
    test: dict[str, Labels]
    oof_probabilities: dict[str, Predictions]
    probabilities: dict[str, Predictions]
    agreed: list[str]
    tuned: list[str]


def decide(run: Run, settings: StackSettings) -> Decisions:
    """Labels for every task from its finished stack; raises StoreError where one is missing or stale."""
    inside, outside = run.data.take(run.plan.cv_rows), run.data.take(run.plan.test_rows)
    fold = run.plan.fold[run.plan.cv_rows]
    decided, of_oof, of_test = Decisions({}, {}, {}, {}, [], []), {}, {}
    for task in run.data.tasks:
        stack = read_stack(run, assemble(run, task, settings))
        decided.tuned.extend(name for name in stack.report["tuned"] if name not in decided.tuned)
        oof, test = stack.oof.take(inside.ids), stack.test.take(outside.ids)
        decided.oof[task.name], decided.test[task.name] = oof.labels(), test.labels()
        decided.oof_probabilities[task.name], decided.probabilities[task.name] = oof, test
        of_oof[task.name] = adjusted(oof, stack.report, fold)
        of_test[task.name] = Rule.of_json(stack.report["rule"]).adjust(test.values)
    for binary, degree in run.data.linked_tasks:
        decided.oof[binary], decided.oof[degree] = decode(of_oof[binary], of_oof[degree])
        decided.test[binary], decided.test[degree] = decode(of_test[binary], of_test[degree])
        decided.agreed.append(f"{binary} and {degree}")
    return decided


def write_submission(run: Run, form: Format, out: Path | None, settings: StackSettings) -> Submission:
    """Write the competition file of the test rows; return what was written and what its labels score out of fold.

    The out-of-fold rows are written by the same format and scored as the competition would score that text; raises
    SubmissionError where it is not what the stack says.
    """
    decided = decide(run, settings)
    inside, outside = run.data.take(run.plan.cv_rows), run.data.take(run.plan.test_rows)
    rows = test_rows(outside)
    handed = SubmissionRows(
        outside.take(rows),
        {name: labels[rows] for name, labels in decided.test.items()},
        {name: values.take(outside.ids[rows]) for name, values in decided.probabilities.items()},
    )
    text = make_submission(form, handed)
    of_oof = form.read(make_submission(form, SubmissionRows(inside, decided.oof, decided.oof_probabilities)), inside)
    check_direction(form, inside, of_oof, decided)
    path = out or run.store.submission / form.file
    write_atomic(path, text.encode())
    return {
        "file": str(path.resolve()),
        "format": form.name,
        "rows": len(rows),
        "oof_rows": labelled_rows(inside),
        "folds": run.plan.settings.k,
        "oof": label_scores(run, decided),
        "read_back": finite(**form.measure(inside, of_oof)),
        "notes": handed_in_notes(form, inside),
        "agreed": decided.agreed,
        "tuned": decided.tuned,
    }


def check_direction(form: Format, inside: Dataset, read: ReadBack, decided: Decisions) -> None:
    """Raises SubmissionError where the probabilities that a competition reads are not the stack's own: those of the
    other class, say."""
    for name, values in read.probabilities.items():
        task, own = inside.task(name), decided.oof_probabilities[name].values
        if not np.allclose(values, own, atol=1e-6):
            theirs, ours = (score(METRICS["roc_auc"], inside.labels(task), each) for each in (values, own))
            of = "" if task.positive_class is None else f" of the positive class {task.classes[task.positive_class]!r}"
            raise SubmissionError(
                f"The {form.name} file is turned around: read as the probability{of}, its column of {name!r} has an "
                f"AUROC of {theirs:.3f} out of fold, the stack {ours:.3f}. Hand in that class, or name the other in "
                "submit.positive."
            )


def label_scores(run: Run, decided: Decisions) -> dict[str, LabelScore]:
    """Out-of-fold score per subtask of just the labels that are handed in, by a metric that judges labels."""
    inside = run.data.take(run.plan.cv_rows)
    metrics_of = {task.name: target_of(task).metric_of_labels(metric_of(task)) for task in inside.tasks}
    tasks = tuple(replace(task, metric=metrics_of[task.name].name) for task in inside.tasks)
    judged = {
        name: metric_input(replace(decided.oof_probabilities[name], decided=labels), metrics_of[name])
        for name, labels in decided.oof.items()
    }
    constant = {task.name: metric_input(baseline(task, inside), metrics_of[task.name]) for task in tasks}
    scores: dict[str, LabelScore] = {}
    for name, of in subtasks(inside).items():
        own = [task for task in tasks if task.name in of]
        metrics = ", ".join(sorted({task.metric for task in own}))
        found, to_beat = (headline(replace(inside, tasks=tasks), of, values) for values in (judged, constant))
        assert found is not None and to_beat is not None  # every task has labels
        scores[name] = {**found, "metric": metrics, "baseline": to_beat, "baseline_name": baseline_name(own)}
    return scores
