"""FLAVA under a head: two encoders, projections to one width, a multimodal encoder over all their tokens."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from base_models.multimodal.combination import encode_seen
from base_models.multimodal.heads import Head, make_head
from base_models.textual.loading import load_config
from base_models.textual.network import check_tokens, make_body
from base_models.visual.network import ImageClassifier, check_size
from base_models.visual.views import Preprocessing
from base_models.weights import seeded_init
from ensemble.errors import LearnerError


def make_flava(model: str, pretrained: bool, max_length: int, seed: int) -> Any:
    """A FlavaModel; random weights, where not ``pretrained``, from ``seed``.

    Raises LearnerError where ``model`` is none, or reads texts shorter than ``max_length``.
    """
    kind = load_config(model).model_type
    if kind != "flava":
        raise LearnerError(f"{model} is a {kind} network, not FLAVA; give facebook/flava-full or a folder of its kind.")
    body = make_body(model, pretrained, seed)
    check_tokens(body.text_model, model, max_length, "flava")
    return body


@dataclass(frozen=True)
class FlavaShape:
    """What stands on the encoders, what for a missing modality, and whether the encoders stay as they are."""

    head: Head
    dropout: float
    missing: Literal["zeros", "learned"]
    frozen: bool


class FlavaEncoders(nn.Module):
    """States of texts' tokens or images' patches, before the encoders' last normalisation, as FLAVA goes on with them.

    ``frozen`` ones run without gradients in evaluation mode and single precision, and give float16, as states are
    kept: what is kept and what is not is the same.
    """

    def __init__(self, body: Any, preprocessing: Preprocessing, frozen: bool) -> None:
        super().__init__()
        self.frozen = frozen
        for encoder in (body.text_model, body.image_model):
            encoder.layernorm, encoder.pooler = nn.Identity(), None
        body.image_model.embeddings.mask_token = None
        self.texts = body.text_model
        self.images = ImageClassifier(_Patches(body.image_model), preprocessing)
        self.image_width: int = body.image_model.config.hidden_size
        self.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> "FlavaEncoders":
        return super().train(mode and not self.frozen)

    def forward(
        self,
        pixels: torch.Tensor | None = None,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(rows, [views,] patches + 1, width) states of ``pixels``, or (rows, tokens, width) of ``input_ids``."""
        if not self.frozen:
            return self._encode(pixels, input_ids, attention_mask)
        kind = next(self.parameters()).device.type
        with torch.no_grad(), torch.autocast(kind, enabled=False):
            return self._encode(pixels, input_ids, attention_mask).half()

    def _encode(
        self, pixels: torch.Tensor | None, input_ids: torch.Tensor | None, attention_mask: torch.Tensor | None
    ) -> torch.Tensor:
        if pixels is not None:
            flat: torch.Tensor = self.images(pixels)
            return flat.view(*flat.shape[:-1], -1, self.image_width)
        states: torch.Tensor = self.texts(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return states


class _Patches(nn.Module):
    """An image encoder from normalised images to the states of its tokens."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.encoder(pixel_values=images).last_hidden_state
        return states


class FlavaNetwork(nn.Module):
    """Texts and images, or the states of their tokens, to (rows, classes) or (rows, views, classes) logits.

    A missing modality is tokens of zeros behind its projection, or of one learned vector: all of an image's, one of a
    text's, whose length nothing says; padding is masked. The head is drawn from ``seed``.
    """

    def __init__(
        self, body: Any, model: str, preprocessing: Preprocessing, classes: int, shape: FlavaShape, seed: int
    ) -> None:
        super().__init__()
        self.encoders = FlavaEncoders(body, preprocessing, shape.frozen)
        self.image_tokens = check_size(self.encoders.images, model, preprocessing) // self.encoders.image_width
        self.sparse = not shape.frozen  # a batch without an image leaves the image encoder out
        self.project_texts = body.text_to_mm_projection
        self.project_images = body.image_to_mm_projection
        self.mix = body.multimodal_model
        self.mix.pooler = None
        width = self.mix.config.hidden_size
        with seeded_init(seed):
            self.head = make_head(shape.head, width, classes, self.mix.config.num_attention_heads, shape.dropout)
        # As MissingModalityEmbedding, for as many tokens as a modality has; of this name in saved models.
        self.absent = nn.Parameter(torch.zeros(2, width)) if shape.missing == "learned" else None

    def forward(
        self,
        attention_mask: torch.Tensor,
        has_text: torch.Tensor,
        has_image: torch.Tensor,
        input_ids: torch.Tensor | None = None,
        text_states: torch.Tensor | None = None,
        pixels: torch.Tensor | None = None,
        image_states: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if text_states is None:
            text_states = self.encoders(input_ids=input_ids, attention_mask=attention_mask)
        if image_states is None:
            assert pixels is not None
            every = encode_seen(self._encode_images, pixels, has_image, self.image_tokens * self.encoders.image_width)
            image_states = every.view(*every.shape[:-1], self.image_tokens, -1)
        text = self._or_missing(self.project_texts(text_states.float()), has_text, 0)
        image = self._or_missing(self.project_images(image_states.float()), has_image, 1)
        mask = self._mask(attention_mask, has_text)
        if image.dim() == 4:
            views = image.shape[1]
            text, mask = text[:, None].expand(-1, views, -1, -1), mask[:, None].expand(-1, views, -1)
        tokens, mask = torch.cat((image, text), dim=-2).flatten(0, -3), mask.flatten(0, -2)
        states = self.mix(tokens, attention_mask=mask).last_hidden_state
        logits: torch.Tensor = self.head(states, mask)
        return logits.view(*image.shape[:-2], -1)

    def _encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """(..., all of the states)."""
        states: torch.Tensor = self.encoders(pixels=pixels)
        return states.flatten(-2)

    def _or_missing(self, tokens: torch.Tensor, present: torch.Tensor, modality: int) -> torch.Tensor:
        stands_in = tokens.new_zeros(()) if self.absent is None else self.absent[modality].to(tokens.dtype)
        return torch.where(present.view(-1, *[1] * (tokens.dim() - 1)), tokens, stands_in)

    def _mask(self, attention_mask: torch.Tensor, has_text: torch.Tensor) -> torch.Tensor:
        """(rows, tokens): the global token and an image's are always there, of a missing text the first."""
        first = torch.zeros_like(attention_mask)
        first[:, 0] = 1
        texts = torch.where(has_text[:, None], attention_mask, first)
        ahead = texts.new_ones((len(texts), int(self.mix.use_cls_token) + self.image_tokens))
        return torch.cat((ahead, texts), dim=1)
