"""A look at tables nobody has described yet: which column is what, which classes, where the images are."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from ensemble.datasets import csv
from ensemble.datasets.cells import strings
from ensemble.datasets.label_columns import LabelColumn, guess_task, is_numeric
from ensemble.datasets.media import MOVING, SOUNDS, are_there, is_embedded, is_image
from ensemble.datasets.media_search import find_images, first_names
from ensemble.datasets.tables import SUFFIXES, notes_of, read_frame
from ensemble.errors import ConfigError, DataError, some

TEXTS = ("text", "tweet_text", "tweet", "caption", "content", "sentence", "message", "post", "body", "title")
IDS = ("id", "guid", "uid", "index", "key")
SPLITS = ("split", "part", "partition", "subset", "set", "mode")
DEVS = ("dev", "val", "valid", "validation", "development")


@dataclass
class Sketch:
    """The keys of a [data] table but for its root, what each task is, and what was assumed, a line each."""

    options: dict[str, Any]
    tasks: dict[str, list[str] | dict[str, Any]] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)


def sketch(root: Path, train: str, labels: Sequence[str], given: Mapping[str, str], extracted: Path) -> Sketch:
    """What a configuration of the csv preset must say of the table ``train`` below ``root`` and its ``labels``.

    ``given`` has what is known already: ``test``, ``text``, ``image``, ``audio``, ``video``, ``id``, ``group``. The
    dataset is read once as it will be later, so that what is written runs. Raises DataError and ConfigError like that.
    """
    table = read_frame(root / train, [*labels, *(given[kind] for kind in ("text", "id", "group") if kind in given)])
    made = Sketch({"train": train})
    if not labels:
        likely = [str(name) for name in table if _may_be_labels(table[name])]
        hint = f"; {some(likely, 5)} may be" if likely else ""
        columns = some(map(str, table.columns), 8)
        raise ConfigError(f"--label must name a column of classes or of numbers{hint}, of {columns}.")
    for label in labels:
        made.tasks[label], said = guess_task(table[label], root / train)
        made.assumed.append(f"{label}: {said}")
    rest = table.drop(columns=[*labels, *([given["group"]] if "group" in given else [])])
    _find_test(made, root, train, given.get("test"), rest)
    _find_id(made, rest, given.get("id"))
    _find_images(made, rest, root, given.get("image"))
    _find_clips(made, rest, root, given)
    _take_names_for_ids(made, rest)
    _find_text(made, rest, given.get("text"))
    if "group" in given:
        made.options["group"] = given["group"]
    _say_how(made, root, [train, *([made.options["test"]] if "test" in made.options else [])])
    tasks = {name: LabelColumn(**found) if isinstance(found, dict) else found for name, found in made.tasks.items()}
    data = csv.read(root, tasks=tasks, extracted=extracted, **made.options)
    made.assumed = list(dict.fromkeys([*made.assumed, *data.notes]))
    return made


def _may_be_labels(column: "pd.Series[Any]") -> bool:
    """Few values, or numbers some of which are there twice, as ids are not."""
    values = column.map(str)
    few = 1 < values.nunique() <= 10
    plain = not column.map(lambda cell: isinstance(cell, list | dict | bytes)).any()
    return str(column.name).lower() not in SPLITS and (few or (plain and not values.is_unique and is_numeric(column)))


def _find_test(made: Sketch, root: Path, train: str, given: str | None, table: pd.DataFrame) -> None:
    """A test file: the one given, or one beside the training file that is called so; or a column that tells."""
    column = next((str(name) for name in table if str(name).lower() in SPLITS), None)
    parts = set(strings(table[column])) if given is None and column is not None else set()
    if dev := sorted(part for part in parts if part in DEVS):
        made.options |= {"test_column": column, "dev_values": dev}
        made.assumed.append(f"development part: rows whose {column} is {' or '.join(dev)}; in no fold, scored apart")
    if "test" in parts:
        made.options |= {"test_column": column}
        made.assumed.append(f"test rows: those whose {column} is test")
        return
    if given is None:
        name = PurePosixPath(train).name
        folder = PurePosixPath(train).parent
        likely = [name.lower().replace("train", "test"), *(f"test{suffix}" for suffix in SUFFIXES)]
        there = {other.lower(): other for other in sorted(os.listdir(root / folder)) if other != name}
        beside = [str(folder / there[other]) for other in likely if other in there]
        if not beside:
            return
        given = beside[0]
        made.assumed.append(f"test file: {given}")
    made.options["test"] = given


def _find_id(made: Sketch, table: pd.DataFrame, given: str | None) -> None:
    if given is not None:
        made.options["id"] = given
        return
    names = sorted((str(name) for name in table), key=lambda name: name.lower() not in IDS)
    likely = [name for name in names if name.lower() in IDS or name.lower().endswith(("_id", "id"))]
    for name in likely:
        values = table[name].map(lambda cell: isinstance(cell, list | dict | bytes))
        if not values.any() and (texts := strings(table[name])).notna().all() and texts.is_unique:
            made.options["id"] = name
            made.assumed.append(f"id: column {name}")
            return


def _take_names_for_ids(made: Sketch, table: pd.DataFrame) -> None:
    """Without ids, files that are named once each name their posts."""
    kind = next((kind for kind in ("image", "audio", "video") if kind in made.options), "image")
    name = made.options.get(kind)
    if "id" in made.options or name not in table or table[name].map(is_embedded).any():
        return
    values = strings(table[name])
    if values.notna().all() and values.is_unique:
        made.options["id"] = name
        made.assumed.append(f"id: column {name}, as each {kind} is there once")


def _find_text(made: Sketch, table: pd.DataFrame, given: str | None) -> None:
    """The column of texts: one that is called so, else the one with the longest values of several words."""
    if given is not None:
        made.options["text"] = given
        return
    taken = {made.options.get(kind) for kind in ("id", "image", "audio", "video", "test_column")}
    lengths = {}
    for name in table:
        cells = [cell for cell in table[name] if isinstance(cell, str)]
        if str(name) not in taken and cells and sum(" " in cell.strip() for cell in cells) * 3 >= len(cells):
            lengths[str(name)] = sum(map(len, cells)) / len(cells)
    if not lengths:
        if not {"image", "audio", "video"} & set(made.options):
            raise DataError(f"No texts or images found in {made.options['train']}; --text and --image name them.")
        return
    named = [name for name in lengths if name.lower() in TEXTS]
    made.options["text"] = named[0] if named else max(lengths, key=lambda name: lengths[name])
    made.assumed.append(f"text: column {made.options['text']}")


def _find_images(made: Sketch, table: pd.DataFrame, root: Path, given: str | None) -> None:
    """Image paths in a column, or embedded images, or files that are called as the ids or another column's values."""
    if given is not None and given not in table:  # a pattern; any other name is refused when the table is read
        made.options["image"] = given
        return
    names = [given] if given is not None else [str(name) for name in table]
    found = find_images(table, names, root, given is not None, made.options.get("id"))
    if found is not None:
        options, said = found
        made.options |= options
        made.assumed.append(f"image: {said}")
    elif given is not None:
        made.options["image"] = given
    else:
        _say_where_no_images_are(made, table)


def _say_where_no_images_are(made: Sketch, table: pd.DataFrame) -> None:
    for name in table:
        values = first_names(table[name])
        if sum(is_image(value.partition("?")[0]) for value in values) * 2 > len(values) > 0:
            link = "://" in values[0]
            right = "nothing is downloaded: save them and name their files" if link else "--root names their folder"
            said = f"{'links to' if link else 'paths of'} images, such as {values[0][:80]}, and no such files"
            made.assumed.append(f"{name}: {said}, so posts are without images; {right}")


def _find_clips(made: Sketch, table: pd.DataFrame, root: Path, given: Mapping[str, str]) -> None:
    """Columns of paths below the root: of videos, and of files that hold sound alone."""
    for kind, endings in (("video", MOVING), ("audio", SOUNDS)):
        found = [name for name in map(str, table) if are_there(first_names(table[name]), endings, root)]
        if kind in given or found:
            made.options[kind] = given.get(kind) or found[0]
            made.assumed += [] if kind in given else [f"{kind}: column {found[0]}"]


def _say_how(made: Sketch, root: Path, files: Sequence[str]) -> None:
    """Delimiter, quotes and encoding, where all files have the same and it is not the usual one."""
    tables = [read_frame(root / name) for name in files]
    for key, usual in (("delimiter", None), ("quotes", None), ("encoding", "utf-8")):
        values = {table.attrs.get(key) for table in tables}
        value = values.pop()
        if not values and value not in (None, usual):
            made.options[key] = value
    made.assumed += notes_of(*tables)
