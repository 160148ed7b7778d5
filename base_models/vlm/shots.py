"""Few-shot examples: fit rows that a prompt shows with their answers, never the post that is asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from base_models.multimodal.pairs import present
from base_models.visual.views import Pixels
from ensemble.data import Dataset, Task

Keys = frozenset[str]  # what a post is known by: its group, its text, its image


@dataclass(frozen=True)
class Shot:
    """A fit row as an example of ``label``; ``picture`` is the place of its image among those of all examples."""

    text: str
    label: int
    picture: int | None
    keys: Keys

    def record(self) -> dict[str, Any]:
        return {**asdict(self), "keys": sorted(self.keys)}

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> "Shot":
        return cls(**{**record, "keys": frozenset(record["keys"])})


@dataclass(frozen=True)
class Shots:
    """``chosen`` in their order, and for each, in ``spare``, another of its class (None: there is none), which is shown
    instead where the chosen one is the post itself.

    ``pictures`` (images, height, width, 3) uint8 are the images of all, of which a record has the shape alone.
    """

    chosen: tuple[Shot, ...] = ()
    spare: tuple[Shot | None, ...] = ()
    pictures: Pixels = field(default_factory=lambda: np.zeros((0, 1, 1, 3), np.uint8), compare=False)

    def record(self) -> dict[str, Any]:
        spare = [None if shot is None else shot.record() for shot in self.spare]
        shape = list(self.pictures.shape)
        return {"chosen": [shot.record() for shot in self.chosen], "spare": spare, "pictures": shape}

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> "Shots":
        spare = [None if shot is None else Shot.restored(shot) for shot in record["spare"]]
        return cls(tuple(map(Shot.restored, record["chosen"])), tuple(spare), np.zeros(record["pictures"], np.uint8))

    def of(self, keys: Keys) -> list[Shot]:
        """What a post is shown that is known by ``keys``."""
        pairs = zip(self.chosen, self.spare, strict=True)
        return [shot for one in pairs if (shot := next((each for each in one if each and not each.keys & keys), None))]


def draw_rows(data: Dataset, task: Task, count: int, seed: int) -> tuple[list[int], list[int | None]]:
    """Positions of ``count`` fit rows, or of as many as there are, and of a spare one for each.

    Classes take turns, in an order of their own; of copies of one another (``data.groups``) one is drawn.
    """
    random = np.random.default_rng([seed, count])
    labels, groups = data.labels(task), data.groups
    there = np.logical_or(*present(data))
    order = random.permutation(len(data))
    _, first = np.unique(groups[order], return_index=True)
    queues: dict[int, list[int]] = {int(label): [] for label in random.permutation(len(task.classes))}
    for row in order[np.sort(first)].tolist():
        if there[row] and labels[row] >= 0:
            queues[int(labels[row])].append(row)
    chosen: list[int] = []
    while len(chosen) < count and any(queues.values()):
        for queue in queues.values():
            if queue and len(chosen) < count:
                chosen.append(queue.pop(0))
    return chosen, [next(iter(queues[int(labels[row])]), None) for row in chosen]


def keys_of(data: Dataset) -> list[Keys]:
    """By which each post is known: its group, where the table tells it, its text, its image."""
    groups = data.frame["group"] if "group" in data.frame else [None] * len(data)
    columns = {"group": groups, "text": data.text_hashes(), "image": data.image_hashes()}
    rows: Sequence[tuple[Any, ...]] = list(zip(*columns.values(), strict=True))
    return [
        frozenset(f"{name} {key}" for name, key in zip(columns, row, strict=True) if key is not None) for row in rows
    ]
