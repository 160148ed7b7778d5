"""Pairs of posts that are copies of one another: of equal contents, or of pictures that are nearly equal."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.content.images import HASH_SIDE
from ensemble.modalities import Pairs

# Near-identical: at most 16 of the 256 gradient signs differ, and the grey levels by 6 of 255 on average. The second
# test keeps apart memes that share a template: their pictures agree in sign, their captions do not.
MAX_SIGNS = 16
MAX_GREY = 6.0
CHUNK = 512

Thumbnails = npt.NDArray[np.uint8]


def equal_pairs(keys: Sequence[Hashable]) -> Pairs:
    """Each later row paired with the first one that has the same key; None matches nothing."""
    column: pd.Series[Any] = pd.Series(list(keys), dtype=object)
    known = column[column.notna()]
    positions = pd.Series(known.index.to_numpy(), index=known.index)
    first = positions.groupby(known).transform("first")
    later = positions.index[first != positions]
    return np.column_stack([first[later].to_numpy(dtype=np.int64), later.to_numpy(dtype=np.int64)])


def near_pairs(positions: npt.NDArray[np.int64], thumbnails: Thumbnails) -> Pairs:
    """Pairs of positions whose thumbnails agree within MAX_SIGNS and MAX_GREY.

    All pairs are compared, 64 gradient signs to a machine word, in chunks: 7,000 images take a second.
    """
    signs = np.packbits(thumbnails[:, :, 1:] > thumbnails[:, :, :-1], axis=2).reshape(
        len(thumbnails), HASH_SIDE * HASH_SIDE // 8
    )
    words = np.ascontiguousarray(signs).view(np.uint64)
    grey = thumbnails.reshape(len(thumbnails), HASH_SIDE * (HASH_SIDE + 1)).astype(np.int16)
    found = []
    for start in range(0, len(words), CHUNK):
        chunk = words[start : start + CHUNK]
        differing = np.zeros((len(chunk), len(words) - start), dtype=np.uint16)
        for word in range(words.shape[1]):
            differing += np.bitwise_count(chunk[:, None, word] ^ words[None, start:, word])
        left, right = np.nonzero(np.triu(differing <= MAX_SIGNS, k=1))
        close = np.abs(grey[left + start] - grey[right + start]).mean(axis=1) <= MAX_GREY
        found.append(np.column_stack([positions[left[close] + start], positions[right[close] + start]]))
    return np.concatenate([np.empty((0, 2), dtype=np.int64), *found])
