"""A stack as a teacher: its out-of-fold predictions as soft labels, also of stacks that know nothing of one fold.

Why the latter: out-of-fold predictions of a row come from base learners that have not seen the row's own label, but the
labels of all other folds. Who learns them learns what these learners made of fold k, too, and scored on k would be
scored on labels it has seen: a linear student of linear learners gives back what they say of rows they were fitted on.
The nested predictions of the stack do not help, since the base learners below them are the same. So who is to predict
fold k learns from base learners and a stack that were trained without it.
"""

from dataclasses import dataclass, replace

from ensemble.data import Task
from ensemble.errors import LearnerError
from ensemble.jobs.job import list_work
from ensemble.jobs.train import Engine, train, with_transform
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.system.progress import Track
from meta.stack import make_stack
from meta.table import StackSettings, assemble

SEED = 0


@dataclass(frozen=True)
class WithoutFold:
    """Changes a run to one that knows nothing of the rows of a fold: as many folds again among the others, the named
    learners as they are set for the task, results in a folder of their own."""

    fold: int
    task: str
    learners: tuple[str, ...]

    def __call__(self, run: Run) -> Run:
        task = run.data.task(self.task)
        specs = tuple(run.learners.pinned(run.learners.spec(name), task) for name in self.learners)
        plan = run.plan.nested(run.data, self.fold, SEED)
        return replace(run, store=run.store.teacher(self.fold), plan=plan, specs=specs, keep_models="none")


def soft_labels(run: Run, task: Task, settings: StackSettings, track: Track) -> Predictions:
    """What a stack of these settings says of all rows in folds: of each as it is chosen and fitted on the others."""
    nested, _ = make_stack(assemble(run, task, settings).table, settings, track)
    return nested.oof


def soft_labels_without(
    run: Run, fold: int, task: Task, settings: StackSettings, track: Track, engine: Engine
) -> Predictions:
    """The same of the rows of the other folds, by learners and a stack that were trained without the rows of ``fold``.

    Finished jobs are never done again. Raises LearnerError where one fails.
    """
    transform = WithoutFold(fold, task.name, settings.learners)
    inner = transform(run)
    failed = train(inner, list_work(inner, inner.specs, [task], ()), track, with_transform(engine, transform))
    if failed:
        raise LearnerError(f"Without fold {fold}, {failed[0].job}: {failed[0].reason}")
    return soft_labels(inner, task, settings, track)
