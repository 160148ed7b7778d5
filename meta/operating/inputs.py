"""What has moved in later posts themselves: modalities that are missing, lengths of texts, languages, copies."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.content.duplicates import find_duplicates
from ensemble.content.languages import UNDETERMINED, detect
from ensemble.data import TEST, Codes, Dataset, Labels, Task
from ensemble.modalities import Scan, Scans, get_modality, hash_column
from ensemble.system.progress import silent
from ensemble.targets import Mask
from meta.operating.drift import Drift, category_drift, number_drift


@dataclass(frozen=True)
class Known:
    """The posts that a run was trained on, out of fold, and their scans."""

    data: Dataset
    scans: Scans

    def labels(self, task: Task, ids: npt.NDArray[np.object_]) -> Labels:
        """(ids,) in their order."""
        rows = pd.Index(self.data.ids).get_indexer(pd.Index(ids))
        return self.data.take(rows).labels(task)


@dataclass(frozen=True)
class Compared:
    """Later posts beside known ones: which are the ``same`` (rows,); ``of_all``, (rows and known rows,), the groups of
    copies among all."""

    same: Mask
    of_all: Codes

    @property
    def everything(self) -> Mask:
        return np.ones(len(self.same), dtype=bool)

    @property
    def groups(self) -> Codes:
        """(rows,) those of the later posts."""
        return self.of_all[: len(self.same)]

    def copies(self, keep: Mask) -> Codes:
        """The groups of all but the later posts that are not kept."""
        return np.concatenate([self.groups[keep], self.of_all[len(self.same) :]])


def compare(posts: Dataset, scans: Scans, known: Known | None, needed: Collection[str]) -> Compared:
    """By the modalities that are ``needed``, those that somebody looks at."""
    if known is None:
        return Compared(np.zeros(len(posts), dtype=bool), copies_among(needed, (posts, scans)))
    of_all = copies_among(needed, (posts, scans), (known.data, known.scans))
    return Compared(same_posts(posts, known.data), of_all)


def same_posts(posts: Dataset, training: Dataset) -> Mask:
    """(rows,) which posts have just the contents of a training post, in all modalities that ``posts`` has."""
    names = [name for name in posts.modalities if any(cell is not None for cell in posts.cells(name))]
    known = set(zip(*(training.keys(name) for name in names), strict=True)) if names else set()
    own = list(zip(*(posts.keys(name) for name in names), strict=True)) if names else [(None,)] * len(posts)
    return np.array([key in known and any(key) for key in own], dtype=bool)


def copies_among(needed: Collection[str], *parts: tuple[Dataset, Scans]) -> Codes:
    """(rows of all,) groups of copies among the posts of these parts, one behind the other."""
    names = [name for name in parts[0][0].modalities if name in needed and all(name in of for _, of in parts)]
    frame: dict[str, list[str | None]] = {"id": [f"{n} {row}" for n, (part, _) in enumerate(parts) for row in part.ids]}
    found: dict[str, Scan] = {}
    for name in names:
        frame[name] = [cell for part, _ in parts for cell in part.cells(name)]
        frame[hash_column(name)] = [key for part, _ in parts for key in part.keys(name)]
        found[name] = Scan(pd.concat([of[name].frame for _, of in parts], ignore_index=True))
    joined = Dataset(pd.DataFrame(frame, dtype=object).assign(part=TEST), parts[0][0].root, ())
    for name in set(joined.modalities) - set(names):
        found[name] = get_modality(name).scan(joined.ids.tolist(), joined.cells(name), joined.root, None, silent)
    return find_duplicates(joined, found).group


def input_drift(posts: Dataset, training: Dataset, copies: Codes, needed: Collection[str]) -> list[Drift]:
    """``copies`` (rows of both,) as ``copies_among`` gives them."""
    groups, found = training.groups, []
    for name in (name for name in posts.modalities if name in needed):
        there = [[cell is None for cell in each.cells(name)] for each in (training, posts)]
        if any(map(any, there)) and not all(map(all, there)):
            then, now = (["missing" if gone else "there" for gone in each] for each in there)
            found.append(category_drift(f"{get_modality(name).plural} missing", then, now, groups, ("missing",)))
    texts = [[text for text in each.texts if text is not None] for each in (training, posts)]
    if all(texts) and "text" in needed:
        own = groups[[text is not None for text in training.texts]]
        before, after = (np.array([len(text) for text in each], dtype=np.float64) for each in texts)
        found.append(number_drift("characters of a text", before, after, own))
        then, now = ([language or UNDETERMINED for language in detect(each)] for each in texts)
        found.append(category_drift("languages", then, now, own))
    of_size: Mapping[int, int] = dict(zip(*np.unique(copies[len(posts) :], return_counts=True), strict=True))
    then = ["copy" if of_size[code] > 1 else "new" for code in copies[len(posts) :]]
    now = ["copy" if code in of_size else "new" for code in copies[: len(posts)]]
    return [*found, category_drift("near copies of (other) training posts", then, now, groups, ("copy",))]
