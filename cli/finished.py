"""Predicting with a finished run: its folder says what a configuration would."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from cli.progress import Bars
from ensemble.system.threads import use_threads

if TYPE_CHECKING:
    from ensemble.data import Dataset, Task
    from ensemble.datasets.delimited import Dialect
    from ensemble.jobs.run_record import RunRecord
    from ensemble.run import Run
    from ensemble.system.progress import Track
    from meta.post_predictions import PostPredictions

STDOUT = Path("-")


class Predicted(TypedDict):
    """The file written, if any; of how many posts; per task how often each label was given."""

    file: str | None
    posts: int
    labels: dict[str, dict[str, int]]


def run_folder(named: Path | None) -> Path:
    """The named run, or that of the configuration in this folder; raises StoreError where there is neither."""
    from cli.app import DEFAULT
    from ensemble.config import load_config
    from ensemble.errors import StoreError
    from ensemble.jobs.run_record import RunRecord

    if named is None and not DEFAULT.is_file():
        raise StoreError(f"There is no {DEFAULT} here; --run FOLDER names a finished run.")
    folder = load_config(DEFAULT).run.folder if named is None else named
    if not (folder / "run.json").is_file():
        inner = sorted(path.parent for path in folder.glob("*/run.json"))
        if inner:
            raise StoreError(f"{folder} is not a run folder; {inner[0]} is: --run {inner[0]}")
        RunRecord.read(folder)  # says what is missing
    return folder


def columns_named(given: Sequence[str]) -> dict[str, str]:
    """``text=tweet`` by what is named; raises ConfigError for a form or a kind there is not."""
    from ensemble.errors import ConfigError
    from ensemble.modalities import MODALITIES

    kinds, named = ("id", *MODALITIES), {}
    for option in given:
        kind, sign, name = option.partition("=")
        if not sign:
            raise ConfigError(f"--column {option!r} must be KIND=NAME, such as text=tweet; KIND: {', '.join(kinds)}.")
        check_kind(kind)
        named[kind] = name
    return named


def check_kind(kind: str) -> None:
    """Raises ConfigError for a kind of column there is not."""
    from ensemble.errors import ConfigError, unknown
    from ensemble.modalities import MODALITIES

    if kind not in (kinds := ("id", *MODALITIES)):
        raise ConfigError(unknown("kind of column", kind, kinds))


def read_as(options: Mapping[str, str]) -> "Dialect":
    from ensemble.datasets.delimited import Dialect
    from ensemble.datasets.new_posts import as_options
    from ensemble.errors import ConfigError

    try:
        return Dialect(**{key: value for key, value in options.items() if value})  # type: ignore[arg-type]
    except ConfigError as error:
        raise ConfigError(as_options(str(error))) from error


def read_new_posts(
    record: "RunRecord",
    table: Path,
    tasks: "Sequence[Task]",
    images: Path | None,
    columns: Mapping[str, str],
    form: "Dialect",
    needed: Sequence[str],
) -> "Dataset":
    """Posts of a table, without labels, as the run's own were read; paths begin at ``images``, by default beside the
    table or where the run's own do."""
    from ensemble.datasets.new_posts import read_posts

    folders = [images] if images else [path for path in (table.parent.resolve(), record.images) if path.is_dir()]
    extracted = record.home / record.config.run.cache / "embedded"
    return read_posts(table, tasks, folders, columns, record.columns, extracted, form, needed)


def _check_output(path: Path, table: Path) -> None:
    from ensemble.errors import ConfigError
    from ensemble.system.files import check_writable

    if path == STDOUT:
        return
    if path.exists() and path.samefile(table):
        raise ConfigError(f"--out {path} is POSTS itself, which would be lost; name another file.")
    check_writable(path)


def say_what_was_trained_on(run: "Run", ids: list[str]) -> None:
    """Where posts have the ids of training posts; ids that only number the rows tell nothing."""
    from ensemble.datasets.new_posts import log

    known = {str(row) for row in run.plan.frame["id"].iloc[run.plan.cv_rows]}.intersection(ids)
    if known and ids != [str(number) for number in range(1, len(ids) + 1)]:
        said = "%s of %s posts have ids of training posts; where they are the same, most of the models have seen them."
        log.warning(said, f"{len(known):,}", f"{len(ids):,}")


def _models_of(
    run: "Run", tasks: "Sequence[Task]", operating_points: bool, distilled: bool
) -> "tuple[list[str], Callable[[Dataset, Track], list[PostPredictions]]]":
    """What of a post the stacks, or the distilled models, look at, and what asks them."""
    from meta import loaded_stack
    from meta.distillation import student

    if distilled:
        students = student.load_students(run, tasks)
        return student.modalities_needed(run, students), partial(student.predict_posts, run, students)
    needed, stacks = loaded_stack.modalities_needed(run, tasks), loaded_stack.load_stacks(run, tasks, operating_points)
    return needed, partial(loaded_stack.predict_posts, run, stacks)


def predict_posts(
    table: Path,
    named_run: Path | None,
    out: Path | None,
    form: str | None,
    tasks: Sequence[str],
    images: Path | None,
    columns: Sequence[str],
    dialect: Mapping[str, str],
    allow: Sequence[str],
    quiet: bool,
    operating_points: bool = True,
    distilled: bool = False,
) -> Predicted:
    """Write what a run, or its ``distilled`` models, say of the posts in ``table``; what was written, or no file for
    the printed."""
    from ensemble.jobs.run_record import RunRecord

    record = RunRecord.read(run_folder(named_run))
    use_threads(record.threads)
    from base_models import LEARNERS
    from ensemble.datasets.new_posts import scan_posts
    from ensemble.system.files import write_atomic
    from ensemble.system.progress import silent
    from meta.post_predictions import format_named

    track = silent if quiet else Bars()
    form = form or ("csv" if out is None or out == STDOUT else out.suffix.removeprefix(".") or "csv")
    render = format_named(form)
    written = read_as(dialect)
    run = record.open(LEARNERS, track, allow)
    asked = run.some_tasks(tasks)
    needed, ask = _models_of(run, asked, operating_points, distilled)
    posts = read_new_posts(record, table, asked, images, columns_named(columns), written, needed)
    say_what_was_trained_on(run, posts.ids.tolist())
    path = out or record.store.root / f"predictions.{form}"
    _check_output(path, table)
    predictions = ask(scan_posts(posts, track, needed), track)
    labels = {one.predictions.task.name: one.counts for one in predictions}
    if out == STDOUT:
        sys.stdout.write(render(predictions))
        return {"file": None, "posts": len(posts), "labels": labels}
    write_atomic(path, render(predictions).encode())
    return {"file": str(path), "posts": len(posts), "labels": labels}
