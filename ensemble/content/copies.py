"""Pairs of posts that are copies of one another: of equal contents, or of pictures that show the same."""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ensemble.content.alignment import MAX_CROP, Greys, align, blur, crop, shrink
from ensemble.content.first_sight import FLAT, small_pictures, unexplained
from ensemble.content.neighbours import candidates
from ensemble.content.thumbnails import Thumbnails
from ensemble.errors import StoreError
from ensemble.modalities import Pairs
from ensemble.system.files import read_table, write_table
from ensemble.system.folders import can_write
from ensemble.system.parts import on_all_cores, parts

# Two pictures are copies where little of what is in them differs, once one is laid over the other: at most OUTLINE of
# their contrast, and at most DETAIL of their fine contrast. The second keeps apart memes that share a template, and
# pages of text: they differ in their letters alone. The first number holds for pictures that lie on one another as they
# are, the second for those that had to be cropped, by a tenth: they can never agree as well.
OUTLINE, DETAIL = (0.16, 0.25), (0.25, 0.4)
# Before a pair is aligned, of what a small move leaves: of 36,656 altered copies of real pictures that show the same at
# most 0.39 was seen, and once 0.53, where more than was promised had been cropped; 0.3 % of drawn pictures leave less.
UNEXPLAINED = 0.46
ROUGHLY = 0.6  # of the contrast of 16 by 16 pixels, before a pair is looked at closely
LESS_ROUGHLY = 0.6  # and of 32 by 32 pixels: of pictures that show the same at most 0.51 was seen (0.43 but for one)
CHUNK = 64  # pairs at a time: more make the memory allocator ask the system for every array
NEAR_COPIES = "near-copies"  # the folder of the cache
RULE = 2  # its number, to be raised with whatever changes which pairs are found: those of before are not read again
# What so many posts share says nothing of them: a prompt, a placeholder.
FREQUENT_SHARE, FREQUENT_POSTS = 0.02, 10


def equal_pairs(keys: Sequence[Hashable]) -> Pairs:
    """Each later row paired with the first one that has the same key; None matches nothing."""
    codes = _codes(keys)
    rows = np.arange(len(codes))
    first = np.empty(len(codes) + 1, dtype=np.int64)
    first[codes[::-1]] = rows[::-1]  # the last one written is the first row
    later = rows[(codes >= 0) & (first[codes] != rows)]
    return np.column_stack([first[codes[later]], later])


def positions_by_key(keys: Sequence[Hashable]) -> dict[Hashable, npt.NDArray[np.int64]]:
    """The rows of each key that several rows have, the most frequent first; None is no key."""
    codes = _codes(keys)
    counts = np.bincount(codes + 1)[1:]  # of missing ones none
    rows = np.flatnonzero((codes >= 0) & (np.r_[counts, 0][codes] > 1))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    several = np.split(rows, np.flatnonzero(np.diff(codes[rows])) + 1) if len(rows) else []
    return {keys[of[0]]: of for of in sorted(several, key=lambda of: -len(of))}


def _codes(keys: Sequence[Hashable]) -> npt.NDArray[np.int64]:
    """(rows,) numbers, equal for equal keys, in the order of their first rows; -1 where there is none."""
    return np.asarray(pd.factorize(pd.Series(list(keys), dtype=object))[0], dtype=np.int64)


def is_frequent(posts: int, of: int) -> bool:
    """Whether a content is on too many posts to make copies of them."""
    return posts >= FREQUENT_POSTS and posts > FREQUENT_SHARE * of


def without(keys: Sequence[Hashable], placeholders: Mapping[str, npt.NDArray[np.int64]]) -> list[Hashable]:
    """The keys, None where a row holds a placeholder."""
    there = set(np.concatenate([np.empty(0, dtype=np.int64), *placeholders.values()]).tolist())
    return [None if row in there else key for row, key in enumerate(keys)]


def near_pairs(positions: npt.NDArray[np.int64], thumbnails: Thumbnails, cache: Path | None = None) -> Pairs:
    """Pairs of positions whose thumbnails, (rows, side, side), show the same: re-encoded, resized, of another
    brightness, cropped by up to 5 % on each side. Thumbnails may be memory-mapped: they are read in parts.

    ``cache`` is the folder where what was found among just these thumbnails is kept.
    """
    kept = None if cache is None or len(thumbnails) < 2 else cache / NEAR_COPIES / f"{_digest(thumbnails)}.parquet"
    alike = _read_kept(kept, len(thumbnails))
    if alike is None:
        alike = _alike(thumbnails)
        if kept is not None and can_write(kept.parent):
            write_table(kept, pa.table({"left": alike[:, 0], "right": alike[:, 1]}))
    return positions[alike]


def _digest(thumbnails: Thumbnails) -> str:
    digest = hashlib.sha256(f"{RULE} {thumbnails.shape}".encode())
    for start in range(0, len(thumbnails), CHUNK):
        digest.update(thumbnails[start : start + CHUNK].tobytes())
    return digest.hexdigest()[:32]


def _read_kept(kept: Path | None, rows: int) -> Pairs | None:
    """(n, 2) rows; None where there is no such file, or one that is damaged."""
    if kept is None or not kept.exists():
        return None
    try:
        table = read_table(kept)
        pairs: Pairs = np.column_stack([table[name].to_numpy() for name in ("left", "right")])
    except (StoreError, KeyError):  # only a cache: look again
        return None
    left, right = pairs.T
    sound = pairs.dtype == np.int64 and bool(((left >= 0) & (left < right) & (right < rows)).all())
    return pairs if sound else None


def _alike(thumbnails: Thumbnails) -> Pairs:
    pairs = candidates(thumbnails)
    small = small_pictures(thumbnails)
    pairs = pairs[_each(pairs, lambda part: unexplained(small, part) <= UNEXPLAINED)]
    same = _each(pairs, lambda part: _are_equal(thumbnails[part[:, 0]], thumbnails[part[:, 1]]))
    others = np.flatnonzero(~same)  # so that a close look has its hands full
    same[others] = _each(pairs[others], lambda part: show_the_same(thumbnails[part[:, 0]], thumbnails[part[:, 1]]))
    return pairs[same]


def _each(pairs: Pairs, test: Callable[[Pairs], npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
    results = on_all_cores(lambda part: test(pairs[part]), parts(len(pairs), CHUNK))
    return np.concatenate([np.empty(0, dtype=np.bool_), *results])


def show_the_same(left: Thumbnails, right: Thumbnails) -> npt.NDArray[np.bool_]:
    """(pairs,) whether two pictures show the same: aligned roughly, then, while that looks promising, more closely."""
    same = _are_equal(left, right)
    rows = np.flatnonzero(~same)
    left, right = left[rows], right[rows]
    crops = np.zeros((len(left), 4), dtype=np.float32)
    for side, most in ((16, ROUGHLY), (32, LESS_ROUGHLY)):
        a, b = shrink(left, side), shrink(right, side)
        crops = align(a, b, crops, rounds=4)
        promising = _outline(a, *crop(b, crops))[0] <= most
        rows, left, right, crops = rows[promising], left[promising], right[promising], crops[promising]
    a, b = (blur(pictures.astype(np.float32), 3) for pictures in (left, right))
    seen, inside = crop(b, crops)
    outline, gain = _outline(a, seen, inside)
    cropped = np.abs(crops).max(axis=1) / MAX_CROP
    near = outline <= _limit(OUTLINE, cropped)
    detail = _detail(a[near], seen[near], inside[near], gain[near])
    same[rows[near]] = detail <= _limit(DETAIL, cropped[near])
    return same


def _are_equal(left: Thumbnails, right: Thumbnails) -> npt.NDArray[np.bool_]:
    equal: npt.NDArray[np.bool_] = (left == right).all(axis=(1, 2))
    return equal


def _limit(limits: tuple[float, float], cropped: Greys) -> Greys:
    return np.interp(cropped, (0, 0.8), limits)


def _outline(left: Greys, seen: Greys, inside: npt.NDArray[np.bool_]) -> tuple[Greys, Greys]:
    """(pairs,) how much of the contrast differs where both have pixels, 0 is none; the gain by which they agree."""
    share = inside.astype(np.float32)
    a, b = _centred(left, share), _centred(seen, share)
    gain = np.clip(_sums(a * b) / np.maximum(_sums(b * b), 1e-6), 0.5, 2)
    contrast = np.maximum(_sums(a * a), FLAT**2 * _sums(share))
    return np.sqrt(_sums((a - gain[:, None, None] * b) ** 2) / contrast), gain


def _detail(left: Greys, seen: Greys, inside: npt.NDArray[np.bool_], gain: Greys) -> Greys:
    """(pairs,) how much of the fine contrast differs."""
    a, b = (left - blur(left, 9)) * inside, gain[:, None, None] * (seen - blur(seen, 9)) * inside
    fine = _sums(a**2) + _sums(b**2)  # of one pixel a grey level apart 0.1; what is far less is rounding alone
    detail: Greys = np.sqrt(2 * _sums((a - b) ** 2) / np.maximum(fine, 0.01))
    return detail


def _centred(pictures: Greys, share: Greys) -> Greys:
    return (pictures - (_sums(pictures * share) / _sums(share))[:, None, None]) * share


def _sums(pictures: Greys) -> Greys:
    sums: Greys = pictures.sum(axis=(1, 2))
    return sums
