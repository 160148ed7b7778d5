"""What stands on a multimodal encoder: its tokens to classes."""

from typing import Literal

import torch
from torch import nn

Head = Literal["linear", "two_layers", "three_layers", "attention"]
LAYERS = {"linear": 1, "two_layers": 2, "three_layers": 3}


class FirstToken(nn.Module):
    """Linear layers on the first, global, token; all but the last as wide as it, with ReLU and dropout behind."""

    def __init__(self, width: int, classes: int, layers: int, dropout: float) -> None:
        super().__init__()
        hidden = [part for _ in range(layers - 1) for part in (nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout))]
        start = [] if hidden else [nn.Dropout(dropout)]
        self.layers = nn.Sequential(*start, *hidden, nn.Linear(width, classes))

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(states[:, 0])
        return logits


class AttentionHead(nn.Module):
    """A learned query attends over all tokens, of ``heads``; a linear layer follows.

    Pooling by multi-head attention of the Set Transformer (Lee et al. 2019), with one query and without its
    feed-forward layers.
    """

    def __init__(self, width: int, classes: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.attend = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.classify = nn.Linear(width, classes)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        query = self.query.expand(len(states), -1, -1)
        pooled, _ = self.attend(query, states, states, key_padding_mask=mask == 0, need_weights=False)
        logits: torch.Tensor = self.classify(self.drop(pooled[:, 0]))
        return logits


def make_head(kind: Head, width: int, classes: int, heads: int, dropout: float) -> nn.Module:
    """Takes (rows, tokens, width) states and their (rows, tokens) mask, gives (rows, classes) logits."""
    if kind == "attention":
        return AttentionHead(width, classes, heads, dropout)
    return FirstToken(width, classes, LAYERS[kind], dropout)
