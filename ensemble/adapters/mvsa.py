"""MVSA-Single: one text file and one image per post, labels in ``guid,tag`` tables or in ``labelResultAll.txt``."""

from pathlib import Path
from typing import Literal

import pandas as pd

from ensemble.adapters.tables import ids, image_folder, join_parts, read_frame, strings, translate
from ensemble.data import Dataset, Task
from ensemble.errors import DataError
from ensemble.images import inside
from ensemble.texts import read_text

SENTIMENT = Task("sentiment", ("negative", "neutral", "positive"), ordinal=True)
TAGS = {name: name for name in SENTIMENT.classes}
PUBLISHED = "labelResultAll.txt"
Rule = Literal["combine", "agree", "text", "image"]


def read(
    root: Path,
    train: str = "train.txt",
    test: str | None = "test_without_label.txt",
    folder: str = "data",
    rule: Rule = "combine",
) -> Dataset:
    """The posts below ``root``, in whichever of the two published layouts is there.

    ``rule`` makes one label of the two in ``labelResultAll.txt``. ``combine`` (the convention of the MVSA papers):
    equal labels stand, neutral yields to the other, opposite labels drop the post. ``agree`` keeps only posts whose
    labels agree. ``text`` and ``image`` take that label alone.
    """
    image_folder(root, folder)
    notes: tuple[str, ...] = ()
    if (root / train).is_file():
        frame = join_parts([_read_tags(root / train)], [_read_tags(root / test)] if test else [])
    elif (root / PUBLISHED).is_file():
        both = _read_published(root / PUBLISHED)
        labels = combine(both["text_label"], both["image_label"], rule)
        frame = join_parts([both[["id"]].assign(sentiment=labels)[labels.notna()]], [])
        notes = (f"{labels.isna().sum():,} of {len(both):,} posts left out by the label rule {rule!r}",)
    else:
        raise DataError(f"Neither {train} nor {PUBLISHED} is in {root}; one of them must hold the labels.")
    read_texts = [read_text(inside(root, f"{folder}/{guid}.txt", guid)) for guid in frame["id"]]
    frame["text"] = strings(pd.Series([text for text, _ in read_texts], dtype=object))
    frame["text_encoding"] = [encoding for _, encoding in read_texts]
    frame["image"] = folder + "/" + frame["id"] + ".jpg"
    return Dataset(frame, root, (SENTIMENT,), notes)


def _read_tags(path: Path) -> pd.DataFrame:
    table = read_frame(path, ("guid", "tag"))
    table["id"] = ids(table["guid"], path)
    table["tag"] = table["tag"].where(table["tag"] != "null", None)
    return pd.DataFrame({"id": table["id"], "sentiment": translate(table, "tag", TAGS, path)})


def _read_published(path: Path) -> pd.DataFrame:
    """``ID<tab>text,image`` and rows such as ``1<tab>neutral,positive``."""
    with path.open(encoding="utf-8", errors="replace") as file:
        header = file.readline().strip()
    if header.count("\t") != 1 or header.count(",") != 1:
        raise DataError(f"{path}: the header must be 'ID<tab>text,image' (one annotator), found {header!r}.")
    table = read_frame(path)
    left, image = table.columns
    first = table[left].str.split("\t", n=1, expand=True).reindex(columns=[0, 1])
    frame = pd.DataFrame({"ID": first[0], "text": first[1], "image": table[image]})
    frame["id"] = ids(frame["ID"], path)
    return pd.DataFrame(
        {
            "id": frame["id"],
            "text_label": translate(frame, "text", TAGS, path),
            "image_label": translate(frame, "image", TAGS, path),
        }
    )


def combine(text: "pd.Series[str]", image: "pd.Series[str]", rule: Rule) -> "pd.Series[str]":
    """One label per post by the named rule; None drops the post."""
    if rule in ("text", "image"):
        return text if rule == "text" else image
    agreed = text.where(text == image, None)
    if rule == "agree":
        return agreed
    merged = text.where(image == "neutral", image.where(text == "neutral", None))
    return agreed.where(agreed.notna(), merged)
