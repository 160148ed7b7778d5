"""New posts, without labels: any table of what learners look at, read as the posts of a dataset are."""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.content.scan import scan
from ensemble.data import TEST, Dataset, Task
from ensemble.datasets.cells import ids, strings
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.media import ENDINGS, MediaColumn
from ensemble.datasets.post_columns import Columns, find_columns
from ensemble.datasets.tables import image_folder, notes_of, read_frame
from ensemble.errors import DataError, some
from ensemble.modalities import MODALITIES, Scans, get_modality
from ensemble.system.progress import Track, silent

log = logging.getLogger("ensemble")
LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:image/|//\w|www\.", re.IGNORECASE)


def read_posts(
    path: Path,
    tasks: Sequence[Task],
    folders: Sequence[Path] = (),
    named: Mapping[str, str] | None = None,
    usual: Columns | None = None,
    extracted: Path | None = None,
    dialect: Dialect | None = None,
    needed: Collection[str] | None = None,
) -> Dataset:
    """The posts of a table, every label missing; only the ``needed`` modalities (default: all) are looked at.

    Paths of images and clips are relative to the first of the ``folders`` (default: the file's own) that has any, and
    stay in it. ``named`` columns ("id", or a modality) must be there, "" stands for none; otherwise the ``usual`` name,
    then the plain one, is looked for; files may also be named by patterns, as in the csv preset. Without a column of
    sounds those of videos serve. Without an id column a post's id is the number of its row, from 1. Embedded files are
    written to ``extracted`` (default: beside the file).

    Raises DataError.
    """
    asked = ("id", *(MODALITIES if needed is None else needed))
    names = [name for kind, name in (named or {}).items() if kind in asked and name and "{" not in name]
    table = _read(path, names, dialect)
    return posts_of(table, path, tasks, folders, named, usual, extracted, needed)


def posts_of(
    table: pd.DataFrame,
    path: Path,
    tasks: Sequence[Task],
    folders: Sequence[Path] = (),
    named: Mapping[str, str] | None = None,
    usual: Columns | None = None,
    extracted: Path | None = None,
    needed: Collection[str] | None = None,
) -> Dataset:
    """The same of a table that was read already; messages call it ``path``."""
    named, usual = named or {}, usual or {}
    _warn(notes_of(table))
    columns = find_columns(path, table, named, usual, needed)
    if not len(table):
        raise DataError(f"{path} has no rows; there is nothing to predict.")
    numbers = pd.Series([str(row) for row in range(1, len(table) + 1)], index=table.index, dtype=object)
    rows = ids(table[columns["id"][0]], path) if columns["id"] else numbers
    frame = pd.DataFrame({**dict.fromkeys(("id", "text", "image", *columns)), "id": rows}, dtype=object)
    kinds = [kind for kind in MODALITIES if columns.get(kind)]
    of_files = {kind: columns[kind] for kind in kinds if kind in ENDINGS}
    media = _media(table, rows, path, of_files, folders, extracted or path.parent / "embedded")
    notes, roots = notes_of(table), set()
    for kind in kinds:
        if kind in media:
            frame[kind], embedded, found = _found(media[kind], table, rows, path)
            frame[kind] = frame[kind] if embedded else _without_links(frame[kind], path, kind)
            roots |= {media[kind].extracted if embedded else media[kind].root}
            notes += tuple(found)
        else:
            frame[kind] = strings(table[columns[kind][0]], path)
            notes += notes_of(frame[kind])
    if len(roots) > 1:
        raise DataError(f"{path}: some images or clips are in its cells, others are paths; one kind is needed.")
    root = roots.pop() if roots else path.parent
    empty = [get_modality(kind).plural for kind in kinds if frame[kind].isna().all()]
    notes += tuple(f"{path} has no {plural}, so its posts are judged without" for plural in empty)
    _warn([note for note in dict.fromkeys(notes) if note not in notes_of(table)])
    frame = frame.reset_index(drop=True).assign(part=TEST, **{task.name: None for task in tasks})
    return Dataset(frame, root, tuple(tasks), notes)


def _read(path: Path, columns: Sequence[str], dialect: Dialect | None) -> pd.DataFrame:
    if re.match(r"[A-Za-z]{2,}:/", str(path)):  # a path has lost the second slash of a link
        raise DataError(f"{path} is a link, which is not fetched; save the table and name its file.")
    try:
        return read_frame(path, columns, dialect)
    except DataError as error:
        raise DataError(as_options(str(error))) from error


def _warn(notes: Sequence[str]) -> None:
    for note in notes:
        log.warning("%s.", as_options(note))


def as_options(text: str) -> str:
    """What a configuration would mend, as options of the command: new posts have no configuration."""
    text = re.sub(r"data\.(delimiter|quotes|encoding|images)( = )?", lambda m: f"--{m[1]}{' ' if m[2] else ''}", text)
    return re.sub(r'data\.(image|audio|video) = "(.*?)"', r"--column '\1=\2'", text)


def _media(
    table: pd.DataFrame,
    rows: "pd.Series[str]",
    path: Path,
    sources: Mapping[str, tuple[str, ...]],
    folders: Sequence[Path],
    extracted: Path,
) -> dict[str, MediaColumn]:
    """Those in the first folder that has any of the posts' files, else in the first one."""
    roots = [image_folder(folder, ".") for folder in folders or [path.parent]] if sources else [path.parent]
    tried = [{kind: MediaColumn.of(kind, list(of), root, extracted) for kind, of in sources.items()} for root in roots]
    if len(tried) == 1:
        return tried[0]
    there = (one for one in tried if any(column.any_there(table, rows, path) for column in one.values()))
    chosen = next(there, None)
    if chosen is None:
        for column in (column for one in tried for column in one.values()):
            _found(column, table, rows, path)  # raises where a file of nearly that name is there
        return tried[0]
    if chosen is not tried[0]:
        what, where = " and ".join(sources).capitalize(), roots[tried.index(chosen)]
        said = "%s paths of %s begin in %s, none in %s; --images names another folder."
        log.warning(said, what, path, where, roots[0])
    return chosen


def _found(
    column: MediaColumn, table: pd.DataFrame, rows: "pd.Series[str]", path: Path
) -> tuple["pd.Series[str]", bool, list[str]]:
    try:
        return column.find(table, rows, path)
    except DataError as error:
        raise DataError(as_options(str(error))) from error


def _without_links(names: "pd.Series[str]", path: Path, kind: str) -> "pd.Series[str]":
    """Paths of files; links are missing from here on, and said. Raises DataError where there is nothing else."""
    links = np.array([isinstance(name, str) and LINK.match(name) is not None for name in names], dtype=bool)
    if not links.any():
        return names
    first, given = str(names[links].iloc[0])[:100], int(names.notna().sum())
    what = f"{links.sum():,} of {given:,} {get_modality(kind).plural}"
    said = f"{path}: {what} are links, which are not fetched ({first})"
    if links.sum() == given:
        raise DataError(f"{said}; save them in a folder that --images names, or judge without: --column {kind}=")
    log.warning("%s; these posts are judged without.", said)
    return names.where(~links, None)


def scan_posts(posts: Dataset, track: Track = silent, needed: Collection[str] | None = None) -> Dataset:
    """The posts with their images and clips scanned, as ``look_at_posts`` does."""
    return look_at_posts(posts, track, needed)[0]


def look_at_posts(
    posts: Dataset, track: Track = silent, needed: Collection[str] | None = None
) -> tuple[Dataset, Scans]:
    """The posts with their images and clips scanned; one that cannot be used is missing from here on, and said.

    Raises DataError where no post has anything to go by, unless nothing is ``needed`` (default: all modalities).
    """
    kinds = posts.modalities if needed is None else [name for name in MODALITIES if name in needed]
    anything = " or ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in kinds)
    if kinds and _blank(posts).all():
        raise DataError(f"None of the {len(posts):,} posts has {anything}; there is nothing to predict from.")
    try:
        scanned, scans = scan(posts, track=track)
    except DataError as error:
        given = [kind for kind in ENDINGS if any(posts.cells(kind))]
        ways = [f"--column {kind}= judges the posts without {get_modality(kind).plural}" for kind in given]
        raise DataError(f"{error} {'; '.join(['--images names the folder in which paths begin', *ways])}.") from error
    first = ""
    for name, found in scans.items():
        if len(found.problems):
            each = [f"{one['path']}: {one['problem']}" for one in found.problems.head(3).to_dict("records")]
            first, more = each[0], ["..."] if len(found.problems) > 3 else []
            plural, count = get_modality(name).plural, f"{len(found.problems):,}"
            log.warning(
                "%s %s cannot be used; these posts are judged without (%s).", count, plural, "; ".join(each + more)
            )
    blank = _blank(scanned)
    if kinds and blank.all():
        raise DataError(f"None of the {len(posts):,} posts has {anything} that can be used ({first}).")
    if kinds and blank.any():
        lacking, names = " nor ".join(kinds), some(scanned.ids[blank])
        said = f"neither {lacking}" if len(kinds) > 1 else f"no {lacking}"
        log.warning("%s posts have %s, so nothing is known of them: %s.", f"{blank.sum():,}", said, names)
    return scanned, scans


def _blank(posts: Dataset) -> npt.NDArray[np.bool_]:
    """(rows,) which posts have nothing of any modality."""
    missing = [[cell is None for cell in posts.cells(name)] for name in posts.modalities]
    return np.asarray(np.all(missing, axis=0))
