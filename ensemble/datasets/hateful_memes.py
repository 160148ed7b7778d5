"""Hateful Memes: JSON lines with ``id``, ``img``, ``text`` and, where published, ``label``."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.datasets.tables import ENCODING, ids, join_parts, read_frame, strings, translate

HATEFUL = Task("hateful", ("0", "1"))


def read(root: Path, train: Sequence[str] = ("train.jsonl",), test: Sequence[str] = ("test_seen.jsonl",)) -> Dataset:
    """The JSON lines files below ``root``; rows of ``test`` may have labels and then score the stack."""
    frame = join_parts([_read(root / name) for name in train], [_read(root / name) for name in test])
    return Dataset(frame, root, (HATEFUL,))


def _read(path: Path) -> pd.DataFrame:
    table = read_frame(path, ("id", "img", "text"))
    table["id"] = ids(table["id"], path)
    labels = translate(table, "label", {"0": "0", "1": "1"}, path) if "label" in table else None
    return pd.DataFrame(
        {"id": table["id"], "text": strings(table["text"]), "image": strings(table["img"]), "hateful": labels},
        dtype=object,
    ).assign(text_encoding=table.attrs[ENCODING])
