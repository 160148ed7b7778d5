"""What tests build their toy data from."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from ensemble.data import Codes, Dataset, Task

if TYPE_CHECKING:  # processes of toys do not wait for what stacks
    from meta.table import MetaTable

Floats = npt.NDArray[np.float64]

SENTIMENT = Task("sentiment", ("negative", "neutral", "positive"))
SARCASM = Task("sarcasm", ("0", "1"))


def toy_table(rows: int, seed: int = 0, test_rows: int = 0, tasks: tuple[Task, ...] = (SENTIMENT,)) -> Dataset:
    """Posts without media whose text names their label two times of three; labels are unbalanced."""
    random = np.random.default_rng(seed)
    total = rows + test_rows
    frame = pd.DataFrame(
        {
            "id": [f"post{number}" for number in range(total)],
            "image": None,
            "part": ["train"] * rows + ["test"] * test_rows,
        },
        dtype=object,
    )
    texts = [f"number{number}" for number in range(total)]
    for task in tasks:
        shares = np.arange(len(task.classes), 0, -1.0)
        labels = random.choice(task.classes, size=total, p=shares / shares.sum())
        said = np.where(random.random(total) < 2 / 3, labels, random.choice(task.classes, size=total))
        texts = [f"{text} {task.name}{word}" for text, word in zip(texts, said, strict=True)]
        frame[task.name] = [str(label) if row < rows else None for row, label in enumerate(labels)]
    return Dataset(frame.assign(text=texts), Path("."), tasks)


NUMBER = Task("mood", kind="regression", bounds=(-1, 1))


def number_table(values: Sequence[float], dev_rows: int = 0, test_rows: int = 0, noise: float = 0.1) -> Dataset:
    """Posts whose texts end with nearly their number; the last rows are of the test part, those before of the
    development part."""
    said = np.asarray(values) + noise * np.random.default_rng(0).normal(size=len(values))
    parts = ["train"] * (len(values) - dev_rows - test_rows) + ["dev"] * dev_rows + ["test"] * test_rows
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(len(values))], "part": parts, "mood": list(values)})
    return Dataset(frame.assign(text=[f"it is {value:.6f}" for value in said]).astype(object), Path(), (NUMBER,))


def meta_table(rows: int = 240, seed: int = 0, signal: float = 2.0) -> "MetaTable":
    """Three learners, three classes, as informative as ``signal``."""
    from meta.table import MetaTable

    random = np.random.default_rng(seed)
    labels = random.choice(3, size=rows, p=[0.3, 0.1, 0.6])
    scores = random.normal(size=(rows, 3, 3)) + signal * np.eye(3)[labels][:, None, :]
    values = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    features = values.reshape(rows, -1)
    ids = np.array([f"r{row}" for row in range(rows)], dtype=object)
    fold = np.arange(rows) % 4
    return MetaTable(SENTIMENT, ("a", "b", "c"), ids, features, labels, fold, np.arange(rows), ids[:0], features[:0])


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, size=(height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def table_of(labels: Codes, oof: dict[str, Floats], test: dict[str, Floats] | None = None) -> "MetaTable":
    """Learners by name, (rows, classes) each; ``test`` the same learners' for rows outside the folds."""
    from meta.table import MetaTable

    classes = next(iter(oof.values())).shape[1]
    task = Task("any", tuple(str(number) for number in range(classes)))
    inside = np.hstack(list(oof.values()))
    outside = np.hstack([test[name] for name in oof]) if test else inside[:0]
    rows, test_rows = np.arange(len(inside)), np.arange(len(outside))
    ids, test_ids = rows.astype(str).astype(object), test_rows.astype(str).astype(object)
    return MetaTable(task, tuple(oof), ids, inside, labels, rows % 4, rows, test_ids, outside)


def skilled(random: np.random.Generator, labels: Codes, classes: int, skill: float, difficulty: Floats) -> Floats:
    """(rows, classes) probabilities that know as much of the labels as ``skill`` says, less where a row (rows, classes)
    is difficult for all."""
    scores = skill * np.eye(classes)[labels] + difficulty + random.normal(size=(len(labels), classes))
    values = np.exp(scores)
    return np.asarray(values / values.sum(axis=1, keepdims=True))
