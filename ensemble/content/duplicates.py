"""Which posts are copies of one another, by any of their modalities."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ensemble.content.copies import equal_pairs
from ensemble.data import Codes, Dataset
from ensemble.modalities import Pairs, Scans, get_modality


@dataclass(frozen=True)
class Duplicates:
    """``group`` is (rows,): equal numbers are copies of one another. ``pairs`` say why: (n, 2) row positions, by the
    names that the modalities give them."""

    group: Codes
    pairs: Mapping[str, Pairs]


def find_duplicates(data: Dataset, scans: Scans) -> Duplicates:
    """Posts that any modality finds to be copies: equal image bytes, near-equal pictures, equal normalised texts."""
    pairs: dict[str, Pairs] = {}
    for name in data.modalities:
        pairs |= get_modality(name).find_copies(data.cells(name), data.contents(name), scans[name])
    return Duplicates(_connected(np.concatenate(list(pairs.values())), len(data)), pairs)


def united_groups(data: Dataset, copies: Codes) -> Codes:
    """(rows,) groups of copies, and those of the table's own column ``group``, where it has one: what either joins."""
    if "group" not in data.frame:
        return copies
    own = data.frame["group"]
    links = [equal_pairs(copies.tolist()), equal_pairs(own.where(own.notna(), None).tolist())]
    return _connected(np.concatenate(links), len(data))


def _connected(links: Pairs, rows: int) -> Codes:
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(rows, rows))
    groups: Codes = connected_components(graph, directed=False)[1].astype(np.int64)
    return groups
