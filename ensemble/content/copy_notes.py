"""What to say about copies before training: contents that make none, and groups that weigh on the folds."""

import numpy as np

from ensemble.data import TRAIN, Codes, Dataset
from ensemble.modalities import get_modality

MOST_OF_A_FOLD = 0.1
SMALLEST = 3  # posts of a group worth a word
SHOWN = 5
IF_NONE = 'If these are no copies, folds.copies = "ignore" keeps no copies together.'


def copy_notes(data: Dataset, group: Codes, k: int) -> list[str]:
    """Lines about ``group``, (rows,), in ``k`` folds: placeholders that were not taken for copies, large groups."""
    return placeholder_notes(data) + large_group_notes(data, group, k)


def placeholder_notes(data: Dataset) -> list[str]:
    found: dict[str, Codes] = {}
    for name in data.modalities:
        found |= get_modality(name).find_placeholders(data.cells(name), data.contents(name))
    lines = [
        f"The {what} is on {len(rows):,} of {len(data):,} posts: a placeholder or a prompt, so it makes no copies of "
        "them. Better leave such cells empty; posts that belong together can be named by a group column (data.group)."
        for what, rows in sorted(found.items(), key=lambda item: -len(item[1]))
    ]
    return _first(lines, "contents like these")


def large_group_notes(data: Dataset, group: Codes, k: int) -> list[str]:
    """Groups of training rows that are larger than a tenth of a fold, the largest first; those that the table's own
    column makes are meant, so that only one larger than a fold is worth a word."""
    train = np.flatnonzero((data.frame["part"] == TRAIN).to_numpy())
    if not len(train):
        return []
    fold = len(train) / k
    _, local, sizes = np.unique(group[train], return_inverse=True, return_counts=True)
    large = [g for g in np.argsort(-sizes, kind="stable") if sizes[g] >= max(SMALLEST, MOST_OF_A_FOLD * fold + 1e-9)]
    lines = []
    for g in large:
        rows = train[local == g]
        own = _of_one_group(data, rows)
        if own and len(rows) <= fold:
            continue
        lines.append(
            f"{len(rows):,} posts, {len(rows) / fold:.0%} of a fold, are one group ({_shared(data, rows)}): they are "
            f"always held out together, so folds {'cannot be of equal size' if len(rows) > fold else 'are less alike'}"
            + ("." if own else f". {IF_NONE}")
        )
    return _first(lines, "large groups")


def _of_one_group(data: Dataset, rows: Codes) -> bool:
    """Whether the table's own column puts these posts together, so that they need not be copies."""
    return "group" in data.frame and data.frame["group"].iloc[rows].nunique(dropna=False) == 1


def _shared(data: Dataset, rows: Codes) -> str:
    """What most posts of a group have in common, and the first few of them by name."""
    posts = data.take(rows)
    words = [f"group {str(posts.frame['group'].iloc[0])[:40]!r} of the table"] if _of_one_group(data, rows) else []
    for name in data.modalities:
        cells = [cell for cell in posts.cells(name) if cell]
        keys, count = np.unique(np.array([key for key in posts.keys(name) if key], dtype=str), return_counts=True)
        if len(keys) and count.max() > 1:
            position = posts.keys(name).index(str(keys[np.argmax(count)]))
            cell = " ".join(str(posts.cells(name)[position]).split())
            words.append(f"{name} {cell if len(cell) <= 40 else cell[:37] + '...'!r} on {count.max():,}")
        elif name == "image" and cells:
            words.append(f"pictures like {cells[0]}")
    return ", ".join([*words, f"first ids {', '.join(map(repr, posts.ids[:3]))}"])


def _first(lines: list[str], what: str) -> list[str]:
    return lines[:SHOWN] + ([f"And {len(lines) - SHOWN:,} more {what}."] if len(lines) > SHOWN else [])
