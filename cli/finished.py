"""Predicting with a finished run: its folder says what a configuration would."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.progress import Bars
from cli.session import use_threads

STDOUT = Path("-")


def run_folder(named: Path | None) -> Path:
    """The named run, or that of the configuration in this folder; raises StoreError where there is neither."""
    from cli.app import DEFAULT
    from ensemble.config import load_config
    from ensemble.errors import StoreError

    if named is not None:
        return named
    if not DEFAULT.is_file():
        raise StoreError(f"There is no {DEFAULT} here; --run FOLDER names a finished run.")
    return load_config(DEFAULT).run.folder


def predict_posts(
    table: Path,
    named_run: Path | None,
    out: Path | None,
    form: str | None,
    tasks: Sequence[str],
    images: Path | None,
    named: Mapping[str, str],
    dialect: Mapping[str, str],
    quiet: bool,
) -> dict[str, Any]:
    """Write what a run says of the posts in ``table``; what was written, or no file for the printed."""
    from ensemble.jobs.finished import Record

    record = Record.read(run_folder(named_run))
    table, images = table.resolve(), images and images.resolve()
    out = out if out in (None, STDOUT) else out.resolve()
    use_threads(record.threads)
    os.chdir(record.home)
    from base_models import LEARNERS
    from ensemble.datasets.delimited import Dialect
    from ensemble.datasets.new_posts import look_at, read_posts
    from ensemble.system.files import check_writable, write_atomic
    from ensemble.system.progress import silent
    from meta.loaded_stack import judge, make_ready
    from meta.post_predictions import format_named

    track = silent if quiet else Bars()
    form = form or ("csv" if out is None or out == STDOUT else out.suffix.removeprefix(".") or "csv")
    render = format_named(form)
    how = Dialect(**{key: value for key, value in dialect.items() if value})  # type: ignore[arg-type]
    posts = read_posts(table, record.tasks, images, named, record.columns, record.config.run.cache / "embedded", how)
    run = record.open(LEARNERS, track)
    stacks = make_ready(run, run.some_tasks(tasks))
    path = out or record.store.root / f"predictions.{form}"
    if path != STDOUT:
        check_writable(path)
    verdicts = judge(run, stacks, look_at(posts, track), track)
    labels = {verdict.predictions.task.name: verdict.counts for verdict in verdicts}
    if out == STDOUT:
        sys.stdout.write(render(verdicts))
        return {"file": None, "posts": len(posts), "labels": labels}
    write_atomic(path, render(verdicts).encode())
    return {"file": str(path), "posts": len(posts), "labels": labels}
