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
from ensemble.datasets.pictures import FIELD, Pictures
from ensemble.datasets.tables import image_folder, notes_of, read_frame
from ensemble.errors import DataError, some
from ensemble.modalities import MODALITIES, get_modality
from ensemble.system.progress import Track, silent

log = logging.getLogger("ensemble")
LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:image/|//\w|www\.", re.IGNORECASE)
Columns = Mapping[str, str | list[str]]  # by "id" or modality; an image may also be named by patterns
WITHOUT_IMAGES = "--images names the folder in which paths begin; --column image= judges the posts without images."


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

    Image paths are relative to the first of the ``folders`` (default: the file's own) that has any, and stay in it.
    ``named`` columns ("id", or a modality) must be there, "" stands for none; otherwise the ``usual`` name, then the
    plain one, is looked for; an image may also be named by patterns, as in the csv preset. Without an id column a
    post's id is the number of its row, from 1. Embedded images are written to ``extracted`` (default: beside the file).

    Raises DataError.
    """
    named, usual, needed = named or {}, usual or {}, MODALITIES if needed is None else needed
    wanted = [column for kind, column in named.items() if kind in ("id", *needed) and column and "{" not in column]
    table = _read(path, wanted, dialect)
    _warn(notes_of(table))
    sources = {kind: _sources(table, kind, named, usual) for kind in ("id", *MODALITIES)}
    _say_what_is_read(path, table, sources, named, usual, needed)
    if not len(table):
        raise DataError(f"{path} has no rows; there is nothing to predict.")
    numbers = pd.Series([str(row) for row in range(1, len(table) + 1)], index=table.index, dtype=object)
    rows = ids(table[sources["id"][0]], path) if sources["id"] else numbers
    frame = pd.DataFrame({"id": rows, **dict.fromkeys(MODALITIES)}, index=table.index, dtype=object)
    notes, root = notes_of(table), path.parent
    kinds = [kind for kind in MODALITIES if kind in needed and sources[kind]]
    for kind in kinds:
        if kind == "image":
            pictures = _pictures(table, rows, path, sources[kind], folders, extracted or path.parent / "embedded")
            frame[kind], embedded, found = _found(pictures, table, rows, path)
            root = pictures.extracted if embedded else pictures.root
            frame[kind] = frame[kind] if embedded else _without_links(frame[kind], path)
            notes += tuple(found)
        else:
            frame[kind] = strings(table[sources[kind][0]], path)
            notes += notes_of(frame[kind])
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
    return re.sub(r'data\.image = "(.*?)"', r"--column 'image=\1'", text)


def _candidates(kind: str, named: Mapping[str, str], usual: Columns) -> list[tuple[str, ...]]:
    """What may tell an id or a modality, the first that is there: a column each, or patterns."""
    given = [named[kind]] if kind in named else [usual.get(kind, kind), kind]
    found = [(one,) if isinstance(one, str) else tuple(one) for one in given if one]
    return list(dict.fromkeys(found))


def _sources(table: pd.DataFrame, kind: str, named: Mapping[str, str], usual: Columns) -> tuple[str, ...]:
    """The first candidate whose columns the table has; nothing where it has none."""
    for sources in _candidates(kind, named, usual):
        patterns = [FIELD.findall(source) for source in sources]
        columns = {name for names in patterns for name in names} - {"id"} if any(patterns) else set(sources)
        if columns <= set(table.columns):
            return sources
    return ()


def _say_what_is_read(
    path: Path,
    table: pd.DataFrame,
    sources: Mapping[str, tuple[str, ...]],
    named: Mapping[str, str],
    usual: Columns,
    needed: Collection[str],
) -> None:
    """A line each on what is there and not looked at, and what is looked for and not there; raises DataError where that
    is all."""
    plural = {kind: get_modality(kind).plural for kind in MODALITIES}
    ignored = [plural[kind] for kind in MODALITIES if kind not in needed and (sources[kind] or named.get(kind))]
    if ignored:
        log.warning("No stacked learner looks at %s, so they are left out.", " or ".join(ignored))
    lacking = [kind for kind in MODALITIES if kind in needed and not sources[kind]]
    sought = [kind for kind in lacking if named.get(kind) != ""]
    names = [source for kind in sought for found in _candidates(kind, named, usual) for source in found]
    said = f"{path} has no column of {' or '.join(plural[kind] for kind in sought)} (looked for {some(names, 8)})"
    if lacking and len(lacking) == len(set(needed)):
        said = said if sought else f"{path}: --column leaves out all that the stacked learners look at"
        sign = {name.casefold() for name in names}
        near = next((name for name in map(str, table.columns) if name.casefold() in sign), "NAME")
        raise DataError(f"{said}; it has {some(table.columns, 8)}; --column {lacking[0]}={near} names one.")
    if sought:
        log.warning("%s, so its posts are judged without.", said)


def _pictures(
    table: pd.DataFrame,
    rows: "pd.Series[str]",
    path: Path,
    sources: tuple[str, ...],
    folders: Sequence[Path],
    extracted: Path,
) -> Pictures:
    """Those in the first folder that has any of the posts' images, else in the first one."""
    tried = [Pictures(sources, image_folder(folder, "."), extracted) for folder in folders or [path.parent]]
    if len(tried) == 1:
        return tried[0]
    chosen = next((one for one in tried if one.any_there(table, rows, path)), None)
    if chosen is None:
        for one in tried:  # raises where an image of nearly that name is there
            _found(one, table, rows, path)
        return tried[0]
    if chosen is not tried[0]:
        where, others = chosen.root, tried[0].root
        log.warning("Image paths of %s begin in %s, none in %s; --images names another folder.", path, where, others)
    return chosen


def _found(
    pictures: Pictures, table: pd.DataFrame, rows: "pd.Series[str]", path: Path
) -> tuple["pd.Series[str]", bool, list[str]]:
    try:
        return pictures.find(table, rows, path)
    except DataError as error:
        raise DataError(as_options(str(error))) from error


def _without_links(names: "pd.Series[str]", path: Path) -> "pd.Series[str]":
    """Paths of files; links are missing from here on, and said. Raises DataError where there is nothing else."""
    links = np.array([isinstance(name, str) and LINK.match(name) is not None for name in names], dtype=bool)
    if not links.any():
        return names
    first, given = str(names[links].iloc[0])[:100], int(names.notna().sum())
    said = f"{path}: {links.sum():,} of {given:,} images are links, which are not fetched ({first})"
    if links.sum() == given:
        raise DataError(f"{said}; save them in a folder that --images names, or judge without: --column image=")
    log.warning("%s; these posts are judged without.", said)
    return names.where(~links, None)


def scan_posts(posts: Dataset, track: Track = silent, needed: Collection[str] | None = None) -> Dataset:
    """The posts with their images scanned; one that cannot be used is missing from here on, and said.

    Raises DataError where no post has anything to go by, unless nothing is ``needed`` (default: all modalities).
    """
    kinds = [name for name in MODALITIES if needed is None or name in needed]
    anything = " or ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in kinds)
    if kinds and _blank(posts).all():
        raise DataError(f"None of the {len(posts):,} posts has {anything}; there is nothing to predict from.")
    try:
        scanned, scans = scan(posts, track=track)
    except DataError as error:
        raise DataError(f"{error} {WITHOUT_IMAGES}") from error
    first = ""
    for name, found in scans.items():
        if len(found.problems):
            first = f"{found.problems['path'].iloc[0]}: {found.problems['problem'].iloc[0]}"
            plural, count = get_modality(name).plural, f"{len(found.problems):,}"
            log.warning("%s %s cannot be used; these posts are judged without (%s).", count, plural, first)
    blank = _blank(scanned)
    if kinds and blank.all():
        raise DataError(f"None of the {len(posts):,} posts has {anything} that can be used ({first}).")
    if kinds and blank.any():
        lacking, names = " nor ".join(kinds), some(scanned.ids[blank])
        said = f"neither {lacking}" if len(kinds) > 1 else f"no {lacking}"
        log.warning("%s posts have %s, so nothing is known of them: %s.", f"{blank.sum():,}", said, names)
    return scanned


def _blank(posts: Dataset) -> npt.NDArray[np.bool_]:
    """(rows,) which posts have nothing of any modality."""
    missing = [[cell is None for cell in posts.cells(name)] for name in MODALITIES]
    return np.asarray(np.all(missing, axis=0))
