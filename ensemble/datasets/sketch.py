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
from ensemble.datasets.pictures import is_embedded, is_image
from ensemble.datasets.tables import SUFFIXES, notes_of, read_frame
from ensemble.errors import ConfigError, DataError, some

TEXTS = ("text", "tweet_text", "tweet", "caption", "content", "sentence", "message", "post", "body", "title")
IDS = ("id", "guid", "uid", "index", "key")
GROUPS = ("user", "author", "event", "thread", "speaker", "conversation", "account", "group")
SPLITS = ("split", "part", "partition", "subset", "set", "mode")
DEVS = ("dev", "val", "valid", "validation", "development")
LOOKED_AT = 50  # images looked for in a folder
FOLDERS = 200


@dataclass
class Sketch:
    """The keys of a [data] table but for its root, what each task is, and what was assumed, a line each."""

    options: dict[str, Any]
    tasks: dict[str, list[str] | dict[str, Any]] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)


def sketch(root: Path, train: str, labels: Sequence[str], given: Mapping[str, str], extracted: Path) -> Sketch:
    """What a configuration of the csv preset must say of the table ``train`` below ``root`` and its ``labels``.

    ``given`` has what is known already: ``test``, ``text``, ``image``, ``id``, ``group``. The dataset is read once as
    it will be later, so that what is written runs. Raises DataError and ConfigError as that does.
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
    _take_names_for_ids(made, rest)
    _find_text(made, rest, given.get("text"))
    if "group" in given:
        made.options["group"] = given["group"]
    else:
        _suggest_groups(made, rest)
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
    """Without ids, images that are named once each name their posts."""
    name = made.options.get("image")
    if "id" in made.options or name not in table or table[name].map(is_embedded).any():
        return
    values = strings(table[name])
    if values.notna().all() and values.is_unique:
        made.options["id"] = name
        made.assumed.append(f"id: column {name}, as each image is there once")


def _find_text(made: Sketch, table: pd.DataFrame, given: str | None) -> None:
    """The column of texts: one that is called so, else the one with the longest values of several words."""
    if given is not None:
        made.options["text"] = given
        return
    taken = {made.options.get(kind) for kind in ("id", "image", "test_column")}
    lengths = {}
    for name in table:
        cells = [cell for cell in table[name] if isinstance(cell, str)]
        if str(name) not in taken and cells and sum(" " in cell.strip() for cell in cells) * 3 >= len(cells):
            lengths[str(name)] = sum(map(len, cells)) / len(cells)
    if not lengths:
        if "image" not in made.options:
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
    found = _embedded(table, names) or _paths(table, names, root, given is not None)
    found = found or _patterns(table, names, root, made.options.get("id"))
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
        values = _names(table[name])
        if sum(is_image(value.partition("?")[0]) for value in values) * 2 > len(values) > 0:
            link = "://" in values[0]
            right = "nothing is downloaded: save them and name their files" if link else "--root names their folder"
            said = f"{'links to' if link else 'paths of'} images, such as {values[0][:80]}, and no such files"
            made.assumed.append(f"{name}: {said}, so posts are without images; {right}")


Found = tuple[dict[str, str], str]


def _embedded(table: pd.DataFrame, names: Sequence[str]) -> Found | None:
    name = next((name for name in names if table[name].map(is_embedded).any()), None)
    return ({"image": name}, f"column {name}, whose cells hold the images themselves") if name else None


def _paths(table: pd.DataFrame, names: Sequence[str], root: Path, sure: bool) -> Found | None:
    for name in names:
        values = _names(table[name])
        if sure or sum(is_image(value) for value in values) * 2 > len(values) > 0:
            folder = _with_most(_folders(root), root, values)
            if folder is not None:
                options = {"image": name} | ({"images": folder} if folder != "." else {})
                return options, f"column {name}, paths in {'the folder of the table' if folder == '.' else folder}"
    return None


def _patterns(table: pd.DataFrame, names: Sequence[str], root: Path, id: str | None) -> Found | None:
    for name in dict.fromkeys([*([id] if id in names else []), *names]):
        pattern = _pattern(str(name), _names(table[name]), _folders(root), root, name == id)
        if pattern is not None:
            return {"image": pattern}, f"files {pattern}, named by the column {name}"
    return None


def _names(column: "pd.Series[Any]") -> list[str]:
    return [str(cell).strip() for cell in column if isinstance(cell, str | int) and str(cell).strip()][:LOOKED_AT]


def _folders(root: Path) -> list[str]:
    """The root and the folders down to two below it."""
    inner = [path for path in sorted(root.glob("*/")) + sorted(root.glob("*/*/")) if not path.name.startswith(".")]
    return [".", *(path.relative_to(root).as_posix() for path in inner[:FOLDERS])]


def _with_most(folders: Sequence[str], root: Path, names: Sequence[str]) -> str | None:
    counts = {folder: sum(os.path.exists(root / folder / name) for name in names) for folder in folders}
    best = max(folders, key=lambda folder: counts[folder])
    return best if counts[best] else None


def _pattern(name: str, values: Sequence[str], folders: Sequence[str], root: Path, is_id: bool) -> str | None:
    """``images/{id}.jpg`` where files of these names are in a folder, ``.*`` where their endings differ."""
    for folder in folders:
        stems: dict[str, str] = {}
        for entry in os.listdir(root / folder):
            if is_image(entry):
                stems[entry.rpartition(".")[0]] = entry.rpartition(".")[2]
        endings = {stems[value] for value in values if value in stems}
        if endings:
            place = "" if folder == "." else f"{folder}/"
            return f"{place}{{{'id' if is_id else name}}}.{endings.pop() if len(endings) == 1 else '*'}"
    return None


def _suggest_groups(made: Sketch, table: pd.DataFrame) -> None:
    for name in map(str, table):
        values = strings(table[name]) if name.lower().startswith(GROUPS) else pd.Series(dtype=object)
        if 1 < values.nunique() < len(values):
            made.assumed.append(
                f"{name} has {values.nunique():,} values: --group {name} would keep the rows of each together"
            )


def _say_how(made: Sketch, root: Path, files: Sequence[str]) -> None:
    """Delimiter, quotes and encoding, where all files have the same and it is not the usual one."""
    tables = [read_frame(root / name) for name in files]
    for key, usual in (("delimiter", None), ("quotes", None), ("encoding", "utf-8")):
        values = {table.attrs.get(key) for table in tables}
        value = values.pop()
        if not values and value not in (None, usual):
            made.options[key] = value
    made.assumed += notes_of(*tables)
