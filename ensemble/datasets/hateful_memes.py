"""Hateful Memes: JSON lines with ``id``, ``img``, ``text`` and, where published, ``label``."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.datasets.cells import ids, strings, translate
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.tables import ENCODING, NOTES, join_parts, notes_of, read_frame, test_files

HATEFUL = Task("hateful", ("0", "1"))


def read(
    root: Path,
    train: Sequence[str] = ("train.jsonl",),
    test: Sequence[str] = ("test_seen.jsonl",),
    encoding: str | None = None,
) -> Dataset:
    """The JSON lines files below ``root``; rows of ``test`` may have labels and then score the stack."""
    dialect = Dialect(encoding=encoding)
    tests, notes = test_files(root, test, "test_seen.jsonl")
    parts = [_read(root / name, dialect) for name in train], [_read(path, dialect) for path in tests]
    return Dataset(join_parts(*parts), root, (HATEFUL,), (*notes, *notes_of(*parts[0], *parts[1])))


def _read(path: Path, dialect: Dialect) -> pd.DataFrame:
    table = read_frame(path, ("id", "img", "text"), dialect)
    table["id"] = ids(table["id"], path)
    labels = translate(table, "label", {"0": "0", "1": "1"}, path) if "label" in table else None
    texts, images = strings(table["text"], path), strings(table["img"], path)
    frame = pd.DataFrame({"id": table["id"], "text": texts, "image": images, "hateful": labels}, dtype=object)
    frame["text_encoding"] = table.attrs[ENCODING]
    frame.attrs[NOTES] = notes_of(table)
    return frame
