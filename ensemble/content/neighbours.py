"""Which pictures are worth a closer look together: the nearest ones of each, by what is seen of them from afar."""

import numpy as np
import numpy.typing as npt

from ensemble.content.alignment import shrink
from ensemble.content.thumbnails import Thumbnails
from ensemble.modalities import Pairs

# A copy is sought among the pictures most like it, by their correlation at 8 by 8 pixels.
ALIKE, NEIGHBOURS = 0.8, 16
# Vectors are rounded to whole numbers of this length: no sum of their products reaches 2^24, so float32 holds each
# exactly, and a product is the same in whatever blocks it is computed.
LENGTH = 4000
SIDE = 8
CHUNK, COLUMNS = 1024, 8192
# With more pictures, each is compared with those in the cells nearest to its own alone: comparing all is quadratic.
# (92,000 photos: 21 seconds of CPU for all, 9 in cells, which find 99.7 % of the pairs.)
ALL, CELL, NEAR_CELLS, SAMPLE, ROUNDS = 100_000, 1000, 24, 50_000, 8
FOUND_IN_CELLS = 0.997

Whole = npt.NDArray[np.float32]  # (rows, 64) whole numbers
Rows = npt.NDArray[np.int64]


def candidates(thumbnails: Thumbnails) -> Pairs:
    """(n, 2) rows worth a closer look, the smaller first: of each picture the 16 most like it, at a correlation of 0.8
    and above (of equally alike ones the first rows). Exact up to 100,000 pictures; beyond, most are found."""
    seen = _from_afar(thumbnails)
    visible = np.flatnonzero(seen.any(axis=1))  # in a flat picture there is nothing to be like
    kinds, counts = _kinds(seen[visible])
    # Of equal ones, the first 17 fill the lists of all: later ones have the list of the 17th
    kept, later = visible[counts <= NEIGHBOURS], visible[counts > NEIGHBOURS]
    left, right = _of_all(seen, kept) if len(kept) <= ALL else _of_cells(seen, kept)
    found = [_codes(left, right, len(seen))]
    if len(later):
        last = np.zeros(kinds.max() + 1, dtype=np.int64)
        last[kinds[counts == NEIGHBOURS]] = visible[counts == NEIGHBOURS]
        order = np.argsort(left, kind="stable")
        left, right = left[order], right[order]
        begin, end = (np.searchsorted(left, last[kinds[counts > NEIGHBOURS]], side) for side in ("left", "right"))
        for place in range(NEIGHBOURS):
            there = begin + place < end
            found.append(_codes(later[there], right[(begin + place)[there]], len(seen)))
    codes = np.unique(np.concatenate(found))
    return np.column_stack([codes // max(len(seen), 1), codes % max(len(seen), 1)])


def _from_afar(thumbnails: Thumbnails) -> Whole:
    seen = np.zeros((len(thumbnails), SIDE * SIDE), dtype=np.float32)
    for start in range(0, len(seen), CHUNK):
        coarse = shrink(thumbnails[start : start + CHUNK], SIDE).reshape(-1, SIDE * SIDE).astype(np.float64)
        coarse -= coarse.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(coarse, axis=1, keepdims=True)
        seen[start : start + CHUNK] = np.where(norm > 1e-3, np.rint(LENGTH * coarse / np.maximum(norm, 1e-3)), 0)
    return seen


def _kinds(seen: Whole) -> tuple[Rows, Rows]:
    """(rows,) the number of each row's value, and how many rows of that value are before it."""
    keys = np.ascontiguousarray(seen.astype(np.int16)).view(np.dtype((np.void, 2 * SIDE * SIDE)))[:, 0]
    kinds = np.unique(keys, return_inverse=True)[1].astype(np.int64).reshape(-1)
    order = np.argsort(kinds, kind="stable")
    starts = np.searchsorted(kinds[order], kinds[order], "left")
    before = np.empty(len(kinds), dtype=np.int64)
    before[order] = np.arange(len(kinds)) - starts
    return kinds, before


def _codes(left: Rows, right: Rows, rows: int) -> Rows:
    return np.minimum(left, right) * rows + np.maximum(left, right)


def _of_all(seen: Whole, rows: Rows) -> tuple[Rows, Rows]:
    return _nearest(seen, rows, rows)


def _of_cells(seen: Whole, rows: Rows) -> tuple[Rows, Rows]:
    centres = _centres(seen, rows)
    home = np.concatenate([(seen[rows[s : s + CHUNK]] @ centres.T).argmax(axis=1) for s in range(0, len(rows), CHUNK)])
    members = np.split(rows[np.argsort(home, kind="stable")], np.cumsum(np.bincount(home, minlength=len(centres)))[:-1])
    found = []
    for cell, near in enumerate(np.argsort(-(centres @ centres.T), axis=1, kind="stable")[:, :NEAR_CELLS]):
        others = np.sort(np.concatenate([members[other] for other in {cell, *near.tolist()}]))
        found.append(_nearest(seen, members[cell], others))
    return np.concatenate([left for left, _ in found]), np.concatenate([right for _, right in found])


def _centres(seen: Whole, rows: Rows) -> Whole:
    """(cells, 64) unit vectors around which the rows lie: spherical k-means on an even sample."""
    sample = seen[rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)]]
    random = np.random.default_rng(0)
    centres = sample[random.permutation(len(sample))[: -(-len(rows) // CELL)]] / np.float32(LENGTH)
    for _ in range(ROUNDS):
        nearest = (sample @ centres.T).argmax(axis=1)
        order = np.argsort(nearest, kind="stable")
        there, starts = np.unique(nearest[order], return_index=True)
        centres[there] = np.add.reduceat(sample[order], starts, axis=0)
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)
    return centres


def _nearest(seen: Whole, rows: Rows, others: Rows) -> tuple[Rows, Rows]:
    """``(left, right)``: of each of the rows up to 16 ``others`` (ascending) that are most like it, the best first."""
    columns = seen[others]
    found = [_nearest_of_chunk(seen, rows[s : s + CHUNK], others, columns) for s in range(0, len(rows), CHUNK)]
    nothing = np.empty(0, dtype=np.int64)
    return np.concatenate([nothing, *(a for a, _ in found)]), np.concatenate([nothing, *(b for _, b in found)])


def _nearest_of_chunk(seen: Whole, rows: Rows, others: Rows, columns: Whole) -> tuple[Rows, Rows]:
    queries = seen[rows]
    least = np.full(len(rows), np.ceil(ALIKE * LENGTH**2), dtype=np.float32)  # what gets a place in a row's list
    place = found = np.empty(0, dtype=np.int64)
    alike = np.empty(0, dtype=np.float32)
    start, width = 0, 128  # the first blocks are small: while lists are short, all may be hits
    while start < len(others):
        products = queries @ columns[start : start + width].T
        left, right = np.divmod(np.flatnonzero(products >= least[:, None]), products.shape[1])
        right_rows, product = others[right + start], products[left, right]
        other = right_rows != rows[left]
        if other.any():
            place, found = np.append(place, left[other]), np.append(found, right_rows[other])
            alike = np.append(alike, product[other])
            best = np.lexsort((found, -alike, place))
            rank = np.arange(len(best)) - np.searchsorted(place[best], place[best], "left")
            best, rank = best[rank < NEIGHBOURS], rank[rank < NEIGHBOURS]
            place, found, alike = place[best], found[best], alike[best]
            full = rank == NEIGHBOURS - 1
            least[place[full]] = alike[full] + 1  # later rows that are as much alike come after it
        start, width = start + width, min(2 * width, COLUMNS)
    return rows[place], found
