"""What a command and a method of a project do alike on an opened session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.doubts import doubts, not_for_new_posts
from cli.session import Session
from ensemble.errors import ConfigError
from ensemble.jobs.job import list_work
from ensemble.jobs.status import FinishedLearner, baseline_cards, finished
from ensemble.jobs.train import check_models, train
from ensemble.scoring import BaselineCard
from ensemble.upkeep.budget import Spent, seconds_of, train_within
from ensemble.upkeep.disk import check_disk

if TYPE_CHECKING:
    from meta.records import StackedTasks


@dataclass(frozen=True)
class Trained:
    """The learners whose folds are all done, what knows the labels alone by task, and what became of the others."""

    learners: list[FinishedLearner]
    baselines: dict[str, BaselineCard]
    spent: Spent


def train_learners(
    session: Session,
    learners: Sequence[str],
    tasks: Sequence[str],
    folds: Sequence[int],
    say: Callable[[str], None],
    budget: str = "",
) -> Trained:
    """Do the jobs of these, by default of all, that are not done yet; ``say`` hears what to know before hours are
    spent. A process that only takes part in the trainings of another one gets nothing."""
    run, processes = session.run, session.parallel.processes
    if budget and run.distributed.size > 1:
        raise ConfigError("--budget is of one command; processes of torchrun would not stop together.")
    specs, asked = run.learners.some(learners), run.some_tasks(tasks)
    for doubt in () if run.distributed.is_worker else doubts(session):
        say(f"{doubt.removesuffix('.')}.")
    work = list_work(run, specs, asked, folds)
    check_models(run, work)
    check_disk(run, work, processes)
    with session.working() as engine:
        session.record()
        track = session.watching(work)
        if budget:
            spent = train_within(run, work, seconds_of(budget), processes, track, engine)
        else:
            spent = Spent(train(run, work, track, engine), [], [])
    if run.distributed.is_worker:
        return Trained([], {}, spent)
    return Trained(finished(run, specs, asked), baseline_cards(run, asked), spent)


def stack_learners(
    session: Session, tasks: Sequence[str], config: Path, overrides: Sequence[str], say: Callable[[str], None]
) -> "StackedTasks":
    """Stack what is complete; ``say`` hears what is left out, and of ``config`` with ``overrides`` what to run so that
    new posts can be predicted."""
    from meta.summary import stack_tasks
    from meta.table import unfinished_learners

    run = session.run
    for task in run.some_tasks(tasks):
        if left_out := unfinished_learners(run, task) if not session.stacking.learners else []:
            say(f"  {task.name}: stacked without {', '.join(left_out)}, not complete yet")
        if doubt := not_for_new_posts(session, task, config, overrides):
            say(f"! {doubt}")
    return stack_tasks(run, run.some_tasks(tasks), session.stacking, session.track)
