"""n-grams of few texts, counted and weighed as scikit-learn does, to the bit, without its import, which takes long."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

WORD = re.compile(r"\b\w\w+\b")
UINT32 = 0xFFFFFFFF


def count_few(texts: Sequence[str], words: int, characters: int, columns: tuple[int, int]) -> csr_matrix:
    """(texts, sum of columns) counts of n-grams of 1 to ``words`` words, then of 2 to ``characters`` characters within
    words, each hashed to its part of the ``columns``."""
    counts = []
    for text in texts:
        lower = text.lower()
        found = Counter(_column(gram, columns[0]) for gram in _of_words(WORD.findall(lower), words))
        for word, times in Counter(lower.split()).items():
            for gram in _within(f" {word} ", characters):
                found[columns[0] + _column(gram, columns[1])] += times
        counts.append(sorted(found.items()))
    ends = np.cumsum([0, *map(len, counts)], dtype=np.int32)
    flat = np.array([pair for of_text in counts for pair in of_text], dtype=np.int64).reshape(-1, 2)
    shape = len(texts), sum(columns)
    return csr_matrix((flat[:, 1].astype(np.float32), flat[:, 0].astype(np.int32), ends), shape=shape)


def weigh_few(counts: csr_matrix, inverse_frequency: npt.NDArray[np.float64]) -> csr_matrix:
    """Sublinear tf-idf, each row with a norm of 1."""
    weighed = counts.copy()
    np.log(weighed.data, weighed.data)
    weighed.data += 1.0
    weighed.data *= inverse_frequency[weighed.indices]
    for start, end in zip(weighed.indptr, weighed.indptr[1:], strict=False):
        row = weighed.data[start:end]
        norm = np.sqrt(np.cumsum(row * row, dtype=np.float64)[-1]) if end > start else 0.0  # one after the other
        if norm:
            weighed.data[start:end] = row / norm
    return weighed


def _of_words(words: list[str], longest: int) -> Iterator[str]:
    for length in range(1, min(longest, len(words)) + 1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])


def _within(padded: str, longest: int) -> Iterator[str]:
    """Of a word with a blank on either side; all of it is counted once."""
    for length in range(2, longest + 1):
        for start in range(max(1, len(padded) - length + 1)):
            yield padded[start : start + length]
        if length >= len(padded):
            return


def _column(gram: str, columns: int) -> int:
    """``columns`` is a power of two, so that scikit-learn's case of its own for the smallest hash is none."""
    hashed = _murmur3(gram.encode())
    return abs(hashed - (1 << 32) if hashed >> 31 else hashed) % columns


def _murmur3(key: bytes) -> int:
    """MurmurHash3_x86_32 (Appleby, public domain) with seed 0."""
    hashed, whole = 0, len(key) & ~3
    for at in range(0, whole, 4):
        hashed ^= _mixed(int.from_bytes(key[at : at + 4], "little"))
        hashed = ((hashed << 13 | hashed >> 19) * 5 + 0xE6546B64) & UINT32
    hashed ^= _mixed(int.from_bytes(key[whole:], "little")) ^ len(key)
    hashed = (hashed ^ hashed >> 16) * 0x85EBCA6B & UINT32
    hashed = (hashed ^ hashed >> 13) * 0xC2B2AE35 & UINT32
    return hashed ^ hashed >> 16


def _mixed(block: int) -> int:
    block = block * 0xCC9E2D51 & UINT32
    return (block << 15 | block >> 17) * 0x1B873593 & UINT32
