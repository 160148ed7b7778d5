"""New posts, without labels: any table of texts and images, looked at as the posts of a dataset are."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.content.scan import scan
from ensemble.data import TEST, Dataset, Task
from ensemble.datasets.tables import ids, image_folder, read_frame, strings
from ensemble.errors import DataError, some
from ensemble.modalities import MODALITIES, get_modality
from ensemble.system.progress import Track, silent

log = logging.getLogger("ensemble")


def read_posts(
    path: Path,
    tasks: Sequence[Task],
    images: Path | None = None,
    named: Mapping[str, str] | None = None,
    usual: Mapping[str, str] | None = None,
) -> Dataset:
    """The posts of a CSV, TSV, JSON lines or Parquet file, every label missing.

    ``images`` is the folder that image paths are relative to and stay in (default: the file's own). ``named`` columns
    of id, text and image must be there; otherwise the ``usual`` name of each, then its plain name, is looked for.
    Without an id column a post's id is the number of its row, from 1. Raises DataError.
    """
    named, usual = named or {}, usual or {}
    table = read_frame(path, list(named.values()))
    found = {}
    for name in ("id", *MODALITIES):
        candidates = [named[name]] if name in named else [usual.get(name, name), name]
        found[name] = next((column for column in candidates if column in table), None)
    if all(found[name] is None for name in MODALITIES):
        columns, options = " nor ".join(map(repr, MODALITIES)), " and ".join(f"--{name}-column" for name in MODALITIES)
        raise DataError(f"{path} has neither a column {columns}; it has {some(table.columns, 8)}. {options} name them.")
    if not len(table):
        raise DataError(f"{path} has no rows; there is nothing to predict.")
    numbers = pd.Series([str(row) for row in range(1, len(table) + 1)], dtype=object)
    frame = pd.DataFrame({"id": numbers if found["id"] is None else ids(table[found["id"]], path)})
    for name in MODALITIES:
        frame[name] = None if found[name] is None else strings(table[found[name]])
    root = path.parent if images is None else image_folder(images, ".")
    return Dataset(frame.assign(part=TEST, **{task.name: None for task in tasks}), root, tuple(tasks))


def scan_posts(posts: Dataset, track: Track = silent) -> Dataset:
    """The posts with their images scanned; one that cannot be used is missing from here on, and said.

    Raises DataError where no post has anything to go by.
    """
    anything = " or ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in MODALITIES)
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
        lacking, names = " nor ".join(MODALITIES), some(scanned.ids[blank])
        log.warning("%s posts have neither %s, so nothing is known of them: %s.", f"{blank.sum():,}", lacking, names)
    return scanned


def _blank(posts: Dataset) -> npt.NDArray[np.bool_]:
    """(rows,) which posts have nothing of any modality."""
    missing = [[cell is None for cell in posts.cells(name)] for name in MODALITIES]
    return np.asarray(np.all(missing, axis=0))
