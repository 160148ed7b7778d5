"""A student: a base learner that is fitted on soft labels, kept as one model, asked about new posts."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.bound_learners import LearnerSpec
from ensemble.data import Dataset, Floats, Task
from ensemble.errors import ConfigError, StoreError, command
from ensemble.jobs.finished import base_probabilities, provenance_now
from ensemble.jobs.job import JobSpec
from ensemble.learner import BaseLearner, LearnsSoftLabels, Prepares
from ensemble.modalities import MODALITIES
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.paths import relative_to
from ensemble.system.progress import Track, silent
from meta.linked_tasks import decide_together
from meta.loaded_stack import say_who_is_not_looked_at
from meta.post_predictions import PostPredictions
from meta.records import StackReport
from meta.rules import Rule
from meta.stack import read_report
from meta.targets import target_of

log = logging.getLogger("ensemble")

WHOLE = -1  # the fold of a model that is fitted on all


@dataclass(frozen=True)
class Student:
    """A fitted model for a task, and the rule that decides its labels."""

    job_spec: JobSpec
    learner: BaseLearner
    rule: Rule

    @property
    def task(self) -> Task:
        return self.job_spec.task


def job_of(run: Run, spec: LearnerSpec, task: Task, fold: int) -> JobSpec:
    """As what a student is fitted and asked: with the first seed, on the rows but those of ``fold``."""
    job = Job(spec.name, task.name, run.seeds[0], fold)
    return JobSpec(job, spec, task, run.learners.settings(spec, task).of_job(job.seed, fold))


def fit_student(run: Run, job_spec: JobSpec, rows: Dataset, soft: Floats) -> BaseLearner:
    """Fitted on these rows and their soft labels (rows, columns); raises ConfigError for a learner that learns none."""
    with relative_to(run.home):
        learner = run.learners.make(job_spec.spec, job_spec.task)
        if not isinstance(learner, LearnsSoftLabels):
            raise ConfigError(cannot_learn(run, job_spec.spec.name, job_spec.task))
        if isinstance(learner, Prepares):
            learner.prepare(run.data.without_labels(), run.cache)
        learner.fit_soft(rows, job_spec.task, soft, job_spec.job.seed)
        return learner


def can_learn(run: Run, task: Task) -> list[str]:
    """The base learners that learn soft labels."""
    found = {spec.name: run.learners.bind(spec).example for spec in run.learners.specs}
    return [name for name, learner in found.items() if isinstance(learner, LearnsSoftLabels) and _learns(learner, task)]


def _learns(learner: LearnsSoftLabels, task: Task) -> bool:
    """Of classes a probe that is no logistic one learns none."""
    return not task.classes or getattr(learner, "probe", "logistic") == "logistic"


def cannot_learn(run: Run, name: str, task: Task) -> str:
    """Why a learner is no student, and which are."""
    others = can_learn(run, task)
    there = f"of this run {', '.join(others)} can" if others else "a learner 'tfidf' or 'frozen' can; this run has none"
    return f"base.{name} learns no soft labels; {there}."


def mixed(task: Task, teacher: Predictions, data: Dataset, share: float) -> Floats:
    """(rows, columns) soft labels of the rows of ``data``: a ``share`` of the true label where that is known, the rest
    as the teacher says."""
    soft = teacher.take(data.ids).values.copy()
    labels = data.labels(task)
    known = task.target.known(labels)
    true = np.eye(len(task.classes))[labels[known].astype(np.int64)] if task.classes else labels[known, None]
    soft[known] = share * true + (1 - share) * soft[known]
    return soft


def teacher_of(report: StackReport) -> str:
    """The fingerprint of a finished stack: of all it was made of."""
    return Provenance.of_record(report).fingerprint(files=dict(report)["files"])


def load_students(run: Run, tasks: Sequence[Task]) -> list[Student]:
    """The distilled models of these tasks, checked; raises StoreError naming what is missing or stale."""
    return [_load_student(run, task) for task in tasks]


def _load_student(run: Run, task: Task) -> Student:
    folder, again = run.store.distilled(task.name), f"run {command('distil', '--task', task.name)}"
    record = folder.verify(None, again)
    made_of = Provenance.of_record(record)
    report = read_report(run.store.stack(task.name), None, "--task", task.name)
    name = record["learner"]
    if name not in run.learners.names():
        raise StoreError(f"{run.store.record} has no base.{name} any more, which {folder.path} is; {again}.")
    spec = run.learners.pinned(run.learners.spec(name), task)
    now = provenance_now(run, spec, task, made_of).with_parts(teacher=teacher_of(report)).without("seeds")
    difference = made_of.difference(now, list(now.parts))
    if difference:
        told = "it was distilled from another stack" if difference.startswith("teacher was") else difference
        raise StoreError(f"{folder.path} is stale: {told}; {again}.")
    if run.store.operating_point(task.name).is_file():
        log.warning("%s: the operating point is of the stack; labels are the distilled model's own.", task.name)
    with relative_to(run.home):
        learner = run.learners.make(spec, task)
        learner.load(folder.model)
    return Student(job_of(run, spec, task, WHOLE), learner, Rule.of_json(record["rule"]))


def modalities_needed(run: Run, students: Sequence[Student]) -> list[str]:
    """What of a post they look at: all where one does not say."""
    looked_at = [run.learners.bind(one.job_spec.spec, one.task).modalities for one in students]
    return [name for name in MODALITIES if any(of is None or name in of for of in looked_at)]


def predict_posts(
    run: Run, students: Sequence[Student], posts: Dataset, track: Track = silent
) -> list[PostPredictions]:
    """What each student predicts for the posts; linked tasks are decided together. There are no shares of learners."""
    kept = {one.job_spec.job: one.learner for one in students}
    asked = base_probabilities(run, [one.job_spec for one in students], posts, track, kept)
    values = {one.task.name: asked[one.job_spec.job.learner, one.task.name].values for one in students}
    labels = {one.task.name: one.rule.decide(values[one.task.name]) for one in students}
    adjusted: Mapping[str, Floats] = {one.task.name: one.rule.adjust(values[one.task.name]) for one in students}
    labels = decide_together(run.data.linked_tasks, labels, adjusted)
    found = []
    for one in students:
        name = one.task.name
        say_who_is_not_looked_at(run, one.task, [one.job_spec.job.learner], posts, "the distilled model")
        decided = labels[name] if target_of(one.task).ruled else None
        predictions = Predictions(one.task, posts.ids, values[name], decided=decided)
        found.append(PostPredictions(predictions, (), np.zeros((len(posts), 0))))
    return found
