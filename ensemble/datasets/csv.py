"""Any CSV, TSV, JSON lines or Parquet table, its columns named in the configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ensemble.data import TEST, TRAIN, Dataset, Task
from ensemble.datasets.tables import ENCODING, ids, image_folder, read_frame, strings, translate
from ensemble.errors import ConfigError, DataError, some, unknown


def read(
    root: Path,
    train: str,
    tasks: Mapping[str, Sequence[str]],
    test: str | None = None,
    id: str = "id",
    text: str | None = None,
    image: str | None = None,
    images: str = ".",
    test_column: str | None = None,
    test_values: Sequence[str] = ("test",),
    ordinal: Sequence[str] = (),
) -> Dataset:
    """One table (and perhaps one of test rows) below ``root``.

    ``tasks`` maps each label column to its classes in order; ``ordinal`` names tasks where it is one of degree. ``id``,
    ``text`` and ``image`` name columns; image paths are relative to ``images``. Rows of ``test``, and those whose
    ``test_column`` is one of ``test_values``, enter no fold.
    """
    if text is None and image is None:
        raise ConfigError("data.text or data.image must name a column; neither is set.")
    if not tasks:
        raise ConfigError("data.tasks is empty; it must name a label column and its classes.")
    for name in ordinal:
        if name not in tasks:
            raise ConfigError(unknown("data.ordinal task", name, tasks))
    image_folder(root, images)
    named = [column for column in (id, text, image, test_column) if column is not None]
    frames = []
    for name in filter(None, (train, test)):
        needed = named + (list(tasks) if name == train else [])
        table = read_frame(root / name, needed)
        frames.append(_columns(table, root / name, tasks, (id, text, image)))
        held = strings(table[test_column]).isin(list(test_values)) if test_column else False
        frames[-1]["part"] = np.where(held | (name == test), TEST, TRAIN)
    frame = pd.concat(frames, ignore_index=True)
    if test_column and not (frame["part"] == TEST).any():
        found = sorted(set(strings(table[test_column]).dropna()))
        raise DataError(f"No row has {test_column} {some(test_values)}; the column holds {some(found, 8)}.")
    made = tuple(Task(name, tuple(classes), ordinal=name in ordinal) for name, classes in tasks.items())
    return Dataset(frame, root / images, made, id_column=id)


def _columns(
    table: pd.DataFrame, path: Path, tasks: Mapping[str, Sequence[str]], columns: tuple[str, str | None, str | None]
) -> pd.DataFrame:
    id_column, text, image = columns
    frame = pd.DataFrame({"id": ids(table[id_column], path), "text_encoding": table.attrs[ENCODING]})
    for name, column in (("text", text), ("image", image)):
        frame[name] = strings(table[column]) if column else None
    for task, classes in tasks.items():
        known = {label: label for label in classes}
        frame[task] = translate(table.assign(id=frame["id"]), task, known, path) if task in table else None
    return frame
