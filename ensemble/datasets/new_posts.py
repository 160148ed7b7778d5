"""New posts, without labels: any table of texts and images, looked at as the posts of a dataset are."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ensemble.content.scan import scan
from ensemble.data import TEST, Dataset, Task
from ensemble.datasets.cells import ids, strings
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.pictures import Pictures
from ensemble.datasets.tables import image_folder, notes_of, read_frame
from ensemble.errors import DataError, some
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
    of the kinds id, text and image must be there; otherwise the ``usual`` name of a kind, then its plain name, is
    looked for; an image may also be named by patterns, as in the csv preset. Without an id column a post's id is the
    number of its row, from 1. Embedded images are written to ``extracted`` (default: beside the file).

    Raises DataError.
    """
    named, usual = named or {}, usual or {}
    table = _read(path, [column for column in named.values() if "{" not in column], dialect)
    root = path.parent if images is None else image_folder(images, ".")
    found: dict[str, str | None] = {}
    for kind in ("id", "text"):
        candidates = [named[kind]] if kind in named else [str(usual.get(kind, kind)), kind]
        found[kind] = next((column for column in candidates if column in table), None)
    pictures = _pictures(table, named, usual, root, extracted or path.parent / "embedded")
    if found["text"] is None and pictures is None:
        raise DataError(
            f"{path} has neither a column 'text' nor 'image'; it has {some(table.columns, 8)}. "
            "--text-column and --image-column name them."
        )
    if not len(table):
        raise DataError(f"{path} has no rows; there is nothing to predict.")
    numbers = pd.Series([str(row) for row in range(1, len(table) + 1)], index=table.index, dtype=object)
    rows = numbers if found["id"] is None else ids(table[found["id"]], path)
    texts = None if found["text"] is None else strings(table[found["text"]], path)
    frame = pd.DataFrame({"id": rows, "text": texts, "image": None}, index=table.index, dtype=object)
    notes = notes_of(table) if texts is None else notes_of(table, texts)
    if pictures is not None:
        frame["image"], embedded, respelt = pictures.find(table, rows, path)
        root, notes = pictures.extracted if embedded else root, (*notes, *respelt)
    for note in notes:
        log.warning("%s.", _as_options(note))
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


def _pictures(
    table: pd.DataFrame,
    named: Mapping[str, str],
    usual: Mapping[str, str | list[str]],
    root: Path,
    extracted: Path,
) -> Pictures | None:
    """Where the posts' images are; None where the table does not tell."""
    given = [named["image"]] if "image" in named else [usual.get("image", "image"), "image"]
    for sources in given:
        pictures = Pictures((sources,) if isinstance(sources, str) else tuple(sources), root, extracted)
        if all(column in table for column in pictures.columns()):
            return pictures
    return None


def look_at(posts: Dataset, track: Track = silent) -> Dataset:
    """The posts with their images scanned; one that cannot be used is missing from here on, and said.

    Raises DataError where no post has anything to go by.
    """
    given = posts.frame["text"].notna() | posts.frame["image"].notna()
    if not given.any():
        raise DataError(f"None of the {len(posts):,} posts has a text or an image; there is nothing to predict from.")
    scanned, seen = scan(posts, track=track)
    problems = seen.problems
    if len(problems):
        first = f"{problems['path'].iloc[0]}: {problems['problem'].iloc[0]}"
        log.warning("%s images cannot be used; these posts are judged without (%s).", f"{len(problems):,}", first)
    blind = scanned.frame["text"].isna() & scanned.frame["image"].isna()
    if blind.all():
        raise DataError(f"Of none of the {len(posts):,} posts a text or a readable image is there ({first}).")
    if blind.any():
        names = some(scanned.ids[blind.to_numpy()])
        log.warning("%s posts have neither text nor image, so nothing is known of them: %s.", f"{blind.sum():,}", names)
    return scanned
