"""From stacked probabilities to the labels that are handed in, and the OOF scores of just these labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.data import Codes
from ensemble.files import write_atomic
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.submission import Handed, make_submission, test_rows
from meta.presence import agree, decode
from meta.stack import read_stack
from meta.summary import headline, labelled_rows, subtasks


@dataclass(frozen=True)
class Decisions:
    """Per task: ``oof`` labels of the inside rows and ``test`` labels of the outside rows, in the order of the table;
    ``probabilities`` of the outside rows; ``rules`` by which pairs of tasks were made to agree."""

    oof: dict[str, Codes]
    test: dict[str, Codes]
    probabilities: dict[str, Predictions]
    rules: dict[str, str]


def decide(run: Run, estimators: Sequence[str], learners: Sequence[str]) -> Decisions:
    """Labels for every task from its finished stack; raises StoreError where one is missing or stale."""
    inside, outside = run.data.take(run.plan.inside), run.data.take(run.plan.outside)
    stacks = {task.name: read_stack(run, task, estimators, learners) for task in run.data.tasks}
    decided = Decisions(
        {name: oof.take(inside.ids).labels() for name, (oof, _) in stacks.items()},
        {name: test.take(outside.ids).labels() for name, (_, test) in stacks.items()},
        {name: test.take(outside.ids) for name, (_, test) in stacks.items()},
        {},
    )
    for binary, degree in run.data.presence:
        agreed = agree(stacks[binary][0], stacks[degree][0], inside, run.plan.fold[run.plan.inside])
        decided.oof[binary], decided.oof[degree] = agreed.binary, agreed.degree
        probabilities = decided.probabilities
        decided.test[binary], decided.test[degree] = decode(probabilities[binary], probabilities[degree], agreed.rule)
        decided.rules[f"{binary} and {degree}"] = agreed.rule
    return decided


def hand_in(
    run: Run, form: str, out: Path | None, estimators: Sequence[str], learners: Sequence[str]
) -> dict[str, Any]:
    """Write the competition file of the test rows; return what was written and what its labels score out of fold."""
    decided = decide(run, estimators, learners)
    outside = run.data.take(run.plan.outside)
    rows = test_rows(outside)
    handed = Handed(
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
        "oof_rows": labelled_rows(run.data.take(run.plan.inside)),
        "folds": run.plan.settings.k,
        "oof": label_scores(run, decided),
        "rules": decided.rules,
    }


def label_scores(run: Run, decided: Decisions) -> dict[str, dict[str, Any]]:
    """Out-of-fold score per subtask of just the labels that are handed in. Labels have neither ranks nor
    probabilities, so tasks judged by those are scored by macro-F1 here."""
    inside = run.data.take(run.plan.inside)
    tasks = tuple(
        replace(task, metric="macro_f1") if task.metric in ("roc_auc", "log_loss") else task for task in inside.tasks
    )
    one_hot = {name: np.eye(len(inside.task(name).classes))[labels] for name, labels in decided.oof.items()}
    scores = {}
    for name, of in subtasks(inside).items():
        metrics = sorted({task.metric for task in tasks if task.name in of})
        scores[name] = {**(headline(replace(inside, tasks=tasks), of, one_hot) or {}), "metric": ", ".join(metrics)}
    return scores
