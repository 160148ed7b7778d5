"""Finished stacks on new posts: base probabilities, the stack on top, and how much of it each learner carries."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.data import Codes, Dataset, Floats, Task
from ensemble.errors import StoreError, command, some
from ensemble.jobs.finished import KeptModels, base_probabilities, find_models, load_model
from ensemble.jobs.job import JobSpec
from ensemble.modalities import MODALITIES
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.records import BaseRecord
from ensemble.run import Run
from ensemble.system.progress import Track, silent
from ensemble.targets import Labels, Mask
from meta.linked_tasks import decide_together
from meta.operating.kept import point_of
from meta.operating.points import OperatingPoint
from meta.post_predictions import PostPredictions
from meta.records import StackReport
from meta.stack import Stack, read_report
from meta.table import means_of
from meta.targets import target_of

log = logging.getLogger("ensemble")

Pair = tuple[str, str]  # learner, task
Models = dict[Pair, tuple[BaseRecord, list[JobSpec]]]
STILL = 1e-12  # falls of a probability, or of a number, below this are rounding


@dataclass(frozen=True)
class LoadedStack:
    """A stack, the fold models behind it, and ``usual`` (learners * columns,): its learners' mean OOF predictions.

    ``related`` are the learners of each other task whose means are further columns. At a ``point`` labels are those of
    an operating point in place of the stack's own.
    """

    task: Task
    stack: Stack
    jobs: Mapping[Pair, list[JobSpec]]
    usual: Floats
    related: Mapping[str, Sequence[str]]
    point: OperatingPoint | None = None

    def features(self, base: Mapping[Pair, Predictions]) -> Floats:
        """(rows, columns) as the stack was fitted on them."""
        own = np.hstack([base[name, self.task.name].values for name in self.stack.learners])
        if not self.related:
            return own
        others = [[base[name, task] for name in names] for task, names in self.related.items()]
        return np.hstack([own, means_of([(of[0].task, np.stack([each.values for each in of], 1)) for of in others])])


def modalities_needed(run: Run, tasks: Sequence[Task]) -> list[str]:
    """What of a post the learners behind these stacks look at: all where one does not say. Raises StoreError where a
    stack is missing. A learner that the configuration no longer has counts nothing; ``load_stacks`` refuses it."""
    found: set[str] = set()
    for task in tasks:
        report = read_report(run.store.stack(task.name), None, "--task", task.name)
        names = {name for of_task in _learners_by_task(run, task, report).values() for name in of_task}
        for name in names & set(run.learners.names()):
            modalities = run.learners.bind(run.learners.spec(name)).modalities
            found |= set(run.data.modalities) if modalities is None else set(modalities)
    return [name for name in MODALITIES if name in found]


def without_models(run: Run, task: Task, learners: Sequence[str]) -> list[str]:
    """Of these finished learners those that cannot be asked about new posts: they were imported, or their models were
    not kept."""
    imported, found = run.results.imported(task), []
    for name in learners:
        jobs = [job.read_record()["files"] for job in run.store.base(name, task.name).finished_jobs()]
        if name in imported or not all(any(file.startswith("model/") for file in files) for files in jobs):
            found.append(name)
    return found


def _learners_by_task(run: Run, task: Task, report: StackReport) -> dict[str, list[str]]:
    """Those whose probabilities for the task are stacked, and of each related task those that are looked at beside."""
    made_of = Provenance.of_record(report)
    others = {other.name: made_of.inputs_of(other.name) for other in run.data.tasks if other.name != task.name}
    return {task.name: list(report["stacked"]), **{name: learners for name, learners in others.items() if learners}}


def load_stacks(run: Run, tasks: Sequence[Task], operating_points: bool = True) -> list[LoadedStack]:
    """Everything that predicting these tasks needs, checked, and their operating points unless these are left out;
    raises StoreError naming what is missing or stale."""
    found: Models = {}
    return [_load_stack(run, task, found, operating_points) for task in tasks]


def _load_stack(run: Run, task: Task, found: Models, operating_points: bool) -> LoadedStack:
    folder = run.store.stack(task.name)
    again = f"run {command('stack', '--task', task.name)}"
    report = read_report(folder, None, "--task", task.name)
    stack, made_of = Stack.load(folder, report), Provenance.of_record(report)
    learners = _learners_by_task(run, task, report)
    records, jobs = {}, {}
    for of_task, names in learners.items():
        for name in names:
            pair = name, of_task
            if pair not in found:
                found[pair] = find_models(run, name, run.data.task(of_task), [n for n in names if n != name])
            records[name if of_task == task.name else f"{of_task}/{name}"], jobs[pair] = found[pair]
    now = Provenance.of_inputs(records).with_parts(**run.identity)
    difference = made_of.difference(now, list(now.parts))
    if difference:
        raise StoreError(f"{folder.path} is stale: {difference}; {again}.")
    oof = [run.store.base(name, task.name).read("oof", task).values for name in stack.learners]
    related = {name: names for name, names in learners.items() if name != task.name}
    point = point_of(run, task, report) if operating_points else None
    return LoadedStack(task, stack, jobs, np.concatenate([values.mean(axis=0) for values in oof]), related, point)


def ask_learners(
    run: Run, stacks: Sequence[LoadedStack], posts: Dataset, track: Track = silent, kept: KeptModels | None = None
) -> Mapping[Pair, Predictions]:
    """What the learners behind the stacks predict for the posts. The fold models of a learner run one after the other,
    whatever the task, since they share features; they are loaded unless they are ``kept``."""
    pairs = {pair: jobs for one in stacks for pair, jobs in one.jobs.items()}
    names = list(dict.fromkeys(name for name, _ in pairs))
    ordered = sorted(pairs, key=lambda pair: names.index(pair[0]))
    return base_probabilities(run, [job for pair in ordered for job in pairs[pair]], posts, track, kept)


def load_models(run: Run, stacks: Sequence[LoadedStack]) -> KeptModels:
    """All fold models behind these stacks, to be kept in memory."""
    return {job.job: load_model(run, job) for one in stacks for jobs in one.jobs.values() for job in jobs}


def predict_posts(
    run: Run, stacks: Sequence[LoadedStack], posts: Dataset, track: Track = silent, kept: KeptModels | None = None
) -> list[PostPredictions]:
    """What each stack predicts for the posts; linked tasks are decided together."""
    return stack_posts(run, stacks, posts, ask_learners(run, stacks, posts, track, kept))


def stack_posts(
    run: Run, stacks: Sequence[LoadedStack], posts: Dataset, base: Mapping[Pair, Predictions]
) -> list[PostPredictions]:
    """The same of what their learners predict."""
    features = {one.task.name: one.features(base) for one in stacks}
    stacked = {one.task.name: one.stack.predict(features[one.task.name]) for one in stacks}
    labels = {name: decided for name, (_, decided) in stacked.items()}
    adjusted = {one.task.name: one.stack.rule.adjust(stacked[one.task.name][0]) for one in stacks}
    labels = decide_together(run.data.linked_tasks, labels, adjusted)
    found = []
    for one in stacks:
        name, learners = one.task.name, one.stack.learners
        labels[name], review = at_operating_point(one, stacked[name][0], labels[name])
        decided = labels[name] if target_of(one.task).ruled else None
        predictions = Predictions(one.task, posts.ids, stacked[name][0], decided=decided)
        columns = target_of(one.task).credited(labels[name])
        carried = shares(one.stack.values, features[name], columns, one.usual, len(learners))
        heard = [learner for learner, of_rows in zip(learners, carried.T, strict=True) if of_rows.any()]
        heard += [learner for names in one.related.values() for learner in names]
        say_who_is_not_looked_at(run, one.task, heard, posts)
        found.append(PostPredictions(predictions, learners, carried, review))
    return found


def at_operating_point(one: LoadedStack, values: Floats, labels: Labels) -> tuple[Labels, Mask | None]:
    """The labels (rows,) to give, and which posts are for review, of a stack's predictions and its own labels; these
    as they are where there is no operating point."""
    if one.point is None:
        return labels, None
    return one.point.decide(values, one.stack.rule, np.asarray(labels, dtype=np.int64))


def say_who_is_not_looked_at(
    run: Run, task: Task, heard: Sequence[str], posts: Dataset, model: str = "the stack"
) -> None:
    """Which posts have something, but nothing that the learners which are ``heard`` look at."""
    looked_at = [run.learners.bind(run.learners.spec(name)).modalities for name in heard]
    needed = [name for name in MODALITIES if any(of is None or name in of for of in looked_at)]
    if not needed:
        return
    has = {name: np.array([cell is not None for cell in posts.cells(name)]) for name in MODALITIES}
    lost = np.any(list(has.values()), axis=0) & ~np.any([has[name] for name in needed], axis=0)
    if lost.any():
        said = "%s: %s of %s posts have no %s, and %s looks at nothing else: they all get the usual answer (%s)."
        counts = f"{lost.sum():,}", f"{len(posts):,}"
        log.warning(said, task.name, *counts, " or ".join(needed), model, some(posts.ids[lost]))


def shares(
    predict: Callable[[Floats], Floats], features: Floats, credited: Codes, usual: Floats, learners: int
) -> Floats:
    """(rows, learners): how much of the ``credited`` (rows,) columns, those of the labels, each learner carries;
    absolute values sum to one, or all are 0.

    Each learner in turn is silenced: its columns of ``features`` (rows, learners * columns, perhaps more) give way to
    the ``usual`` (learners * columns,), its mean predictions out of fold. By as much as the probability of the label
    then falls, the learner has spoken for it; where it rises, against it, and the share is negative. A number it has
    raised or lowered. Shares are falls over the sum of their absolute values, 0 where nothing moves. They tell of one
    learner at a time: what two say alike, either of them may carry alone.
    """
    rows, width = np.arange(len(features)), len(usual) // learners
    before = predict(features)[rows, credited]
    falls = np.zeros((len(features), learners))
    for learner in range(learners):
        columns = slice(learner * width, (learner + 1) * width)
        silenced = features.copy()
        silenced[:, columns] = usual[columns]
        falls[:, learner] = before - predict(silenced)[rows, credited]
    total = np.abs(falls).sum(axis=1, keepdims=True)
    return np.asarray(np.divide(falls, total, out=np.zeros_like(falls), where=total > STILL))
