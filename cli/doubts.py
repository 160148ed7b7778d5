"""What to know before hours are spent: what was assumed of the table, what it lacks, what is refused."""

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cli.app import DEFAULT
from cli.session import Session
from ensemble.errors import EnsembleError, some

if TYPE_CHECKING:
    from ensemble.content.audit import Audit
    from ensemble.content.doubts import Readers
    from ensemble.data import Task

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
    """The modalities that [data] names; a published layout has those of which any post has something."""
    from ensemble.modalities import MODALITIES

    section = session.config.data
    if section.preset == "csv":
        return [name for name in MODALITIES if (section.model_extra or {}).get(name)]
    return [name for name in session.data.modalities if any(cell is not None for cell in session.data.cells(name))]


def _unless_refused(make: Callable[[], Made], refused: list[str]) -> Made | None:
    """What is made, or None and the reason for which it cannot be."""
    try:
        return make()
    except EnsembleError as error:
        refused.append(str(error))
        return None


def not_for_new_posts(session: Session, task: "Task", config: Path, overrides: Sequence[str]) -> str | None:
    """What to know before a stack is made that cannot predict new posts, and the command that leaves out what stands in
    the way; None where nothing does."""
    from ensemble.errors import some
    from meta.loaded_stack import without_models
    from meta.table import choose_learners

    learners = choose_learners(session.run, task, session.stacking.learners)
    lacking = without_models(session.run, task, learners)
    if not lacking:
        return None
    others = [name for name in learners if name not in lacking]
    said = (
        f"{task.name}: of {some(lacking)} there are probabilities of this run's posts and no model, so this stack "
        "serves `ensemble submit` and `ensemble report`, not `ensemble predict`"
    )
    if not others:
        return f"{said}."
    kept = [each for each in overrides if not each.startswith("stack.learners=")]
    options = {"--set": [*kept, f"stack.learners={json.dumps(others)}"], "--task": [task.name]}
    if config != DEFAULT:
        options["--config"] = [str(config)]
    words = [word for name, values in options.items() for value in values for word in (name, value)]
    return f"{said}. For new posts, stack without: {shlex.join(['ensemble', 'stack', *words])}"


def check_output(session: Session, out: Path | None) -> None:
    """Raises ConfigError for a file that the configuration reads, which would be lost."""
    from ensemble.errors import ConfigError

    data, given = session.config.data, session.config.folds.file
    named = [(data.model_extra or {}).get(key) or [] for key in ("train", "test", "labels")]
    tables = [name for value in named for name in ([value] if isinstance(value, str) else value)]
    inputs = [session.home / data.root / name for name in tables] + ([session.home / given] if given else [])
    if out is not None and out.resolve() in [path.resolve() for path in inputs]:
        raise ConfigError(f"--out {out} is a file that the configuration reads and would be lost; name another.")
