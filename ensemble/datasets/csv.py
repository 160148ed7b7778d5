"""Any CSV, TSV, JSON, Parquet or XLSX table, its columns named in the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ensemble.data import DEV, TEST, TRAIN, Dataset, slice_column
from ensemble.datasets.cells import Lists, canonical, ids, strings
from ensemble.datasets.delimited import Dialect, Quotes
from ensemble.datasets.groups import group_notes
from ensemble.datasets.joining import Join, join_columns, keep_ids_apart
from ensemble.datasets.label_columns import (
    LabelColumn,
    TaskOptions,
    check_label_columns,
    label_columns,
    read_labels,
)
from ensemble.datasets.media import ENDINGS, MediaColumn
from ensemble.datasets.slices import LANGUAGE
from ensemble.datasets.tables import ENCODING, check_column, image_folder, notes_of, read_frame
from ensemble.errors import ConfigError, DataError, some

Names = str | list[str]


@dataclass(frozen=True)
class Columns:
    """What of a table is what: names of columns, of labels also what they are, and the values that stand for these."""

    tasks: Mapping[str, LabelColumn]
    id: str | None
    text: str | None
    group: str | None
    media: Mapping[str, MediaColumn]
    labels: Mapping[str, Mapping[str, str]]
    label_lists: Lists
    test_column: str | None
    slices: Sequence[str] = ()

    def labelled(self) -> list[str]:
        return [column for name, task in self.tasks.items() for column in task.columns(name)]


@dataclass(frozen=True)
class Posts:
    """What one file held: its rows, of each kind of media whether it was in its cells, and what was assumed to read
    it."""

    frame: pd.DataFrame
    embedded: Mapping[str, bool]
    notes: tuple[str, ...]


def read(
    root: Path,
    train: Names,
    tasks: TaskOptions,
    test: Names | None = None,
    id: str | None = None,
    text: str | None = None,
    image: Names | None = None,
    images: str = ".",
    audio: Names | None = None,
    video: Names | None = None,
    group: str | None = None,
    test_column: str | None = None,
    test_values: Sequence[str] = ("test",),
    dev: Names | None = None,
    dev_values: Sequence[str] = (),
    ordinal: Sequence[str] = (),
    labels: Mapping[str, Mapping[str, str]] | None = None,
    label_lists: Lists = "single",
    join: Join | None = None,
    delimiter: str | None = None,
    quotes: Quotes | None = None,
    encoding: str | None = None,
    slices: Sequence[str] = (),
    extracted: Path = Path("artifacts/cache/embedded"),
) -> Dataset:
    """One or several tables (and perhaps some of test rows) below ``root``.

    ``tasks`` maps each label column to its classes in order, or to ``{kind = "regression", bounds = [1, 5]}``;
    ``ordinal`` names tasks where that order is one of degree, ``labels`` maps values of a label column to classes or
    numbers ("" to none), ``label_lists`` says what a list of several is.
    ``id``, ``text``, ``image`` and ``group`` name columns; rows of one group ("": there is none) stay together in every
    split. Without ``id`` the column "id" counts where there is one, else the rows are numbered. Image paths are
    relative to ``images``, and so are those of ``audio`` and ``video``; each may also be one or several patterns such
    as ``{id}.jpg``. Where there is no ``audio``, the sound of ``video`` counts. Rows of ``test``, and those whose
    ``test_column`` is one of ``test_values``, enter no fold; nor do those of ``dev``, and those where it is one of
    ``dev_values``: they may tell learners which epoch or parameter is best. ``join`` adds columns of another table.
    ``delimiter``, ``quotes`` and ``encoding`` say what a file does not tell. ``slices`` are columns that are kept, by
    which scores are told apart. Embedded files go to ``extracted``.
    """
    named, group = {"image": image, "audio": audio, "video": video}, group or None
    _check_columns(train, tasks, {"id": id, "text": text, **named, "group": group, "test_column": test_column})
    made = label_columns(tasks)
    check_label_columns(made, ordinal, labels or {})
    folder = image_folder(root, images)
    media = {kind: MediaColumn.of(kind, one, folder, extracted) for kind, one in named.items() if one is not None}
    columns = Columns(made, id, text, group, media, labels or {}, label_lists, test_column, slices)
    dialect = Dialect(delimiter, quotes, encoding)
    files = [(path, TRAIN) for path in _files(root, train)] + [(path, TEST) for path in _files(root, test or [])]
    files += [(path, DEV) for path in _files(root, dev or [])]
    posts = [_read(path, part, columns, dialect, join, root) for path, part in files]
    _put_apart([post.frame for post in posts], [part for _, part in files], test_column, test_values, dev_values)
    frames, apart = keep_ids_apart([post.frame for post in posts], [path.name for path, _ in files])
    frame = pd.concat(frames, ignore_index=True).drop(columns="split")
    notes = dict.fromkeys(note for post in posts for note in post.notes)
    frame, groups = _grouped(frame, group)
    asked = tuple(column.task(name, name in ordinal) for name, column in made.items())
    root = _media_root(posts, folder, extracted)
    return Dataset(frame, root, asked, (*notes, *apart, *groups), id_column=id or "id")


def _grouped(frame: pd.DataFrame, group: str | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows without a group stand alone; raises DataError where all of them do."""
    if group is None:
        return frame.drop(columns="group"), ()
    if len(frame) and frame["group"].isna().all():
        raise DataError(f"data.group: the column {group!r} is empty in each of the {len(frame):,} rows; leave it out.")
    made = frame.assign(group=frame["group"].where(frame["group"].notna(), "id:" + frame["id"]))
    return made, (f"{group}: the rows are in {made['group'].nunique():,} groups, none of which a split divides",)


def _media_root(posts: "Sequence[Posts]", folder: Path, extracted: Path) -> Path:
    """Where the paths of media begin; raises DataError where not all are there in one way."""
    ways = {way for post in posts for kind, way in post.embedded.items() if post.frame[kind].notna().any()}
    if len(ways) > 1:
        raise DataError("Some images or clips are in the cells of a table, others are paths; one kind is needed.")
    return extracted if True in ways else folder


def _check_columns(train: Names, tasks: TaskOptions, named: Mapping[str, Names | None]) -> None:
    """Raises ConfigError without a training table, texts and images, and where labels are to be something else, too."""
    if not train:
        raise ConfigError("data.train is empty; it must name a table of training posts.")
    if all(named[kind] is None for kind in ("text", *ENDINGS)):
        raise ConfigError("data.text, data.image, data.audio or data.video must name a column; none is set.")
    if named["text"] is not None and named["text"] in [named[kind] for kind in ("id", *ENDINGS)]:
        raise ConfigError(f"data.text names {named['text']!r}, the column of files or ids; it must be another column.")
    for kind, name in named.items():
        if isinstance(name, str) and name in tasks:
            raise ConfigError(f"data.{kind} names {name!r}, a column of labels; it must be another column.")


def _put_apart(
    frames: Sequence[pd.DataFrame],
    parts: Sequence[str],
    column: str | None,
    test_values: Sequence[str],
    dev_values: Sequence[str],
) -> None:
    """Give each row its part: that of its file, unless ``column`` holds one of these values. Raises DataError where it
    holds none of the values that stand for test rows, or for development rows."""
    held = {TEST: test_values, DEV: dev_values}
    for frame, part in zip(frames, parts, strict=True):
        frame["part"] = part
        for name, values in held.items():
            frame.loc[frame["split"].isin([canonical(value) for value in values]), "part"] = name
    needed = {} if column is None else {DEV: dev_values} if dev_values else {TEST: test_values}
    for name, values in needed.items():
        if not any((frame["part"] == name).any() for frame in frames):
            found = sorted({value for frame in frames for value in frame["split"].dropna()})
            raise DataError(f"No row has {column} {some(values)}; the column holds {some(found, 8)}.")


def _files(root: Path, names: Names) -> list[Path]:
    """The files named, or that a pattern such as ``data/train-*.parquet`` matches."""
    paths: list[Path] = []
    for name in [names] if isinstance(names, str) else names:
        if "*" in name and Path(name).is_absolute():
            raise ConfigError(f"{name!r}: a pattern is looked for below data.root; write it relative to {root}.")
        matched = sorted(root.glob(name)) if "*" in name else [root / name]
        if not matched:
            raise DataError(f"No file matches {root / name}.")
        paths.extend(matched)
    return paths


def _read(path: Path, part: str, columns: Columns, dialect: Dialect, join: Join | None, root: Path) -> Posts:
    """The posts of one file; one of test rows needs no labels and no groups."""
    wanted = [columns.id, columns.text, columns.test_column]
    wanted += [name for media in columns.media.values() for name in media.columns()]
    kept = [name for name in columns.slices if name != LANGUAGE]
    wanted += [columns.group, *columns.labelled(), *kept] if part != TEST else []
    needed = [name for name in dict.fromkeys(wanted) if name is not None]
    table = read_frame(path, needed if join is None else [join.key], dialect)
    encoding, notes = table.attrs[ENCODING], notes_of(table)
    if join is not None:
        table, joined = join_columns(table, path, join, root)
        notes += joined
        for name in needed:
            check_column(table, name, f"{path}, joined with {join.file}")
    frame, embedded, found = _columns(table, path, columns)
    if columns.group is None and part != TEST:
        found += group_notes(table.drop(columns=[name for name in needed if name in table]))
    return Posts(frame.assign(text_encoding=encoding), embedded, (*notes, *found))


def _columns(
    table: pd.DataFrame, path: Path, columns: Columns
) -> tuple[pd.DataFrame, dict[str, bool], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    name = columns.id or ("id" if "id" in table else None)
    if name is None:
        rows = pd.Series([str(n) for n in range(1, len(table) + 1)], index=table.index, dtype=object)
        notes += (f"{path.name}: it has no column 'id', so its rows are numbered; data.id names one",)
    else:
        rows = ids(table[name], path)
    frame = pd.DataFrame({"id": rows, "image": None}, index=table.index)
    for kind, column in (("text", columns.text), ("group", columns.group), ("split", columns.test_column)):
        values = strings(table[column], path) if column and column in table else None
        notes += () if values is None else notes_of(values)
        if values is not None and kind != "text":  # "1.0" in one file may be "1" in another
            values = pd.Series([value and canonical(value) for value in values], index=table.index, dtype=object)
        frame[kind] = values
    for name in columns.slices:
        if name in table:
            frame[slice_column(name)] = [value and canonical(value) for value in strings(table[name], path)]
    embedded = {}
    for kind, media in columns.media.items():
        frame[kind], embedded[kind], found = media.find(table, rows, path)
        notes += tuple(found)
    for task, made in columns.tasks.items():
        mapping = columns.labels.get(task, {})
        labels, said = read_labels(table, rows, task, made, mapping, columns.label_lists, path)
        frame = frame.assign(**labels)
        notes += said
    return frame, embedded, notes
