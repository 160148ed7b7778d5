"""Where tokens stand, as rotary positions count: padding and masked tokens nowhere, Qwen's images as squares."""

import torch


def positions(mask: torch.Tensor, images: torch.Tensor, grid: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each token, and (rows,) of the token that would come next.

    ``mask`` (rows, tokens) is true where a token counts, ``images`` where it is a placeholder that does. Positions are
    (rows, tokens) and, with a ``grid``, (3, rows, tokens) of time, height and width: an image of ``grid`` x ``grid``
    tokens starts where the text before it ends, and the text goes on ``grid`` behind its start (Qwen2-VL, Wang et al.
    2024, section 2.1). Of tokens that do not count they are whatever they are.
    """
    if grid is None:
        counted = mask.long().cumsum(dim=-1)
        return (counted - 1).clamp(min=0), counted[:, -1]
    texts = (mask & ~images).long()
    seen = images.long().cumsum(dim=-1) - images.long()  # placeholders before this token
    image, place = seen // grid**2, seen % grid**2
    start = texts.cumsum(dim=-1) - texts + image * grid
    inside = torch.stack([torch.zeros_like(place), place // grid, place % grid]) * images
    return start + inside, texts.sum(dim=-1) + images.sum(dim=-1) // grid
