"""What a command and a method of a project do alike on an opened session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.doubts import doubts
from cli.session import Session
from ensemble.jobs.job import Outcome, list_work
from ensemble.jobs.status import FinishedLearner, baseline_cards, finished
from ensemble.jobs.train import check_models, train
from ensemble.scoring import BaselineCard
from ensemble.upkeep.disk import check_disk


@dataclass(frozen=True)
class Trained:
    """The learners whose folds are all done, what knows the labels alone by task, and jobs that failed."""

    learners: list[FinishedLearner]
    baselines: dict[str, BaselineCard]
    failures: list[Outcome]


def train_learners(
    session: Session, learners: Sequence[str], tasks: Sequence[str], folds: Sequence[int], say: Callable[[str], None]
) -> Trained:
    """Do the jobs of these, by default of all, that are not done yet; ``say`` hears what to know before hours are
    spent. A process that only takes part in the trainings of another one gets nothing."""
    run = session.run
    specs, asked = run.learners.some(learners), run.some_tasks(tasks)
    for doubt in () if run.distributed.is_worker else doubts(session):
        say(f"{doubt.removesuffix('.')}.")
    work = list_work(run, specs, asked, folds)
    check_models(run, work)
    check_disk(run, work, session.parallel.processes)
    with session.working() as engine:
        session.record()
        failures = train(run, work, session.watching(work), engine)
    if run.distributed.is_worker:
        return Trained([], {}, [])
    return Trained(finished(run, specs, asked), baseline_cards(run, asked), failures)
