"""Tokens of texts as padded batches of texts of similar length, so that little is spent on padding."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ensemble.blocks import Features

TEXTS_AT_ONCE = 32
Codes = npt.NDArray[np.int64]
Run = Callable[[Codes, Codes], Sequence[npt.NDArray[Any]]]  # of ids and mask (texts, tokens)


def in_batches(tokens: Sequence[Sequence[int]], padding: int, run: Run) -> list[Features]:
    """Each of the (texts, width) that ``run`` gives of a batch, for all texts in their order."""
    order = np.argsort([len(ids) for ids in tokens], kind="stable")
    batches = [order[start : start + TEXTS_AT_ONCE] for start in range(0, len(order), TEXTS_AT_ONCE)]
    encoded = [run(*batch_of([tokens[row] for row in batch], padding)) for batch in batches]
    back = np.argsort(order)
    return [np.asarray(np.concatenate(of)[back], dtype=np.float32) for of in zip(*encoded, strict=True)]


def batch_of(tokens: Sequence[Sequence[int]], padding: int) -> tuple[Codes, Codes]:
    """Ids and mask (texts, tokens), padded on the right; a text of no tokens is one padding token."""
    ids = np.full((len(tokens), max(1, *map(len, tokens))), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, of_text in enumerate(tokens):
        ids[row, : len(of_text)] = of_text
        mask[row, : max(len(of_text), 1)] = 1
    return ids, mask
