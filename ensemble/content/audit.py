"""The audit of a dataset before anything is trained on it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, cast

import numpy as np

from ensemble.content.agreement import Agreement, agreement, agreement_lines
from ensemble.content.clip_doubts import clip_doubts
from ensemble.content.copy_notes import copy_notes
from ensemble.content.doubts import Readers, content_doubts, label_doubts
from ensemble.content.duplicates import Duplicates, find_duplicates, united_groups
from ensemble.data import DEV, TEST, TRAIN, Dataset, Task
from ensemble.folds import FoldPlan, FoldSettings
from ensemble.modalities import MODALITIES, Scans, get_modality

DEFAULT_FOLDS = FoldSettings()
OPTIONAL = [("train_dev_overlap", "development rows with a copy in training")]


class Audit(TypedDict):
    """Counts of everything that is odd about a dataset, as plain JSON. Those of a modality stand under its plural, such
    as ``texts`` (TextAudit) and ``images`` (ImageAudit)."""

    rows: dict[str, int]
    tasks: dict[str, dict[str, int]]
    duplicates: dict[str, int]
    conflicting_labels: dict[str, int]
    train_test_overlap: int
    train_dev_overlap: NotRequired[int]
    contents: NotRequired[dict[str, dict[str, int]]]
    agreement: NotRequired[dict[str, Agreement]]
    notes: list[str]
    doubts: list[str]
    refused: list[str]


def audit(
    data: Dataset,
    scans: Scans,
    settings: FoldSettings = DEFAULT_FOLDS,
    copies: Duplicates | None = None,
    plan: FoldPlan | None = None,
    readers: Readers | None = None,
    named: Collection[str] = (),
) -> Audit:
    """What is odd about a dataset and its ``scans``, and about its groups in folds of these ``settings``.

    ``copies`` where they have been looked for, ``plan`` where folds could be made; ``readers`` and ``named`` as
    ``content_doubts`` takes them. ``refused`` is for reasons why nothing can be trained.
    """
    copies = copies or find_duplicates(data, scans)
    together = copies.group if settings.copies == "group" else np.arange(len(data))
    group = united_groups(data, together)
    train, dev, test = ((data.frame["part"] == part).to_numpy() for part in (TRAIN, DEV, TEST))
    modalities = {name: get_modality(name) for name in data.modalities}
    agreed = {task.name: each for task in data.tasks if (each := agreement(data, task)) is not None}
    found = {
        "rows": {
            part: int((data.frame["part"] == part).sum()) for part in (TRAIN, *([DEV] if dev.any() else []), TEST)
        },
        "tasks": {task.name: _label_counts(data, task) for task in data.tasks},
        **{each.plural: each.audit(data.frame, data.cells(name), scans[name]) for name, each in modalities.items()},
        "duplicates": _duplicates(copies, data.modalities),
        "conflicting_labels": {task.name: _conflicts(data, copies, task.name) for task in data.tasks},
        "train_test_overlap": int(np.isin(copies.group[test], copies.group[train]).sum()),
        **({"train_dev_overlap": int(np.isin(copies.group[dev], copies.group[train]).sum())} if dev.any() else {}),
        **({"contents": there} if len(there := _contents(data)) > 1 else {}),
        **({"agreement": agreed} if agreed else {}),
        "notes": [*data.notes, *copy_notes(data, group, settings.k if plan is None else plan.settings.k)],
        "doubts": [
            *content_doubts(data, scans, readers or {}, named),
            *clip_doubts(data, scans, copies),
            *(label_doubts(data, plan) if plan else []),
        ],
        "refused": [],
    }
    return cast(Audit, found)


def _label_counts(data: Dataset, task: Task) -> dict[str, int]:
    """A test row without a label lacks nothing."""
    there = (data.frame["part"] == TRAIN) | data.frame[task.name].notna()
    return task.target.count_labels(task, data.frame.loc[there, task.name])


def _contents(data: Dataset) -> dict[str, dict[str, int]]:
    """Of each modality that any post has, by its plural: how many posts of each part have it."""
    there = {get_modality(name).plural: [cell is not None for cell in data.cells(name)] for name in data.modalities}
    parts = [part for part in (TRAIN, DEV, TEST) if (data.frame["part"] == part).any()]
    return {
        plural: {part: int((data.frame["part"] == part)[has].sum()) for part in parts}
        for plural, has in there.items()
        if any(has)
    }


def _duplicates(copies: Duplicates, modalities: Sequence[str]) -> dict[str, int]:
    sizes = np.bincount(copies.group)
    counts: dict[str, int] = {}
    for name in reversed(modalities):  # as the page has always shown them
        counts |= get_modality(name).count_copies(copies.pairs)
    return {
        **counts,
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
    copies = found["duplicates"]
    modalities = [modality for modality in map(get_modality, MODALITIES) if modality.plural in found]
    return [
        *(
            (f"{plural} by part", ", ".join(f"{part} {n:,} of {found['rows'][part]:,}" for part, n in counts.items()))
            for plural, counts in found.get("contents", {}).items()
        ),
        *(line for modality in modalities for line in modality.audit_lines(found[modality.plural])),
        *((words, f"{copies[key]:,}") for each in reversed(modalities) for key, words in each.copies_named.items()),
        ("groups of copies (kept together)", f"{copies['groups']:,} of {copies['rows_in_groups']:,} rows"),
        ("largest group", f"{copies['largest_group']:,} rows"),
        *((f"copies with conflicting {task}", f"{n:,} groups") for task, n in found["conflicting_labels"].items()),
        *agreement_lines(found.get("agreement", {})),
        ("test rows with a copy in training", f"{found['train_test_overlap']:,}"),
        *((words, f"{found[key]:,}") for key, words in OPTIONAL if key in found),
    ]
