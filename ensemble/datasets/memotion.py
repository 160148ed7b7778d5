"""Memotion 1.0 (SemEval-2020 task 8): five published columns of strings become eight tasks in subtasks A, B and C."""

from pathlib import Path

import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.datasets.cells import ids, strings, translate
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.tables import ENCODING, NOTES, image_folder, join_parts, notes_of, read_frame, test_files

SENTIMENT = {
    "very_negative": "-1",
    "negative": "-1",
    "neutral": "0",
    "positive": "1",
    "very_positive": "1",
}
DEGREES = {
    "humour": {"not_funny": "0", "funny": "1", "very_funny": "2", "hilarious": "3"},
    "sarcasm": {"not_sarcastic": "0", "general": "1", "twisted_meaning": "2", "very_twisted": "3"},
    "offensive": {"not_offensive": "0", "slight": "1", "very_offensive": "2", "hateful_offensive": "3"},
}
MOTIVATIONAL = {"not_motivational": "0", "motivational": "1"}
PUBLISHED = ("overall_sentiment", *DEGREES, "motivational")

TASKS = (
    Task("sentiment", ("-1", "0", "1"), ordinal=True),
    *(Task(emotion, ("0", "1")) for emotion in DEGREES),
    Task("motivational", ("0", "1")),
    *(Task(f"{emotion}_degree", ("0", "1", "2", "3"), ordinal=True) for emotion in DEGREES),
)
# Motivation is binary in both B and C: one training, shown twice.
SUBTASKS = {
    "A": ("sentiment",),
    "B": (*DEGREES, "motivational"),
    "C": (*(f"{emotion}_degree" for emotion in DEGREES), "motivational"),
}
LINKED_TASKS = tuple((emotion, f"{emotion}_degree") for emotion in DEGREES)


def read(
    root: Path,
    labels: str = "labels.csv",
    test: str | None = "test.csv",
    images: str = "images",
    encoding: str | None = None,
) -> Dataset:
    """The published files below ``root``; the text is ``text_corrected``, or ``text_ocr`` where that is empty.

    Test rows are in ``test``, which may be absent where it is not named.
    """
    image_folder(root, images)
    tests, notes = test_files(root, [test or ""], "test.csv")
    dialect = Dialect(encoding=encoding)
    train = _read(root / labels, images, dialect, labelled=True)
    held = [_read(path, images, dialect, labelled=False) for path in tests]
    frame = join_parts([train], held)
    notes = (*notes, *notes_of(train, *held))
    return Dataset(frame, root, TASKS, notes, subtasks=SUBTASKS, linked_tasks=LINKED_TASKS, id_column="image_name")


def _read(path: Path, images: str, dialect: Dialect, labelled: bool) -> pd.DataFrame:
    needed = ("image_name", "text_ocr", "text_corrected", *(PUBLISHED if labelled else ()))
    table = read_frame(path, needed, dialect)
    table["id"] = ids(table["image_name"], path)
    corrected, ocr = strings(table["text_corrected"], path), strings(table["text_ocr"], path)
    frame = pd.DataFrame(
        {"id": table["id"], "text": corrected.where(corrected.notna(), ocr), "image": images + "/" + table["id"]}
    ).assign(text_encoding=table.attrs[ENCODING])
    frame.attrs[NOTES] = notes_of(table)
    if not labelled:
        return frame.assign(**{task.name: None for task in TASKS})
    frame["sentiment"] = translate(table, "overall_sentiment", SENTIMENT, path)
    frame["motivational"] = translate(table, "motivational", MOTIVATIONAL, path)
    for emotion, degrees in DEGREES.items():
        degree = translate(table, emotion, degrees, path)
        frame[f"{emotion}_degree"] = degree
        frame[emotion] = degree.map({"0": "0", "1": "1", "2": "1", "3": "1"})
    return frame
