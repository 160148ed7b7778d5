"""The audit of a dataset before anything is trained on it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ensemble.content.duplicates import Duplicates, find_duplicates
from ensemble.content.languages import UNDETERMINED, count
from ensemble.content.scan import Scan
from ensemble.content.texts import CONTROL, RIGHT_TO_LEFT, WORD
from ensemble.data import TEST, TRAIN, Dataset

FEW = 5
MANY = 8


def audit(data: Dataset, seen: Scan) -> dict[str, Any]:
    """Counts of everything that is odd about a dataset, as plain JSON. ``seen`` is the scan of its images."""
    copies = find_duplicates(data, seen)
    train = (data.frame["part"] == TRAIN).to_numpy()
    return {
        "rows": {TRAIN: int(train.sum()), TEST: int((~train).sum())},
        "tasks": {task.name: _label_counts(data, task.name, task.classes) for task in data.tasks},
        "texts": {**_texts(data.texts), "encodings": _encodings(data), "languages": count(data.texts)},
        "images": _images(data, seen),
        "duplicates": _duplicates(data, copies),
        "conflicting_labels": {task.name: _conflicts(data, copies, task.name) for task in data.tasks},
        "train_test_overlap": int(np.isin(copies.group[~train], copies.group[train]).sum()),
        "notes": list(data.notes),
    }


def _label_counts(data: Dataset, task: str, classes: tuple[str, ...]) -> dict[str, int]:
    """Rows of each class; a test row without a label lacks nothing."""
    column = data.frame.loc[(data.frame["part"] == TRAIN) | data.frame[task].notna(), task]
    return {name: int((column == name).sum()) for name in classes} | {"missing": int(column.isna().sum())}


def _texts(texts: Sequence[str | None]) -> dict[str, int]:
    known = [text for text in texts if text is not None]
    return {
        "missing": len(texts) - len(known),
        "without_words": sum(WORD.search(text) is None for text in known),
        "right_to_left": sum(RIGHT_TO_LEFT.search(text) is not None for text in known),
        "control_characters": sum(CONTROL.search(text) is not None for text in known),
        "longest": max(map(len, known), default=0),
    }


def _encodings(data: Dataset) -> dict[str, int]:
    if "text_encoding" not in data.frame:
        return {}
    return {str(name): int(count) for name, count in data.frame["text_encoding"].value_counts().items()}


def _images(data: Dataset, seen: Scan) -> dict[str, Any]:
    gone = seen.problems["problem"] == "no such file"
    unreadable = seen.problems[~gone]
    readable = seen.frame[seen.frame["thumbnail"].notna()]
    return {
        "missing": int(seen.frame["path"].isna().sum() + gone.sum()),
        "missing_first": [str(path) for path in seen.problems[gone]["path"].head(FEW)],
        "unreadable": len(unreadable),
        "unreadable_first": [f"{row.path}: {row.problem}" for row in unreadable.head(FEW).itertuples()],
        "modes": {str(mode): int(count) for mode, count in readable["mode"].value_counts().items()},
        "animated": int((readable["frames"] > 1).sum()),
    }


def _duplicates(data: Dataset, copies: Duplicates) -> dict[str, int]:
    sizes = np.bincount(copies.group)
    hashes = pd.Series(data.image_hashes(), dtype=object).dropna().value_counts()
    return {
        "same_image_groups": int((hashes > 1).sum()),
        "near_image_pairs": len(copies.near_image),
        "same_text_rows": len(np.unique(copies.same_text)),
        "groups": int((sizes > 1).sum()),
        "rows_in_groups": int(sizes[sizes > 1].sum()),
        "largest_group": int(sizes.max(initial=0)),
    }


def _conflicts(data: Dataset, copies: Duplicates, task: str) -> int:
    """Groups of copies that hold more than one label of the task."""
    labels = data.frame[task].groupby(copies.group).nunique()
    return int((labels > 1).sum())


def audit_lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What to know before training, of what ``audit`` returned: names and values in words."""
    texts, images, copies = found["texts"], found["images"], found["duplicates"]
    return [
        ("texts missing", f"{texts['missing']:,}"),
        ("texts without a letter or digit", f"{texts['without_words']:,}"),
        ("texts partly right to left", f"{texts['right_to_left']:,}"),
        ("texts with control characters", f"{texts['control_characters']:,}"),
        ("longest text", f"{texts['longest']:,} characters"),
        ("text encodings", ", ".join(f"{name} {count:,}" for name, count in texts["encodings"].items())),
        ("languages", _languages(texts["languages"])),
        ("images missing", _with_first(images["missing"], images["missing_first"])),
        ("images unreadable", _with_first(images["unreadable"], images["unreadable_first"])),
        ("image modes", ", ".join(f"{mode} {count:,}" for mode, count in images["modes"].items())),
        ("animated (first frame used)", f"{images['animated']:,}"),
        ("groups of identical images", f"{copies['same_image_groups']:,}"),
        ("near-identical image pairs", f"{copies['near_image_pairs']:,}"),
        ("rows sharing a text", f"{copies['same_text_rows']:,}"),
        ("groups of copies (kept together)", f"{copies['groups']:,} of {copies['rows_in_groups']:,} rows"),
        ("largest group", f"{copies['largest_group']:,} rows"),
        *((f"copies with conflicting {task}", f"{n:,} groups") for task, n in found["conflicting_labels"].items()),
        ("test rows with a copy in training", f"{found['train_test_overlap']:,}"),
    ]


def _languages(counts: Mapping[str, int]) -> str:
    """The most frequent languages, the others as one, and how many texts there are."""
    known = [(name, number) for name, number in counts.items() if name != UNDETERMINED]
    shown = [f"{name} {number:,}" for name, number in known[:MANY]]
    if len(known) > MANY:
        shown.append(f"{len(known) - MANY} others {sum(number for _, number in known[MANY:]):,}")
    if UNDETERMINED in counts:
        shown.append(f"undetermined {counts[UNDETERMINED]:,}")
    return f"{', '.join(shown)}, of {sum(counts.values()):,} texts" if shown else ""


def _with_first(count: int, first: Sequence[str]) -> str:
    return f"{count:,}" + (f" ({', '.join(first)}{', ...' if count > len(first) else ''})" if first else "")
