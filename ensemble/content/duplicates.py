"""Which posts are copies of one another, by any of their modalities."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ensemble.data import Codes, Dataset
from ensemble.modalities import MODALITIES, Pairs, Scans, get_modality


@dataclass(frozen=True)
class Duplicates:
    """``group`` is (rows,): equal numbers are copies of one another. ``pairs`` say why: (n, 2) row positions, by the
    names that the modalities give them."""

    group: Codes
    pairs: Mapping[str, Pairs]


def find_duplicates(data: Dataset, scans: Scans) -> Duplicates:
    """Posts that any modality finds to be copies: equal image bytes, near-equal pictures, equal normalised texts."""
    pairs: dict[str, Pairs] = {}
    for name in MODALITIES:
        pairs |= get_modality(name).find_copies(data.cells(name), data.keys(name), scans[name])
    links = np.concatenate(list(pairs.values()))
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(data), len(data)))
    return Duplicates(connected_components(graph, directed=False)[1].astype(np.int64), pairs)


def with_given_groups(group: Codes, data: Dataset) -> Codes:
    """(rows,) groups of copies, united where the table itself says that posts belong together: of a user, a thread."""
    if "group" not in data.frame:
        return group
    offset = int(group.max(initial=-1)) + 1
    given = data.groups + offset
    size = int(given.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(data)), (group, given)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][group], dtype=np.int64)
