"""What a command and a method of a project do alike on an opened session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.doubts import doubts
from cli.session import Session
from ensemble.errors import ConfigError
from ensemble.jobs.job import list_work
from ensemble.jobs.status import FinishedLearner, baseline_cards, finished
from ensemble.jobs.train import check_models, train
from ensemble.scoring import BaselineCard
from ensemble.upkeep.budget import Spent, seconds_of, train_within
from ensemble.upkeep.disk import check_disk


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
