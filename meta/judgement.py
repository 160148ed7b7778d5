"""Finished stacks on new posts: base probabilities, the stack on top, and how much of it each learner carries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensemble.data import Codes, Dataset, Task
from ensemble.errors import StoreError
from ensemble.jobs import Work
from ensemble.prediction import base_probabilities, find_models
from ensemble.predictions import Predictions
from ensemble.progress import Track, silent
from ensemble.run import Run
from ensemble.store import REPORT, Store, check, first_difference, read_predictions
from meta.fitting import Fitted
from meta.table import inputs_of
from meta.verdicts import Verdict

Floats = npt.NDArray[np.float64]
Predict = Callable[[Floats], tuple[Floats, Codes]]
STILL = 1e-12  # falls of a probability below this are rounding


@dataclass(frozen=True)
class Stack:
    """``predict`` maps (rows, learners * classes) to probabilities (rows, classes) and labels (rows,)."""

    learners: tuple[str, ...]
    predict: Predict


def load_stack(store: Store, task: Task, learners: Sequence[str]) -> Stack:
    """The saved stack of a task."""
    fitted = Fitted.load(store.stack(task.name) / "model")

    def predict(features: Floats) -> tuple[Floats, Codes]:
        values = fitted.predict_proba(features)
        return values, np.asarray(values.argmax(axis=1), dtype=np.int64)

    return Stack(tuple(learners), predict)


@dataclass(frozen=True)
class Ready:
    """A stack, the fold models of its learners, and ``usual`` (learners * classes,): their mean OOF probabilities."""

    task: Task
    stack: Stack
    work: tuple[Work, ...]
    usual: Floats


def make_ready(run: Run, task: Task) -> Ready:
    """Everything that predicting a task needs, checked; raises StoreError naming what is missing or stale."""
    folder = run.store.stack(task.name)
    again = f"run `ensemble stack --task {task.name}`"
    report = check(folder, REPORT, None, again)
    stack = load_stack(run.store, task, list(report["learners"]))
    names = stack.learners
    found = {name: find_models(run, name, task, [other for other in names if other != name]) for name in names}
    now = {**run.identity, **inputs_of({name: record for name, (record, _) in found.items()})}
    difference = first_difference({key: report["made_of"].get(key) for key in now}, now)
    if difference:
        raise StoreError(f"{folder} is stale: {difference}; {again}.")
    oof = [read_predictions(run.store.base(name, task.name), "oof", task).values for name in names]
    work = tuple(item for _, models in found.values() for item in models)
    return Ready(task, stack, work, np.concatenate([values.mean(axis=0) for values in oof]))


def judge(run: Run, stacks: Sequence[Ready], posts: Dataset, track: Track = silent) -> list[Verdict]:
    """What each stack says of the posts. The fold models of a learner run one after the other, whatever the task, since
    they share features."""
    names = list(dict.fromkeys(name for one in stacks for name in one.stack.learners))
    work = sorted((item for one in stacks for item in one.work), key=lambda item: names.index(item.job.learner))
    base = base_probabilities(run, work, posts, track)
    return [_verdict(one, posts, base) for one in stacks]


def _verdict(one: Ready, posts: Dataset, base: dict[tuple[str, str], Predictions]) -> Verdict:
    learners, predict = one.stack.learners, one.stack.predict
    features = np.hstack([base[name, one.task.name].values for name in learners])
    values, labels = predict(features)
    carried = shares(predict, features, one.usual, len(learners))
    return Verdict(Predictions(one.task, posts.ids, values), labels, learners, carried)


def shares(predict: Predict, features: Floats, usual: Floats, learners: int) -> Floats:
    """(rows, learners): how much of a decision each learner carries; absolute values sum to one, or all are 0.

    Each learner in turn is silenced: its probabilities give way to the ``usual`` ones (learners * classes,), its means
    out of fold. By as much as the probability of the decided class then falls, the learner has spoken for the decision;
    where it rises, against it, and the share is negative. Shares are falls over the sum of their absolute values, 0
    where nothing moves. They tell of one learner at a time: what two say alike, either of them may carry alone.
    """
    values, labels = predict(features)
    rows, width = np.arange(len(features)), features.shape[1] // learners
    falls = np.zeros((len(features), learners))
    for learner in range(learners):
        columns = slice(learner * width, (learner + 1) * width)
        silenced = features.copy()
        silenced[:, columns] = usual[columns]
        falls[:, learner] = values[rows, labels] - predict(silenced)[0][rows, labels]
    total = np.abs(falls).sum(axis=1, keepdims=True)
    return np.asarray(np.divide(falls, total, out=np.zeros_like(falls), where=total > STILL))
