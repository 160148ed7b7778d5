"""Pairs of posts that are copies of one another: of equal contents, or of pictures that show the same."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.content.alignment import MAX_CROP, Crops, Greys, align, blur, crop, shrink
from ensemble.content.thumbnails import Thumbnails
from ensemble.modalities import Pairs

# Two pictures are copies where little of what is in them differs, once one is laid over the other: at most OUTLINE of
# their contrast, and at most DETAIL of their fine contrast. The second keeps apart memes that share a template, and
# pages of text: they differ in their letters alone. The first number holds for pictures that lie on one another as they
# are, the second for those that had to be cropped, by a tenth: they can never agree as well.
OUTLINE, DETAIL = (0.16, 0.25), (0.25, 0.4)
FLAT = 2.0  # with less contrast (in grey levels) there is nothing to see
ROUGHLY = 0.6  # of the contrast of 16 by 16 pixels, before a pair is looked at closely
# A copy is sought among the pictures most like it, by their correlation at 8 by 8 pixels.
ALIKE, NEIGHBOURS = 0.8, 16
CHUNK = 512
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


def near_pairs(positions: npt.NDArray[np.int64], thumbnails: Thumbnails) -> Pairs:
    """Pairs of positions whose thumbnails, (rows, side, side), show the same: re-encoded, resized, of another
    brightness, cropped by up to 5 % on each side. 7,000 images take seconds."""
    candidates = _candidates(thumbnails)
    chunks = [candidates[start : start + CHUNK] for start in range(0, len(candidates), CHUNK)]
    found = [chunk[show_the_same(thumbnails[chunk[:, 0]], thumbnails[chunk[:, 1]])] for chunk in chunks]
    pairs: Pairs = np.concatenate([np.empty((0, 2), dtype=np.int64), *found])
    return positions[pairs]


def _candidates(thumbnails: Thumbnails) -> Pairs:
    """(n, 2) rows worth a closer look, the smaller first."""
    coarse = shrink(thumbnails, 8).reshape(len(thumbnails), 64)
    coarse -= coarse.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(coarse, axis=1, keepdims=True)
    coarse /= np.maximum(norm, 1e-6)
    found = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(coarse), CHUNK):
        alike = coarse[start : start + CHUNK] @ coarse.T
        rows = np.arange(len(alike))
        alike[rows, rows + start] = -1
        near = np.argpartition(-alike, min(NEIGHBOURS, len(coarse)) - 1, axis=1)[:, :NEIGHBOURS]
        left, place = np.nonzero(np.take_along_axis(alike, near, axis=1) >= ALIKE)
        found.append(np.column_stack([left + start, near[left, place]]))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def show_the_same(left: Thumbnails, right: Thumbnails) -> npt.NDArray[np.bool_]:
    """(pairs,) whether two pictures show the same: aligned roughly, then, where that looks promising, closely."""
    same = np.zeros(len(left), dtype=bool)
    a, b = shrink(left, 16), shrink(right, 16)
    crops = align(a, b, np.zeros((len(left), 4), dtype=np.float32), rounds=4)
    promising = np.flatnonzero(_differences(a, b, crops)[0] <= ROUGHLY)
    if len(promising):
        left, right, crops = left[promising], right[promising], crops[promising]
        crops = align(shrink(left, 32), shrink(right, 32), crops, rounds=4)
        outline, detail = _differences(blur(left.astype(np.float32), 3), blur(right.astype(np.float32), 3), crops)
        cropped = np.abs(crops).max(axis=1) / MAX_CROP
        same[promising] = (outline <= _limit(OUTLINE, cropped)) & (detail <= _limit(DETAIL, cropped))
    return same


def _limit(limits: tuple[float, float], cropped: Greys) -> Greys:
    return np.interp(cropped, (0, 0.8), limits)


def _differences(left: Greys, right: Greys, crops: Crops) -> tuple[Greys, Greys]:
    """(pairs,) how much of the contrast, and of the fine contrast, differs where both have pixels: 0 is none."""
    seen, inside = crop(right, crops)
    share = inside.astype(np.float32)
    a, b = (_centred(picture, share) for picture in (left, seen))
    gain = np.clip(_sums(a * b) / np.maximum(_sums(b * b), 1e-6), 0.5, 2)[:, None, None]
    contrast = np.maximum(_sums(a * a), FLAT**2 * _sums(share))
    outline = np.sqrt(_sums((a - gain * b) ** 2) / contrast)
    fine_a, fine_b = (left - blur(left, 9)) * share, gain * (seen - blur(seen, 9)) * share
    fine = np.sqrt(2 * _sums((fine_a - fine_b) ** 2) / np.maximum(_sums(fine_a**2) + _sums(fine_b**2), 1e-6))
    return outline, fine


def _centred(pictures: Greys, share: Greys) -> Greys:
    return (pictures - (_sums(pictures * share) / _sums(share))[:, None, None]) * share


def _sums(pictures: Greys) -> Greys:
    sums: Greys = pictures.sum(axis=(1, 2))
    return sums
