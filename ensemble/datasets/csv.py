"""Any CSV, TSV, JSON, Parquet or XLSX table, its columns named in the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ensemble.data import TEST, TRAIN, Dataset, Task
from ensemble.datasets.cells import Lists, canonical, ids, one_of, strings, translate
from ensemble.datasets.delimited import Dialect, Quotes
from ensemble.datasets.joining import Join, join_columns, keep_ids_apart
from ensemble.datasets.pictures import Pictures
from ensemble.datasets.tables import ENCODING, check_column, image_folder, notes_of, read_frame
from ensemble.errors import ConfigError, DataError, some, unknown

Names = str | list[str]


@dataclass(frozen=True)
class Columns:
    """What of a table is what: names of columns, of labels also their classes, and the values that stand for these."""

    tasks: Mapping[str, Sequence[str]]
    id: str | None
    text: str | None
    group: str | None
    pictures: Pictures | None
    labels: Mapping[str, Mapping[str, str]]
    label_lists: Lists
    test_column: str | None


@dataclass(frozen=True)
class Posts:
    """What one file held: its rows, whether its images were in its cells, and what was assumed to read it."""

    frame: pd.DataFrame
    embedded: bool
    notes: tuple[str, ...]


def read(
    root: Path,
    train: Names,
    tasks: Mapping[str, Sequence[str]],
    test: Names | None = None,
    id: str | None = None,
    text: str | None = None,
    image: Names | None = None,
    images: str = ".",
    group: str | None = None,
    test_column: str | None = None,
    test_values: Sequence[str] = ("test",),
    ordinal: Sequence[str] = (),
    labels: Mapping[str, Mapping[str, str]] | None = None,
    label_lists: Lists = "single",
    join: Join | None = None,
    delimiter: str | None = None,
    quotes: Quotes | None = None,
    encoding: str | None = None,
    extracted: Path = Path("artifacts/cache/embedded"),
) -> Dataset:
    """One or several tables (and perhaps some of test rows) below ``root``.

    ``tasks`` maps each label column to its classes in order; ``ordinal`` names tasks where it is one of degree,
    ``labels`` maps values of a label column to classes ("" to none), ``label_lists`` says what a list of several is.
    ``id``, ``text``, ``image`` and ``group`` name columns; rows of one group stay together in every split. Without
    ``id`` the column "id" counts where there is one, else the rows are numbered. Image paths are relative to
    ``images``; ``image`` may also be one or several patterns such as ``{id}.jpg``. Rows of ``test``, and those whose
    ``test_column`` is one of ``test_values``, enter no fold. ``join`` adds columns of another table. ``delimiter``,
    ``quotes`` and ``encoding`` say what a file does not tell. Embedded images are written to ``extracted``.
    """
    _check_columns(train, tasks, {"id": id, "text": text, "image": image, "group": group, "test_column": test_column})
    _check_tasks(tasks, ordinal, labels or {})
    folder = image_folder(root, images)
    sources = None if image is None else (image,) if isinstance(image, str) else tuple(image)
    pictures = None if sources is None else Pictures(sources, folder, extracted)
    columns = Columns(tasks, id, text, group, pictures, labels or {}, label_lists, test_column)
    dialect = Dialect(delimiter, quotes, encoding)
    files = [(path, TRAIN) for path in _files(root, train)] + [(path, TEST) for path in _files(root, test or [])]
    posts = [_read(path, part, columns, dialect, join, root) for path, part in files]
    for post, (_, part) in zip(posts, files, strict=True):
        post.frame["part"] = np.where(post.frame["split"].isin([canonical(value) for value in test_values]), TEST, part)
    _check_held([post.frame for post in posts], test_column, test_values)
    frames, apart = keep_ids_apart([post.frame for post in posts], [path.name for path, _ in files])
    frame = pd.concat(frames, ignore_index=True).drop(columns="split")
    notes = dict.fromkeys(note for post in posts for note in post.notes)
    frame, groups = _grouped(frame, group)
    made = tuple(Task(name, tuple(classes), ordinal=name in ordinal) for name, classes in tasks.items())
    root = _image_root(posts, folder, extracted)
    return Dataset(frame, root, made, (*notes, *apart, *groups), id_column=id or "id")


def _grouped(frame: pd.DataFrame, group: str | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows without a group stand alone; raises DataError where all of them do."""
    if group is None:
        return frame.drop(columns="group"), ()
    if len(frame) and frame["group"].isna().all():
        raise DataError(f"data.group: the column {group!r} is empty in each of the {len(frame):,} rows; leave it out.")
    made = frame.assign(group=frame["group"].where(frame["group"].notna(), "id:" + frame["id"]))
    return made, (f"{group}: the rows are in {made['group'].nunique():,} groups, none of which a split divides",)


def _image_root(posts: "Sequence[Posts]", folder: Path, extracted: Path) -> Path:
    """Where image paths begin; raises DataError where not all tables have their images in one way."""
    ways = {post.embedded for post in posts if post.frame["image"].notna().any()}
    if len(ways) > 1:
        raise DataError("The images of one table are in its cells, those of another are paths; one kind is needed.")
    return extracted if True in ways else folder


def _check_columns(train: Names, tasks: Mapping[str, Sequence[str]], named: Mapping[str, Names | None]) -> None:
    """Raises ConfigError without a training table, texts and images, and where labels are to be something else, too."""
    if not train:
        raise ConfigError("data.train is empty; it must name a table of training posts.")
    if named["text"] is None and named["image"] is None:
        raise ConfigError("data.text or data.image must name a column; neither is set.")
    if named["text"] is not None and named["text"] in (named["image"], named["id"]):
        raise ConfigError(f"data.text names {named['text']!r}, the column of images or ids; it must be another column.")
    for kind, name in named.items():
        if isinstance(name, str) and name in tasks:
            raise ConfigError(f"data.{kind} names {name!r}, a column of labels; it must be another column.")


def _check_tasks(
    tasks: Mapping[str, Sequence[str]], ordinal: Sequence[str], labels: Mapping[str, Mapping[str, str]]
) -> None:
    if not tasks:
        raise ConfigError("data.tasks is empty; it must name a label column and its classes.")
    for option, names in (("ordinal", ordinal), ("labels", labels)):
        for name in names:
            if name not in tasks:
                raise ConfigError(unknown(f"data.{option} task", name, tasks))
    for name, mapping in labels.items():
        for value, label in mapping.items():
            if label not in ("", *tasks[name]):
                raise ConfigError(
                    f"data.labels.{name}: {value!r} stands for {label!r}, not one of {list(tasks[name])}."
                )


def _check_held(frames: Sequence[pd.DataFrame], column: str | None, values: Sequence[str]) -> None:
    """Raises DataError where a test column holds none of the values that stand for test rows."""
    if column and not any((frame["part"] == TEST).any() for frame in frames):
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
    wanted = [columns.id, columns.text, columns.test_column, *(columns.pictures.columns() if columns.pictures else ())]
    wanted += [columns.group, *columns.tasks] if part == TRAIN else []
    needed = [name for name in dict.fromkeys(wanted) if name is not None]
    table = read_frame(path, needed if join is None else [join.key], dialect)
    encoding, notes = table.attrs[ENCODING], notes_of(table)
    if join is not None:
        table, joined = join_columns(table, path, join, root)
        notes += joined
        for name in needed:
            check_column(table, name, f"{path}, joined with {join.file}")
    frame, embedded, found = _columns(table, path, columns)
    return Posts(frame.assign(text_encoding=encoding), embedded, (*notes, *found))


def _columns(table: pd.DataFrame, path: Path, columns: Columns) -> tuple[pd.DataFrame, bool, tuple[str, ...]]:
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
    embedded = False
    if columns.pictures is not None:
        frame["image"], embedded, found = columns.pictures.find(table, rows, path)
        notes += tuple(found)
    for task, classes in columns.tasks.items():
        label = _label(table[task], rows, classes, columns, path) if task in table else None
        frame[task] = label
        notes += () if label is None else notes_of(label)
    return frame, embedded, notes


def _label(
    column: "pd.Series[str]", rows: "pd.Series[str]", classes: Sequence[str], columns: Columns, path: Path
) -> "pd.Series[str]":
    task = str(column.name)
    known = {label: label for label in classes} | dict(columns.labels.get(task, {}))
    chosen = [one_of(value, columns.label_lists) for value in column]
    table = pd.DataFrame({"id": rows, task: pd.Series(chosen, index=column.index, dtype=object)})
    try:
        return translate(table, task, known, path)
    except DataError as error:
        if "holds a list" not in str(error):
            raise
        reason = str(error).removesuffix(".")
        raise DataError(f'{reason}; data.label_lists = "majority" or "first" chooses one.') from error
