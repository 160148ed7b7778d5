"""Which pictures are worth a closer look together: the nearest ones of each, by what is seen of them from afar."""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt

from ensemble.content.alignment import shrink
from ensemble.content.thumbnails import Thumbnails
from ensemble.modalities import Pairs
from ensemble.system.parts import on_all_cores, parts

# A copy is sought among the pictures most like it, by their correlation at 8 by 8 pixels.
ALIKE, NEIGHBOURS = 0.8, 16
# Vectors are rounded to whole numbers of this length: no sum of their products reaches 2^24, so float32 holds each
# exactly, and a product is the same in whatever blocks it is computed.
LENGTH = 4000
SIDE = 8
CHUNK = 1024
BLOCK = 512  # rows: the products of two blocks stay in a core's cache
# With more pictures, each is compared with those in the cells nearest to its own alone: comparing all is quadratic.
# (Of 100,000 drawn pictures it takes 8.5 seconds of CPU.)
ALL, CELL, NEAR_CELLS, SAMPLE, ROUNDS = 300_000, 1000, 96, 50_000, 8
FOUND_IN_CELLS = 0.988  # of a million; in 24 cells .93

Whole = npt.NDArray[np.float32]  # (rows, 64) whole numbers
Rows = npt.NDArray[np.int64]


def candidates(thumbnails: Thumbnails) -> Pairs:
    """(n, 2) rows worth a closer look, the smaller first: of each picture the 16 most like it, at a correlation of 0.8
    and above (of equally alike ones the first rows). Exact up to 300,000 pictures; beyond, most are found."""
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

    def fill(part: slice) -> None:
        coarse = shrink(thumbnails[part], SIDE).reshape(-1, SIDE * SIDE).astype(np.float64)
        coarse -= coarse.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(coarse, axis=1, keepdims=True)
        seen[part] = np.where(norm > 1e-3, np.rint(LENGTH * coarse / np.maximum(norm, 1e-3)), 0)

    on_all_cores(fill, parts(len(seen), CHUNK))
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
    return _nearest(seen, [rows], np.ones((1, 1), dtype=np.bool_))


def _of_cells(seen: Whole, rows: Rows) -> tuple[Rows, Rows]:
    centres = _centres(seen, rows)
    home = np.concatenate([(seen[rows[s : s + CHUNK]] @ centres.T).argmax(axis=1) for s in range(0, len(rows), CHUNK)])
    cells = np.split(rows[np.argsort(home, kind="stable")], np.cumsum(np.bincount(home, minlength=len(centres)))[:-1])
    near = np.eye(len(cells), dtype=np.bool_)
    closest = np.argsort(-(centres @ centres.T), axis=1, kind="stable")[:, :NEAR_CELLS]
    np.put_along_axis(near, closest, True, axis=1)
    return _nearest(seen, cells, near)


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


def _nearest(seen: Whole, groups: Sequence[Rows], near: npt.NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """``(left, right)``: of each row up to 16 others that are most like it, from all groups ``near`` its own.

    Blocks are compared once for both of them: a product says as much of the one row as of the other.
    """
    cut = [[rows[part] for part in parts(len(rows), BLOCK)] for rows in groups]
    blocks = [_Block(rows, seen[rows]) for group in cut for rows in group]
    group = np.repeat(np.arange(len(groups)), [len(group) for group in cut])

    def compare(left: int) -> None:
        for_left, for_right = near[group[left], group], near[group, group[left]]
        for right in left + np.flatnonzero((for_left | for_right)[left:]):
            _compare(blocks[left], blocks[right], bool(for_left[right]), bool(for_right[right]))

    on_all_cores(compare, range(len(blocks)))
    lists = on_all_cores(_Block.nearest, blocks)
    nothing = np.empty(0, dtype=np.int64)
    return np.concatenate([nothing, *(a for a, _ in lists)]), np.concatenate([nothing, *(b for _, b in lists)])


class _Block:
    """Some rows, and of each the others most like it among those that it was compared with so far."""

    def __init__(self, rows: Rows, seen: Whole) -> None:
        self.rows, self.seen = rows, seen
        self.least = np.full(len(rows), np.ceil(ALIKE * LENGTH**2), dtype=np.float32)  # what gets a place in a list
        self._lists = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))]
        self._added = 0  # since the best were kept
        self._lock = Lock()

    def add(self, place: Rows, others: Rows, alike: Whole) -> None:
        with self._lock:
            here = alike >= self.least[place]
            self._lists.append((place[here], others[here], alike[here]))
            self._added += len(self._lists[-1][0])
            if self._added > NEIGHBOURS * len(self.rows):
                self._keep_the_best()

    def nearest(self) -> tuple[Rows, Rows]:
        self._keep_the_best()
        place, others, _ = self._lists[0]
        return self.rows[place], others

    def _keep_the_best(self) -> None:
        """The most alike, of equally alike ones the first rows: in whatever order they came."""
        place, others, alike = (np.concatenate(column) for column in zip(*self._lists, strict=True))
        best = np.lexsort((others, -alike, place))
        rank = np.arange(len(best)) - np.searchsorted(place[best], place[best], "left")
        best, rank = best[rank < NEIGHBOURS], rank[rank < NEIGHBOURS]
        self._lists, self._added = [(place[best], others[best], alike[best])], 0
        last = best[rank == NEIGHBOURS - 1]
        self.least[place[last]] = alike[last]


def _compare(left: _Block, right: _Block, for_left: bool, for_right: bool) -> None:
    """Add what two blocks have for one another; what one has for itself is added once."""
    products = left.seen @ right.seen.T
    if left is right:
        np.fill_diagonal(products, -1)
        for_right = False
    sides = [(left, products)] * for_left + [(right, products.T)] * for_right
    many = NEIGHBOURS * BLOCK
    near = np.flatnonzero(products >= min(block.least.min() for block, _ in sides))  # mostly few: one look is enough
    if len(near) > many:
        near = _near(products, left, right, for_left, for_right)
    if len(near) > many:  # while lists are short all may be near: 16 of a block are enough
        for block, its in sides:  # without its lock: a bound that gets lost is only less strict
            block.least = np.maximum(block.least, np.partition(its, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS])
        near = _near(products, left, right, for_left, for_right)
    a, b = np.divmod(near, products.shape[1])
    alike = products[a, b]
    if for_left:
        left.add(a, right.rows[b], alike)
    if for_right:
        right.add(b, left.rows[a], alike)


def _near(products: Whole, left: _Block, right: _Block, for_left: bool, for_right: bool) -> Rows:
    """Where, row after row, a product gets a place in a list."""
    nothing = np.float32(np.inf)
    near = products >= (left.least[:, None] if for_left else nothing)
    near |= products >= (right.least if for_right else nothing)
    return np.flatnonzero(near)
