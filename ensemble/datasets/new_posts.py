"""New posts, without labels: any table of texts and images, looked at as the posts of a dataset are."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.content.scan import scan
from ensemble.data import TEST, Dataset, Task
from ensemble.datasets.cells import ids, strings
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.media import ENDINGS, MediaColumn
from ensemble.datasets.tables import image_folder, notes_of, read_frame
from ensemble.errors import DataError, some
from ensemble.modalities import MODALITIES, get_modality
from ensemble.system.progress import Track, silent

log = logging.getLogger("ensemble")


def read_posts(
    path: Path,
    tasks: Sequence[Task],
    images: Path | None = None,
    named: Mapping[str, str] | None = None,
    usual: Mapping[str, str | list[str]] | None = None,
    extracted: Path | None = None,
    dialect: Dialect | None = None,
) -> Dataset:
    """The posts of a table, every label missing.

    ``images`` is the folder that image paths are relative to and stay in (default: the file's own). ``named`` columns
    of the kinds id, text, image, audio and video must be there; otherwise the ``usual`` name of a kind, then its plain
    name, is looked for; a file may also be named by patterns, as in the csv preset. Without an id column a post's id is
    the number of its row, from 1. Embedded files are written to ``extracted`` (default: beside the file).

    Raises DataError.
    """
    named, usual = named or {}, usual or {}
    table = _read(path, [column for column in named.values() if "{" not in column], dialect)
    root = path.parent if images is None else image_folder(images, ".")
    found: dict[str, str | None] = {}
    for kind in ("id", "text"):
        candidates = [named[kind]] if kind in named else [str(usual.get(kind, kind)), kind]
        found[kind] = next((column for column in candidates if column in table), None)
    media = _media(table, named, usual, root, extracted or path.parent / "embedded")
    others = [name for name in MODALITIES if name not in ("text", *ENDINGS) and name in table]
    if found["text"] is None and not media and not others:
        columns, options = " nor ".join(map(repr, MODALITIES)), " and ".join(f"--{name}-column" for name in MODALITIES)
        raise DataError(f"{path} has neither a column {columns}; it has {some(table.columns, 8)}. {options} name them.")
    if not len(table):
        raise DataError(f"{path} has no rows; there is nothing to predict.")
    numbers = pd.Series([str(row) for row in range(1, len(table) + 1)], index=table.index, dtype=object)
    rows = numbers if found["id"] is None else ids(table[found["id"]], path)
    texts = None if found["text"] is None else strings(table[found["text"]], path)
    frame = pd.DataFrame({"id": rows, "text": texts, "image": None}, index=table.index, dtype=object)
    notes = notes_of(table) if texts is None else notes_of(table, texts)
    for kind, column in media.items():
        frame[kind], embedded, respelt = column.find(table, rows, path)
        root, notes = column.extracted if embedded else root, (*notes, *respelt)
    for note in notes:
        log.warning("%s.", _as_options(note))
    for name in others:
        frame[name] = strings(table[name], path)
    frame = frame.reset_index(drop=True).assign(part=TEST, **{task.name: None for task in tasks})
    return Dataset(frame, root, tuple(tasks), notes)


def _read(path: Path, columns: Sequence[str], dialect: Dialect | None) -> pd.DataFrame:
    try:
        return read_frame(path, columns, dialect)
    except DataError as error:
        raise DataError(_as_options(str(error))) from error


def _as_options(text: str) -> str:
    """What a configuration would mend, as options of the command: new posts have no configuration."""
    return re.sub(r"data\.(delimiter|quotes|encoding)( = )?", lambda m: f"--{m[1]}{' ' if m[2] else ''}", text)


def _media(
    table: pd.DataFrame,
    named: Mapping[str, str],
    usual: Mapping[str, str | list[str]],
    root: Path,
    extracted: Path,
) -> dict[str, MediaColumn]:
    """Where the posts' images, sounds and videos are, of each kind that the table tells."""
    found: dict[str, MediaColumn] = {}
    for kind in ENDINGS:
        for sources in reversed([named[kind]] if kind in named else [usual.get(kind, kind), kind]):
            column = MediaColumn.of(kind, sources, root, extracted)
            if all(name in table for name in column.columns()):
                found[kind] = column
    return found


def scan_posts(posts: Dataset, track: Track = silent) -> Dataset:
    """The posts with their images scanned; one that cannot be used is missing from here on, and said.

    Raises DataError where no post has anything to go by.
    """
    anything = " or ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in posts.modalities)
    if _blank(posts).all():
        raise DataError(f"None of the {len(posts):,} posts has {anything}; there is nothing to predict from.")
    scanned, scans = scan(posts, track=track)
    first = ""
    for name, found in scans.items():
        if len(found.problems):
            first = f"{found.problems['path'].iloc[0]}: {found.problems['problem'].iloc[0]}"
            plural, count = get_modality(name).plural, f"{len(found.problems):,}"
            log.warning("%s %s cannot be used; these posts are judged without (%s).", count, plural, first)
    blank = _blank(scanned)
    if blank.all():
        raise DataError(f"None of the {len(posts):,} posts has {anything} that can be used ({first}).")
    if blank.any():
        lacking, names = " nor ".join(posts.modalities), some(scanned.ids[blank])
        log.warning("%s posts have neither %s, so nothing is known of them: %s.", f"{blank.sum():,}", lacking, names)
    return scanned


def _blank(posts: Dataset) -> npt.NDArray[np.bool_]:
    """(rows,) which posts have nothing of any modality."""
    missing = [[cell is None for cell in posts.cells(name)] for name in posts.modalities]
    return np.asarray(np.all(missing, axis=0))
