"""MVSA: one text file and one image per post, labels in ``guid,tag`` tables or in ``labelResultAll.txt``."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from ensemble.content.images import resolve_inside
from ensemble.content.texts import decode, read_text
from ensemble.data import TRAIN, Dataset, Task
from ensemble.datasets.tables import ids, image_folder, join_parts, read_frame, strings, translate
from ensemble.errors import DataError

SENTIMENT = Task("sentiment", ("negative", "neutral", "positive"), ordinal=True)
TAGS = {name: name for name in SENTIMENT.classes}
PUBLISHED = "labelResultAll.txt"
KINDS = ("text", "image")
Rule = Literal["combine", "agree", "text", "image"]


def read(
    root: Path,
    train: str = "train.txt",
    test: str | None = "test_without_label.txt",
    folder: str = "data",
    rule: Rule = "combine",
    per_class: int | None = None,
) -> Dataset:
    """The posts below ``root``, in whichever of the two published layouts is there.

    ``rule`` makes one label of the two in ``labelResultAll.txt``. ``combine`` (the convention of the MVSA papers):
    equal labels stand, neutral yields to the other, opposite labels drop the post. ``agree`` keeps only posts whose
    labels agree. ``text`` and ``image`` take that label alone. These three read that file also where ``train`` is
    there. Of several annotators (MVSA-Multiple) the majority's labels are these two; a post without one is dropped.
    ``per_class`` keeps so many training posts of each label.
    """
    image_folder(root, folder)
    notes: tuple[str, ...] = ()
    asked = rule != "combine" and (root / PUBLISHED).is_file()  # a rule needs the two labels it chooses from
    if (root / train).is_file() and not asked:
        frame = join_parts([_read_tags(root / train)], [_read_tags(root / test)] if test else [])
        if rule != "combine":
            notes = (f"{train} has one label for each post, so the label rule {rule!r} has nothing to choose from",)
    elif (root / PUBLISHED).is_file():
        both, annotators = _read_published(root / PUBLISHED)
        labels = combine(both["text_label"], both["image_label"], rule)
        frame = join_parts([both[["id"]].assign(sentiment=labels)[labels.notna()]], [])
        of_several = f", of {annotators} annotators the majority's" if annotators > 1 else ""
        notes = (f"{labels.isna().sum():,} of {len(both):,} posts left out by the label rule {rule!r}{of_several}",)
    else:
        raise DataError(f"Neither {train} nor {PUBLISHED} is in {root}; one of them must hold the labels.")
    if per_class is not None:
        frame, note = _balanced(frame, per_class)
        notes += (note,)
    read_texts = [read_text(resolve_inside(root, f"{folder}/{guid}.txt", guid)) for guid in frame["id"]]
    frame["text"] = strings(pd.Series([text for text, _ in read_texts], dtype=object))
    frame["text_encoding"] = [encoding for _, encoding in read_texts]
    frame["image"] = folder + "/" + frame["id"] + ".jpg"
    return Dataset(frame, root, (SENTIMENT,), notes, id_column="guid")


def _read_tags(path: Path) -> pd.DataFrame:
    table = read_frame(path, ("guid", "tag"))
    table["id"] = ids(table["guid"], path)
    table["tag"] = table["tag"].where(table["tag"] != "null", None)
    return pd.DataFrame({"id": table["id"], "sentiment": translate(table, "tag", TAGS, path)})


def _read_published(path: Path) -> tuple[pd.DataFrame, int]:
    """``ID<tab>text,image`` and rows such as ``1<tab>neutral,positive``, a pair for each annotator; their majority's
    labels, and how many annotators there are."""
    text, _ = decode(path.read_bytes())
    header, *lines = (text or "").splitlines() or [""]
    annotators = header.count("\t")
    if [cell.strip() for cell in header.split("\t")] != ["ID", *["text,image"] * annotators] or not annotators:
        raise DataError(f"{path}: the header must be 'ID<tab>text,image', a pair per annotator, found {header!r}.")
    rows = [[cell.strip() for cell in line.replace(",", "\t").split("\t")] for line in lines if line.strip()]
    for number, row in enumerate(rows, start=1):
        if len(row) != 1 + 2 * annotators:
            raise DataError(f"{path}: row {number} has {len(row)} values, the header has {1 + 2 * annotators}.")
    names = ["ID", *(f"{kind} {number}" for number in range(annotators) for kind in ("text", "image"))]
    table = pd.DataFrame(rows, columns=names, dtype=object)
    table["id"] = ids(table["ID"], path)
    labels = {
        kind: [translate(table, f"{kind} {number}", TAGS, path) for number in range(annotators)] for kind in KINDS
    }
    majority = {f"{kind}_label": _majority(columns) for kind, columns in labels.items()}
    return pd.DataFrame({"id": table["id"], **majority}, dtype=object), annotators


def _majority(labels: "Sequence[pd.Series[str]]") -> "list[str | None]":
    """Per post the label that more than half of the annotators gave."""
    most = [Counter(row).most_common(1)[0] for row in zip(*labels, strict=True)]
    return [label if 2 * count > len(labels) else None for label, count in most]


def _balanced(frame: pd.DataFrame, per_class: int) -> tuple[pd.DataFrame, str]:
    """``per_class`` training posts of each label, those whose ids have the smallest hashes, so that no other post
    matters; the rows of the test file as they are."""
    train = (frame["part"] == TRAIN).to_numpy()
    order = frame["id"].map(lambda name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:7]))
    place = order[train].groupby(frame["sentiment"]).rank()
    counts = frame["sentiment"][train].value_counts().reindex(list(SENTIMENT.classes), fill_value=0)
    if not 0 < per_class <= counts.min():
        fewest = f"{counts.min()}, the posts labelled {counts.idxmin()}"
        raise DataError(f"data.per_class must be between 1 and {fewest}, got {per_class}.")
    kept = ~train | (place.reindex(frame.index) <= per_class).to_numpy()
    left_out = f"{(train & ~kept).sum():,} of {train.sum():,} training posts left out"
    return frame[kept].reset_index(drop=True), f"{left_out}: {per_class:,} of each label are kept"


def combine(text: "pd.Series[str]", image: "pd.Series[str]", rule: Rule) -> "pd.Series[str]":
    """One label per post by the named rule; None drops the post."""
    if rule in ("text", "image"):
        return text if rule == "text" else image
    agreed = text.where(text == image, None)
    if rule == "agree":
        return agreed
    merged = text.where(image == "neutral", image.where(text == "neutral", None))
    return agreed.where(agreed.notna(), merged)
