"""What a distilled model scores beside the stack and beside the same learner of labels, and what each of them takes."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.metrics import metric_of
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.scoring import Score, ScoreCard, difference, score_card
from ensemble.system.folders import size_of
from ensemble.system.progress import silent
from meta import loaded_stack
from meta.distillation.student import Student, predict_posts
from meta.nested_cv import mean_under_rule
from meta.records import StackReport
from meta.table import MetaTable
from meta.targets import target_of

WARM_UP, TIMED = 8, 64  # posts
KEPT = 2_000_000_000  # bytes of fold models
STUDENT, STACK = "distilled", "stack"


def models_of(table: MetaTable, name: str, oof: Predictions, stack: Predictions) -> dict[str, Predictions]:
    """Out of fold: the student, the stack, and where it is stacked the student's learner as it learns labels, decided
    by a rule as the student is."""
    found = {STUDENT: oof, STACK: stack}
    if name in table.learners:
        ruled = target_of(table.task).ruled
        found[f"{name} on labels"] = mean_under_rule(table, [name]) if ruled else table.learner_oof(name)
    return found


def cards_of(run: Run, table: MetaTable, models: dict[str, Predictions]) -> dict[str, ScoreCard]:
    inside = run.data.take(run.plan.cv_rows)
    return {name: score_card(table.task, each, inside, table.fold) for name, each in models.items()}


def against(table: MetaTable, models: dict[str, Predictions]) -> dict[str, Score]:
    """By how much the student is better than the others, paired row by row."""
    metric, labels, groups = metric_of(table.task), table.labels, table.groups
    others = [name for name in models if name != STUDENT]
    return {name: difference(metric, labels, groups, models[STUDENT], models[name]) for name in others}


def test_cards(run: Run, report: StackReport, student: Student, test: Predictions) -> dict[str, ScoreCard]:
    """Of a labelled test part; nothing where there is none."""
    if "test" not in report:
        return {}
    rows = run.data.take(run.plan.test_rows)
    return {STUDENT: score_card(student.task, test, rows), STACK: report["test"]["cards"]["stack"]}


def bytes_of(run: Run, student: Student, report: StackReport) -> dict[str, int]:
    """Of the models on the disk; the weights of frozen encoders, which both look through, are not among them."""
    task = student.task.name
    jobs = [job for name in report["stacked"] for job in run.store.base(name, task).finished_jobs()]
    below = [job.path / file for job in jobs for file in job.read_record()["files"] if file.startswith("model/")]
    stack = sum(path.stat().st_size for path in below if path.is_file()) + size_of(run.store.stack(task).model)
    return {STUDENT: size_of(run.store.distilled(task).model), STACK: stack}


def posts_per_second(run: Run, student: Student, report: StackReport) -> dict[str, float]:
    """Of the student, and of the stack where its models were kept, and all fit into memory at once; from files to
    labels, once all is loaded."""
    found = {STUDENT: _speed(run, lambda fresh, posts: predict_posts(fresh, [student], posts))}
    small = bytes_of(run, student, report)[STACK] <= KEPT
    if small and not loaded_stack.without_models(run, student.task, report["stacked"]):
        stacks = loaded_stack.load_stacks(run, [student.task], operating_points=False)
        kept = loaded_stack.load_models(run, stacks)
        found[STACK] = _speed(run, lambda fresh, posts: loaded_stack.predict_posts(fresh, stacks, posts, silent, kept))
    return found


def _speed(run: Run, ask: Callable[[Run, Dataset], object]) -> float:
    """Posts a second with nothing in the cache; the first few, for which encoders are loaded, do not count."""
    fresh = replace(run, cache=FeatureCache(None, silent, run.cache.image_bytes, run.cache.root, of_new_posts=True))
    rows = run.plan.cv_rows
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, WARM_UP + TIMED).astype(int))]
    posts = run.data.without_labels().take(np.random.default_rng(0).permutation(rows))
    ask(fresh, posts.take(np.arange(WARM_UP)))
    started = time.monotonic()
    ask(fresh, posts.take(np.arange(WARM_UP, len(posts))))
    return round((len(posts) - WARM_UP) / (time.monotonic() - started), 2)
