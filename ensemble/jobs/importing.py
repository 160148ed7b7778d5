"""Probabilities made elsewhere, brought in as a base learner after the checks ours pass."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from ensemble.config import NAMING, is_name
from ensemble.content.texts import spelt_as
from ensemble.data import Task
from ensemble.datasets.cells import ids, is_missing, row_of
from ensemble.datasets.tables import read_frame
from ensemble.errors import PredictionsError, StoreError, some, unknown
from ensemble.modalities import UNKNOWN, check_described
from ensemble.predictions import Predictions
from ensemble.provenance import Provenance
from ensemble.run import Run
from ensemble.scoring import BaselineCard, ScoreCard, baseline_card, score_card
from ensemble.system.files import file_hash

log = logging.getLogger("ensemble")
WITH_PLAN = "Train on the plan that `ensemble folds` writes and keep its column 'fold'"


class Undone(TypedDict):
    """Whose probabilities were removed, of which tasks; ``stacks`` are the tasks whose stacks were made with them."""

    learner: str
    tasks: list[str]
    stacks: list[str]


class Imported(TypedDict):
    """What was brought in, as JSON, beside what knows the labels alone."""

    learner: str
    task: str
    folds: str
    modality: str
    oof: ScoreCard
    baseline: BaselineCard


def import_predictions(
    run: Run,
    name: str,
    task: Task,
    oof_file: Path,
    test_file: Path | None,
    unknown_folds: bool,
    modality: str = UNKNOWN,
) -> Imported:
    """Bring in OOF and test probabilities as ``base/<name>/<task>/`` and return its record.

    Both files have ``id`` and one column per class. That the OOF comes from this run's folds must show: by a ``fold``
    column equal to the plan's up to renaming, or by the plan's fingerprint in the metadata (as our own files have).
    ``unknown_folds`` waives that; such learners are marked in every table. Every row of the run must be there.
    ``modality`` says what the learner looked at.
    """
    check_described(modality)
    if not is_name(name):
        raise PredictionsError(f"The name {name!r} must be {NAMING}.")
    inside, outside = run.data.take(run.plan.cv_rows), run.data.take(run.plan.outside_rows)
    frame = _read(run, oof_file, task)
    oof = _take(task, frame, inside.ids, outside.ids, oof_file)
    folds = "unknown" if unknown_folds else _check_folds(run, frame, oof_file)
    if test_file is None:
        if len(outside):
            raise PredictionsError(f"{len(outside):,} rows are outside the folds; --test FILE must predict them.")
        test = Predictions(task, outside.ids, np.zeros((0, len(task.columns))))
    else:
        test = _take(task, _read(run, test_file, task), outside.ids, inside.ids, test_file)
    files = [file_hash(path) for path in (oof_file, test_file) if path is not None]
    provenance = Provenance.of_import(run.identity, task, files)
    card = score_card(task, oof, inside, run.plan.fold[run.plan.cv_rows])
    dev = {"dev": score_card(task, test, run.data.take(run.plan.dev_rows))} if len(run.plan.dev_rows) else {}
    facts = {"seconds": 0.0, "folds": folds, "modality": modality, "oof": card, **dev}
    bring_in(run, name, {"oof": oof, "test": test}, provenance, **facts)
    to_beat = baseline_card(task, inside, run.plan.fold[run.plan.cv_rows])
    return {
        "learner": name,
        "task": task.name,
        "folds": folds,
        "modality": modality,
        "oof": card,
        "baseline": to_beat,
    }


def bring_in(run: Run, name: str, parts: Mapping[str, Predictions], provenance: Provenance, **facts: object) -> None:
    """Write ``oof`` and ``test`` as those of one more base learner; raises PredictionsError where the name is taken."""
    if name in run.learners.names():
        raise PredictionsError(f"{name!r} is a base learner of the configuration; import under another name.")
    folder = run.store.base(name, parts["oof"].task.name)
    with run.store.lock():
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.clear()
        folder.write(parts, provenance)
        folder.commit(provenance, **facts)


def undo_import(run: Run, name: str, tasks: Sequence[Task]) -> Undone:
    """Remove what was imported under a name for these tasks; raises PredictionsError where that is nothing."""
    if name in run.learners.names():
        raise PredictionsError(
            f"{name!r} is a base learner of the configuration, not an import; take [base.{name}] out to leave it out."
        )
    having = [task.name for task in tasks if name in run.results.imported(task)]
    if not having:
        known = sorted({other for task in run.data.tasks for other in run.results.imported(task)})
        of = f" for {', '.join(task.name for task in tasks)}" if name in known or not known else ""
        raise PredictionsError(f"{name!r} was not imported{of}." if of else unknown("imported learner", name, known))
    stacks = [task.name for task in run.data.tasks if _was_stacked(run, task, name, having)]
    with run.store.lock():
        for task_name in having:
            folder = run.store.base(name, task_name)
            folder.clear()
            with suppress(OSError):  # what else lies there is not ours
                folder.path.rmdir()
                folder.path.parent.rmdir()
    return {"learner": name, "tasks": having, "stacks": stacks}


def _was_stacked(run: Run, task: Task, name: str, having: Sequence[str]) -> bool:
    folder = run.store.stack(task.name)
    try:
        made_of = Provenance.of_record(folder.read_record())
    except (OSError, StoreError):
        return False
    return any(made_of.has_input(name if of == task.name else f"{of}/{name}") for of in having)


def _read(run: Run, path: Path, task: Task) -> pd.DataFrame:
    """Ids as the run spells them, and numbers."""
    frame = read_frame(path, ["id", *task.columns])
    frame["id"] = _as_here(ids(frame["id"], path), run.data.ids.tolist(), path)
    for name in task.columns:
        frame[name] = _numbers(frame[name], path)
    return frame


def _as_here(theirs: "pd.Series[str]", ours: Sequence[str], path: Path) -> list[str]:
    """Their ids; where one is no row here, the only row whose id differs in its Unicode form or by ``.0`` alone."""
    respelt = spelt_as(theirs, ours)
    if respelt:
        first, here = min(respelt.items())
        log.warning("%s: %s ids are spelt otherwise here; %a is read as %a.", path, f"{len(respelt):,}", first, here)
    return [respelt.get(row, row) for row in theirs]


def _numbers(column: "pd.Series[Any]", path: Path) -> "pd.Series[float]":
    """Raises PredictionsError naming the first cell that is no number."""
    values = pd.Series([_number(value) for value in column], index=column.index, dtype=np.float64)
    if values.isna().any():
        position = int(values.isna().to_numpy().argmax())
        cell = column.iloc[position]
        held = "nothing" if is_missing(cell) or cell == "" else repr(cell)[:60]
        comma = isinstance(cell, str) and np.isfinite(_number(cell.replace(",", ".")))
        raise PredictionsError(
            f"{path}: {row_of(column, position)}: {column.name!r} holds {held}; predictions must be numbers"
            f"{', with a point instead of the comma' if comma else ''} ({values.isna().sum():,} rows have none)."
        )
    return values


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _take(
    task: Task, frame: pd.DataFrame, wanted: npt.NDArray[np.object_], others: npt.NDArray[np.object_], path: Path
) -> Predictions:
    """The ``wanted`` rows; ``others`` are what the run's other file should have."""
    try:
        return Predictions.of_frame(task, frame).take(wanted)
    except PredictionsError as error:
        found = set(frame["id"])
        hint = f" Its own ids are {some(frame['id'])}." if len(frame) and not found.intersection(wanted) else ""
        if hint and found.intersection(others):
            hint = " It has the rows of the other file: are --oof and --test the wrong way round?"
        raise PredictionsError(f"{path}: {error}{hint}") from error


def _check_folds(run: Run, frame: pd.DataFrame, path: Path) -> str:
    """Raises PredictionsError unless the file's folds hold out the same rows together as the plan's."""
    if "fold" in frame:
        theirs = dict(zip(frame["id"].astype(str), frame["fold"].astype(str), strict=True))
        inside = run.plan.frame.iloc[run.plan.cv_rows]
        pairs = {(ours, theirs[row]) for row, ours in zip(inside["id"], inside["fold"], strict=True)}
        if len(pairs) == len({ours for ours, _ in pairs}) == len({theirs for _, theirs in pairs}):
            return "run"
        count, k = len({theirs for _, theirs in pairs}), run.plan.settings.k
        moved = _moved(inside, theirs)
        what = f"{len(moved):,} rows are held out with others: {some(moved)}" if moved else f"{count} folds, here {k}"
        raise PredictionsError(
            f"{path}: its folds are not this run's ({what}). {WITH_PLAN}, or declare --unknown-folds."
        )
    recorded = _recorded_folds(path)
    if recorded == run.plan.fingerprint():
        return "run"
    whose = f"of another plan ({recorded})" if recorded else "not said (no 'fold' column)"
    raise PredictionsError(f"{path}: its folds are {whose}. {WITH_PLAN}, or declare --unknown-folds.")


def _moved(inside: pd.DataFrame, theirs: dict[str, str]) -> list[str]:
    """Rows whose fold elsewhere is not the one that most of their fold here has there."""
    table = inside.assign(theirs=[theirs[row] for row in inside["id"]])
    usual = table.groupby("fold")["theirs"].agg(lambda names: names.mode().iloc[0])
    return [str(row) for row in table.loc[table["theirs"] != table["fold"].map(usual), "id"]]


def _recorded_folds(path: Path) -> str | None:
    """The fold plan's fingerprint in the metadata that our own files have."""
    metadata = (pq.read_schema(path).metadata or {}) if path.suffix == ".parquet" else {}
    return metadata[b"folds"].decode("utf-8", "replace") if b"folds" in metadata else None
