"""Distilling a stack into one small model, judged out of fold.

Hinton, Vinyals & Dean 2015: a small model that learns the probabilities of a large one learns more of each row than its
label says. Their temperature is 1 here: the probabilities of a stack are far from 0 and 1 as they are. Soft and true
labels are mixed as there: a weighted sum of two cross-entropies is the cross-entropy of the mixed labels.
"""

import time
from dataclasses import replace
from typing import NotRequired, cast

import numpy as np

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Codes, Task
from ensemble.errors import ConfigError, StoreError, command, unknown
from ensemble.jobs.finished import predict_with_model
from ensemble.jobs.job import JobSpec
from ensemble.jobs.train import Engine, sequential
from ensemble.learner import BaseLearner
from ensemble.metrics import metric_of
from ensemble.predictions import Predictions, concatenate
from ensemble.provenance import Provenance
from ensemble.records import DistilledRecord
from ensemble.run import Run
from ensemble.scoring import Score, ScoreCard
from ensemble.system.files import Json
from ensemble.system.progress import Track, silent
from meta.distillation.judging import STACK, against, bytes_of, cards_of, models_of, posts_per_second, test_cards
from meta.distillation.student import WHOLE, Student, can_learn, cannot_learn, fit_student, job_of, mixed, teacher_of
from meta.distillation.teacher import soft_labels, soft_labels_without
from meta.nested_cv import rows_of, under_rule
from meta.records import StackReport
from meta.selection import rule_of
from meta.stack import FinishedStack, read_stack
from meta.table import StackInputs, StackSettings, assemble
from meta.targets import target_of


class DistilReport(DistilledRecord):
    """``cards`` are score cards out of fold, of the student, the stack, and the student's learner as it learns labels,
    where it is stacked; ``against`` the student's paired differences from the others. ``test`` are cards of a labelled
    test part. ``bytes`` on the disk beside weights of encoders; ``posts_per_second`` once loaded, of the stack where
    its models were kept and are no larger than KEPT. ``teacher`` is the candidate that was learned, or the stack,
    ``labels`` the share of true labels; ``tuned`` are learners whose parameters were chosen on rows of the folds."""

    task: str
    metric: str
    teacher: str
    labels: float
    folds: int
    cards: dict[str, ScoreCard]
    against: dict[str, Score]
    test: NotRequired[dict[str, ScoreCard]]
    tuned: list[str]
    bytes: dict[str, int]
    posts_per_second: dict[str, float]
    seconds: float


def distil(
    run: Run,
    task: Task,
    settings: StackSettings,
    name: str | None = None,
    teacher: str | None = None,
    labels: float = 0.0,
    track: Track = silent,
    engine: Engine = sequential,
) -> DistilReport:
    """Fit the base learner ``name`` on what the finished stack says, by default the best of those that learn soft
    labels, into ``distilled/<task>/``; a fresh finished one is only read again.

    ``teacher`` is a candidate, by default the whole stack; of each soft label a share of ``labels`` is the true
    one. Out of fold, each fold is predicted by a student of a teacher that was trained without it. Raises StoreError
    where there is no stack or a learner below it cannot be trained again, ConfigError for names there are not.
    """
    inputs = assemble(run, task, settings)
    stack = read_stack(run, inputs)
    if teacher is not None and teacher not in (known := settings.candidates(task)):
        raise ConfigError(unknown("candidate", teacher, known))
    spec = run.learners.pinned(_student_named(run, stack.report, task, name), task)
    learned = replace(settings, learners=_trainable(run, inputs))
    learned = replace(learned, estimators=(teacher,)) if teacher else learned
    facts: dict[str, Json] = {"candidate": teacher, "labels": labels, "seed": run.seeds[0]}
    provenance = run.learners.provenance(spec, task).with_parts(teacher=teacher_of(stack.report), **facts)
    folder = run.store.distilled(task.name)
    if not folder.is_done(provenance):
        _make(run, spec, inputs, stack, learned, labels, provenance, track, engine)
    return cast(DistilReport, folder.verify(provenance, f"run {command('distil', '--task', task.name)}"))


def _make(
    run: Run,
    spec: LearnerSpec,
    inputs: StackInputs,
    stack: FinishedStack,
    learned: StackSettings,
    labels: float,
    provenance: Provenance,
    track: Track,
    engine: Engine,
) -> None:
    """Fit, judge and write the student of a stack of these settings."""
    started, task, table, folder = time.monotonic(), inputs.task, inputs.table, run.store.distilled(inputs.task.name)
    job_spec, rows = job_of(run, spec, task, WHOLE), run.data.take(run.plan.cv_rows)
    said = stack.oof if learned.estimators == inputs.settings.estimators else soft_labels(run, task, learned, track)
    learner = fit_student(run, job_spec, rows, mixed(task, said, rows, labels))
    values = _out_of_fold(run, spec, task, learned, labels, track, engine).take(table.ids).values
    oof = under_rule(table, values)
    student = Student(job_spec, learner, rule_of(rows_of(table), values))
    test = _ruled(student, _ask(run, job_spec, learner, run.plan.outside_rows))
    models = models_of(table, spec.name, oof, stack.oof.take(table.ids))
    tested = test_cards(run, stack.report, student, test)
    facts: dict[str, object] = {
        "task": task.name,
        "metric": task.metric,
        "learner": spec.name,
        "teacher": learned.estimators[0] if len(learned.estimators) == 1 else STACK,
        "labels": labels,
        "folds": run.plan.settings.k,
        "rule": student.rule.as_json(),
        "cards": cards_of(run, table, models),
        "against": against(table, models),
        **({"test": tested} if tested else {}),
        "tuned": sorted({*stack.report["tuned"], *([spec.name] if spec.tuned else [])}),
        "posts_per_second": posts_per_second(run, student, stack.report),
    }
    with run.store.lock():
        folder.clear()
        folder.write({"oof": oof, "test": test}, provenance)
        folder.model.mkdir(exist_ok=True)
        learner.save(folder.model)
        size, seconds = bytes_of(run, student, stack.report), round(time.monotonic() - started, 3)
        folder.commit(provenance, **facts, bytes=size, seconds=seconds)


def _student_named(run: Run, report: StackReport, task: Task, name: str | None) -> LearnerSpec:
    """The named learner, or of the stacked ones that learn soft labels the one with the best score."""
    if name is not None:
        spec = run.learners.spec(name)
        if name not in can_learn(run, task):
            raise ConfigError(cannot_learn(run, name, task))
        return spec
    able = [one for one in can_learn(run, task) if one in report["stacked"]]
    if not able:
        raise ConfigError(
            f"None of the learners in the stack of {task.name} learns soft labels ({', '.join(report['stacked'])}); "
            "name one of the configuration that does, a tfidf or frozen one: --learner NAME."
        )
    values = {one: report["learners"][one]["metrics"][task.metric]["value"] for one in able}
    scores = {one: -np.inf if value is None else metric_of(task).sign * value for one, value in values.items()}
    return run.learners.spec(max(able, key=lambda one: scores[one]))


def _trainable(run: Run, inputs: StackInputs) -> tuple[str, ...]:
    """The stacked learners; raises StoreError where one cannot be trained again without a fold."""
    if inputs.settings.related:
        raise StoreError("A stack that looks at related tasks cannot be distilled: stack with stack.related=false.")
    imported = [name for name in inputs.table.learners if name not in run.learners.names()]
    if imported:
        raise StoreError(
            f"{imported[0]!r} was imported and cannot be trained again without a fold, so nobody could say what a "
            "distilled model scores; stack without it (stack.learners), then distil."
        )
    return inputs.table.learners


def _out_of_fold(
    run: Run, spec: LearnerSpec, task: Task, settings: StackSettings, labels: float, track: Track, engine: Engine
) -> Predictions:
    """Each fold by a student of a teacher that was trained without it."""
    parts = []
    for fold in range(run.plan.settings.k):
        said = soft_labels_without(run, fold, task, settings, track, engine)
        job_spec, rows = job_of(run, spec, task, fold), run.data.take(run.plan.fit_rows(fold))
        learner = fit_student(run, job_spec, rows, mixed(task, said, rows, labels))
        parts.append(_ask(run, job_spec, learner, run.plan.held_out_rows(fold)))
    return concatenate(parts)


def _ask(run: Run, job_spec: JobSpec, learner: BaseLearner, rows: Codes) -> Predictions:
    posts = run.data.without_labels()
    return predict_with_model(run, job_spec, posts, posts.take(rows), silent, {job_spec.job: learner})


def _ruled(student: Student, said: Predictions) -> Predictions:
    return replace(said, decided=student.rule.decide(said.values)) if target_of(student.task).ruled else said
