"""What to know before hours are spent: what was assumed of the table, lost images, what weighs on the folds."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.app import DEFAULT
from cli.session import Session

if TYPE_CHECKING:
    from ensemble.data import Task


def doubts(session: Session) -> list[str]:
    """A line each; raises what opening the run raises."""
    from ensemble.content.copy_notes import copy_notes

    images = session.scans["image"]
    problems, given = images.problems, int(images.frame["path"].notna().sum())
    lost = []
    if len(problems):
        first = f"{problems['path'].iloc[0]}: {problems['problem'].iloc[0]}"
        lost = [f"{len(problems)} of {given} images cannot be used; these posts go without ({first})"]
    plan = session.run.plan
    folds = session.given_folds.notes if session.given_folds else []
    return [
        *session.data.notes,
        *lost,
        *folds,
        *copy_notes(session.data, plan.frame["group"].to_numpy(), plan.settings.k),
    ]


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
