"""One vector per text from the vectors of its tokens."""

from typing import Any, Literal

Pooling = Literal["mean", "first", "last", "max"]


def pool(states: Any, mask: Any, pooling: Pooling) -> Any:
    """(texts, width) from (texts, tokens, width); only tokens with ``mask`` 1 count, on whichever side padding is.

    Every text has at least one such token.
    """
    if pooling in ("first", "last"):
        texts = mask.new_ones(mask.shape[0]).cumsum(0) - 1  # of a range an exporter would make a constant
        return states[texts, _last(mask) if pooling == "last" else mask.argmax(dim=1)]
    if pooling == "max":
        return states.masked_fill(mask[..., None] == 0, float("-inf")).amax(dim=1)
    return (states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def _last(mask: Any) -> Any:
    """(texts,) the place of each text's last real token."""
    return mask.shape[1] - 1 - mask.flip(dims=[1]).argmax(dim=1)
