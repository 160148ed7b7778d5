"""Scoring a finished run on later posts: their table, the run, and the run's own posts where these are still there."""

from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from cli.finished import columns_named, read_as, read_new_posts, run_folder
from cli.session import Session

if TYPE_CHECKING:
    import pandas as pd

    from ensemble.data import Dataset, Task
    from ensemble.run import Run
    from ensemble.system.progress import Track
    from meta.loaded_stack import LoadedStack
    from meta.operating.drift import Drift
    from meta.operating.inputs import Known
    from meta.operating.later import Promise, TaskScore


class LaterScores(TypedDict):
    """Of a ``file`` of ``posts``: how many are training posts (None: not known) and whether they are ``left_out``; what
    has moved in the posts themselves, the scores by task, and ``notes``."""

    file: str
    run: str
    posts: int
    in_training: int | None
    left_out: bool
    inputs: "list[Drift]"
    tasks: "list[TaskScore]"
    notes: list[str]


def score_file(
    table: Path,
    named_run: Path | None,
    tasks: Sequence[str],
    images: Path | None,
    columns: Sequence[str],
    labels: Sequence[str],
    by: Sequence[str],
    with_training: bool,
    dialect: Mapping[str, str],
    allow: Sequence[str],
    quiet: bool,
) -> LaterScores:
    """What a run's stacks score on the labelled posts of ``table``, against what they scored out of fold."""
    session = Session(run_folder(named_run), quiet=quiet, allow=allow)
    from base_models import LEARNERS
    from ensemble.datasets.later_labels import read_later_labels, tasks_named
    from ensemble.datasets.new_posts import look_at_posts
    from ensemble.jobs.run_record import RunRecord
    from meta.loaded_stack import modalities_needed
    from meta.operating.inputs import compare, input_drift

    record, track = RunRecord.read(session.store.root), session.track
    run = record.open(LEARNERS, track, allow)
    asked = run.some_tasks(tasks)
    named, needed, form = tasks_named(labels, [t.name for t in asked]), modalities_needed(run, asked), read_as(dialect)
    unlabelled = read_new_posts(record, table, asked, images, columns_named(columns), form, needed)
    posts, raw = read_later_labels(table, unlabelled, record.config.data.model_extra or {}, named, form)
    slices = slices_named(raw, by, posts)
    looked_at, scans = look_at_posts(posts, track, needed)
    own, notes = _own_posts(session)
    compared = compare(looked_at, scans, own, needed)
    keep = ~compared.same if own is not None and not with_training else compared.everything
    later = looked_at.with_columns(group=compared.groups).take(keep)
    kept = {name: list(compress(cells, keep)) for name, cells in slices.items()}
    scored = _scores(run, later, kept, own, notes, track)
    return {
        "file": str(table),
        "run": str(record.store.root),
        "posts": len(posts),
        "in_training": int(compared.same.sum()) if own is not None else None,
        "left_out": not with_training,
        "inputs": input_drift(later, own.data, compared.copies(keep), needed) if own is not None else [],
        "tasks": scored,
        "notes": [*notes, *_unlabelled(table, asked, later)],
    }


def _scores(
    run: "Run",
    later: "Dataset",
    slices: Mapping[str, Sequence[object]],
    own: "Known | None",
    notes: list[str],
    track: "Track",
) -> "list[TaskScore]":
    """By task. What an operating point lacks is added to the ``notes``."""
    from meta.loaded_stack import ask_learners, load_stacks, stack_posts
    from meta.operating.later import Later, score_later

    stacks = load_stacks(run, later.tasks, operating_points=False)
    base = ask_learners(run, stacks, later.without_labels(), track)
    found = []
    for one in stacks:  # each alone, as its out-of-fold score was: linked tasks are decided together elsewhere
        (predicted,) = stack_posts(run, [one], later, base)
        of_task = {name: base[name, one.task.name] for name in one.stack.learners}
        promise = _promise(run, one, own, notes)
        found.append(score_later(promise, Later(later, predicted.predictions, of_task), slices))
    return found


def _unlabelled(table: Path, tasks: "Sequence[Task]", later: "Dataset") -> list[str]:
    missing = [task.name for task in tasks if task.name not in later.task_names]
    return [f"{table.name} has no labels of {', '.join(missing)}"] if missing else []


def _own_posts(session: Session) -> "tuple[Known | None, list[str]]":
    """The run's training posts and their scans; None, and why, where they are not there any more."""
    from ensemble.errors import EnsembleError
    from ensemble.modalities import Scan
    from meta.operating.inputs import Known

    try:
        run = session.run
    except EnsembleError as error:
        lost = "whether these posts were trained on, and what has moved in them, is not known"
        return None, [f"the run's own posts cannot be read, so {lost} ({error})"]
    rows = run.plan.cv_rows
    scans = {name: Scan(scan.frame.iloc[rows].reset_index(drop=True)) for name, scan in session.scans.items()}
    return Known(run.data.take(rows), scans), []


def _promise(run: "Run", one: "LoadedStack", own: "Known | None", notes: list[str]) -> "Promise":
    from ensemble.data import Codes
    from ensemble.errors import StoreError
    from meta.operating.kept import read_point
    from meta.operating.later import Promise
    from meta.stack import read_report

    task = one.task
    inside = run.plan.frame.iloc[run.plan.cv_rows]
    ids = inside["id"].to_numpy(dtype=object)
    groups: Codes = inside["group"].factorize()[0].astype("int64")
    base = {name: run.store.base(name, task.name).read("oof", task).take(ids) for name in one.stack.learners}
    report = read_report(run.store.stack(task.name), None, "--task", task.name)
    labels = own.labels(task, ids) if own is not None else None
    try:
        point = read_point(run, task, report)
    except StoreError as error:  # the stack's own labels are scored all the same
        point = None
        notes.append(str(error).removesuffix("."))
    stacked = run.store.stack(task.name).read("oof", task).take(ids)
    return Promise(report, base, groups, stacked, labels, point)


def slices_named(table: "pd.DataFrame", names: Sequence[str], posts: "Dataset") -> dict[str, list[object]]:
    """(rows,) cells of each named column; ``language``, where the table has none, is told from the texts. Raises
    DataError for another one that is not there."""
    from ensemble.datasets.slices import LANGUAGE, told_languages
    from ensemble.datasets.tables import check_column

    found: dict[str, list[object]] = {}
    for name in dict.fromkeys(names):
        if name == LANGUAGE and name not in table:
            found[name] = list(told_languages(posts.texts))
            continue
        check_column(table, name, "--by")
        found[name] = table[name].tolist()
    return found
