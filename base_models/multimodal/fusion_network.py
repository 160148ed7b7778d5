"""A text encoder and an image encoder under one head, trained together."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from base_models.multimodal.combination import (
    COMBINATIONS,
    Combine,
    MissingModalityEmbedding,
    encode_seen,
    side_by_side,
)
from base_models.neural.optimization import ParameterGroup
from base_models.textual.network import POOLINGS, train_used
from base_models.textual.pooling import Pooling, pool
from base_models.visual.network import ImageClassifier
from base_models.weights import seeded_init


@dataclass(frozen=True)
class FusionShape:
    """What stands on the encoders: tokens of ``width``, how they are combined, what stands for a missing one."""

    width: int
    combine: Combine
    heads: int
    dropout: float
    missing: Literal["zeros", "learned"]


class FusionNetwork(nn.Module):
    """Texts and images to (rows, classes) or (rows, views, classes) logits, through a new head drawn from ``seed``.

    ``images`` gives (rows, ``image_width``) features. The learning rate of the image encoder is ``image_rate`` times
    that of the text encoder, the head's ``head_rate`` times.
    """

    sparse = True  # a batch without an image leaves the image encoder out

    def __init__(
        self,
        texts: Any,
        images: ImageClassifier,
        image_width: int,
        classes: int,
        shape: FusionShape,
        pooling: Pooling | None,
        seed: int,
        image_rate: float = 1.0,
        head_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.texts = texts
        self.images = images
        self.image_width = image_width
        self.rates = {"texts": 1.0, "images": image_rate}
        self.head_rate = head_rate
        self.pooling: Pooling = pooling or POOLINGS.get(texts.config.model_type, "mean")
        train_used(texts)
        with seeded_init(seed):
            self.text_token = nn.Linear(texts.config.hidden_size, shape.width)
            self.image_token = nn.Linear(image_width, shape.width)
            self.absent = MissingModalityEmbedding(shape.width, shape.missing == "learned")
            self.combine = COMBINATIONS[shape.combine](shape.width, shape.heads, classes, shape.dropout)

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        logits, _ = self.look(**inputs)
        return logits

    def look(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        pixels: torch.Tensor,
        has_text: torch.Tensor,
        has_image: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Logits, and (rows, [views,] 2) weights of text and image where the combination has them."""
        states = self.texts(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        image = self.image_token(encode_seen(self.images, pixels, has_image, self.image_width))
        text = self.text_token(pool(states, attention_mask, self.pooling))
        tokens = self.absent(*side_by_side(text, image, has_text, has_image))
        logits, weights = self.combine(tokens.flatten(0, -3))
        shape = pixels.shape[:-3]
        return logits.view(*shape, -1), None if weights is None else weights.view(*shape, 2)

    def parameter_groups(self, lr: float) -> list[ParameterGroup]:
        """What the optimizer trains: text encoder, image encoder, head."""
        groups: dict[str, list[nn.Parameter]] = {"texts": [], "images": [], "head": []}
        for name, parameter in self.named_parameters():
            part = name.split(".")[0]
            if parameter.requires_grad:
                groups[part if part in groups else "head"].append(parameter)
        rates = {**self.rates, "head": self.head_rate}
        return [{"params": params, "lr": lr * rates[part]} for part, params in groups.items() if params]


class Weights(nn.Module):
    """Asks a network for its weights of text and image instead of its logits."""

    def __init__(self, network: FusionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        _, weights = self.network.look(**inputs)
        assert weights is not None
        return weights
