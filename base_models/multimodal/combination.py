"""Two tokens, one of the text and one of the image, to classes."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

Combine = Literal["attention", "concatenation", "gate"]
Combined = tuple[torch.Tensor, torch.Tensor | None]


class Attention(nn.Module):
    """The tokens attend to each other; both results go to the classes.

    Side by side they stay two: over one concatenated token attention would be constant.
    """

    def __init__(self, width: int, heads: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.classify = nn.Linear(2 * width, classes)

    def forward(self, tokens: torch.Tensor) -> Combined:
        """(rows, 2, width) to (rows, classes) logits and the (rows, 2) mean attention each token receives."""
        mixed, weights = self.attend(tokens, tokens, tokens)
        return self.classify(self.drop(mixed.flatten(1))), weights.mean(dim=1)


class Concatenation(nn.Module):
    """One hidden layer over the tokens side by side. It has no weight per modality."""

    def __init__(self, width: int, heads: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(dropout))
        self.classify = nn.Linear(width, classes)

    def forward(self, tokens: torch.Tensor) -> Combined:
        return self.classify(self.layers(tokens.flatten(1))), None


class Gate(nn.Module):
    """A sum, for which a gate per dimension weighs text against image (gated multimodal unit, Arevalo et al. 2017)."""

    def __init__(self, width: int, heads: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)
        self.classify = nn.Linear(width, classes)

    def forward(self, tokens: torch.Tensor) -> Combined:
        """(rows, 2, width) to (rows, classes) logits and the (rows, 2) mean of the gate and of its complement."""
        gate = torch.sigmoid(self.gate(tokens.flatten(1)))
        text, image = torch.tanh(tokens).unbind(dim=1)
        share = gate.mean(dim=1)
        mixed = gate * text + (1 - gate) * image
        return self.classify(self.drop(mixed)), torch.stack((share, 1 - share), dim=1)


COMBINATIONS: dict[Combine, type[nn.Module]] = {"attention": Attention, "concatenation": Concatenation, "gate": Gate}


class MissingModalityEmbedding(nn.Module):
    """What stands for a missing modality: zeros, as published, or a token of its own that is learned."""

    def __init__(self, width: int, learned: bool) -> None:
        super().__init__()
        self.learned = learned
        if learned:
            self.token = nn.Parameter(torch.zeros(2, width))

    def forward(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """(rows, 2, width) tokens and (rows, 2) flags of those that are there."""
        there = present[..., None]
        return torch.where(there, tokens, self.token) if self.learned else tokens * there


def encode_seen(
    encode: Callable[[torch.Tensor], torch.Tensor], pixels: torch.Tensor, has_image: torch.Tensor, width: int
) -> torch.Tensor:
    """(..., ``width``) of the images that are there, zeros elsewhere: what is not there enters no batch statistics."""
    if has_image.all():
        return encode(pixels)
    features = pixels.new_zeros((*pixels.shape[:-3], width), dtype=torch.float32)
    if has_image.any():
        seen = encode(pixels[has_image])
        features = features.to(seen.dtype).index_put((has_image.nonzero()[:, 0],), seen)
    return features


def side_by_side(
    text: torch.Tensor, image: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(..., 2, width) vectors and (..., 2) flags of those that are there, of (rows, width) texts and (rows, width) or
    (rows, views, width) images."""
    present = torch.stack((has_text, has_image), dim=-1)
    if image.dim() == 3:
        text, present = text[:, None].expand_as(image), present[:, None].expand(*image.shape[:2], 2)
    return torch.stack((text, image), dim=-2), present
