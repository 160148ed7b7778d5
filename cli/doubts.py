"""What to know before hours are spent: what was assumed of the table, what it lacks, what is refused."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from cli.session import Session
from ensemble.errors import EnsembleError, some

if TYPE_CHECKING:
    from ensemble.content.audit import Audit
    from ensemble.content.doubts import Readers

Made = TypeVar("Made")


def doubts(session: Session) -> list[str]:
    """A line each, for `ensemble train-base`; raises what opening the run raises."""
    from ensemble.content.copy_notes import copy_notes
    from ensemble.content.doubts import content_doubts, label_doubts

    data, plan = session.data, session.run.plan
    folds = session.given_folds.notes if session.given_folds else []
    lines = [
        *_of_learners(session),
        *content_doubts(data, session.scans, _readers(session), _named(session)),
        *label_doubts(data, plan),
    ]
    return [
        *data.notes,
        *folds,
        *copy_notes(data, plan.frame["group"].to_numpy(), plan.settings.k),
        *(f"! {line}" for line in lines),
    ]


def judge(session: Session) -> "Audit":
    """The audit for `ensemble data`, with the reasons for which `ensemble train-base` would refuse."""
    from ensemble.content.audit import audit
    from ensemble.content.duplicates import find_duplicates
    from ensemble.content.grouped_folds import find_plan
    from ensemble.jobs.status import listed
    from ensemble.jobs.train import check_models

    data, scans, settings = session.data, session.scans, session.fold_settings
    copies = find_duplicates(data, scans)
    refused: list[str] = []
    waiting: dict[str, str] = {}
    readers = _unless_refused(lambda: _readers(session), refused)
    given = session.given_folds
    found = _unless_refused(lambda: find_plan(session.store, data, scans, settings, given, copies), refused)
    if found and readers is not None:
        run = session.run_on(found[0])
        work, waiting = listed(run, run.specs, run.data.tasks)  # what has to be tuned first can wait
        _unless_refused(lambda: check_models(run, work), refused)
    audited = audit(data, scans, settings, copies, found[0] if found else None, readers, _named(session))
    audited["notes"] += given.notes if given else []
    audited["doubts"] += [*_of_learners(session), *waiting.values()]
    audited["refused"] += refused
    return audited


def _of_learners(session: Session) -> list[str]:
    """What is named and not there, and may come yet."""
    config = session.config
    strange = [name for name in config.stack.learners if name not in config.base]
    lines = [] if config.base else ["there is no base learner yet; add a table such as [base.tfidf]"]
    if strange:
        lines.append(f"stack.learners names {some(strange)}: no base learner here, so it has to be imported")
    return lines


def _readers(session: Session) -> "Readers":
    """By base learner, what it looks at; raises what opening the run raises of learners."""
    from base_models import LEARNERS
    from ensemble.bound_learners import check_learners
    from ensemble.jobs.run_record import learner_specs

    return check_learners(LEARNERS, learner_specs(session.config), session.home)


def _named(session: Session) -> list[str]:
    """The modalities that [data] names; other layouts than a table of one's own have both."""
    from ensemble.modalities import MODALITIES

    section = session.config.data
    return [name for name in MODALITIES if section.preset != "csv" or (section.model_extra or {}).get(name)]


def _unless_refused(make: Callable[[], Made], refused: list[str]) -> Made | None:
    """What is made, or None and the reason for which it cannot be."""
    try:
        return make()
    except EnsembleError as error:
        refused.append(str(error))
        return None
