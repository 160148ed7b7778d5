"""CLIP's two encoders, and what stands on them when a task is learned."""

from typing import Any, Literal

import torch
from torch import nn
from torch.nn.functional import normalize

from base_models.multimodal.combination import MissingModalityEmbedding, encode_seen, side_by_side
from base_models.multimodal.preprocessing import image_preprocessing
from base_models.neural.optimization import ParameterGroup
from base_models.textual.loading import load_body, load_config
from base_models.textual.network import check_tokens
from base_models.textual.pooling import pool
from base_models.visual.views import Preprocessing
from base_models.weights import seeded_init
from ensemble.errors import LearnerError


class DualEncoder(nn.Module):
    """Texts and images to embeddings of length 1 in one space (Radford et al. 2021).

    A text's vector is that of its last real token, the end of the text; so padding, which follows it, changes nothing,
    whichever token the configuration calls the end.
    """

    def __init__(self, clip: Any, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.clip = clip
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(preprocessing.std).view(3, 1, 1), persistent=False)

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Of ``pixels``, or of ``input_ids`` and ``attention_mask``."""
        return self.images(**inputs) if "pixels" in inputs else self.texts(**inputs)

    def texts(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """(texts, width) of (texts, tokens)."""
        states = self.clip.text_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return normalize(self.clip.text_projection(pool(states, attention_mask, "last")).float(), dim=-1)

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """(..., width) of (..., height, width, 3) uint8."""
        images = (pixels.flatten(0, -4).permute(0, 3, 1, 2) - self.mean) / self.std
        features = self.clip.visual_projection(self.clip.vision_model(pixel_values=images).pooler_output)
        return normalize(features.float(), dim=-1).view(*pixels.shape[:-3], -1)


class ClipHead(nn.Module):
    """A linear layer, drawn from ``seed``, over the embeddings of text and image side by side."""

    def __init__(self, width: int, classes: int, missing: Literal["zeros", "learned"], seed: int) -> None:
        super().__init__()
        with seeded_init(seed):
            self.absent = MissingModalityEmbedding(width, missing == "learned")
            self.classify = nn.Linear(2 * width, classes)

    def forward(
        self, text: torch.Tensor, image: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor
    ) -> torch.Tensor:
        """(rows, width) and (rows, width) or (rows, views, width) to logits in the shape of the images."""
        vectors = self.absent(*side_by_side(text, image, has_text, has_image))
        logits: torch.Tensor = self.classify(vectors.flatten(-2))
        return logits


class ClipNetwork(nn.Module):
    """Posts to (rows, classes) or (rows, views, classes) logits. The head learns at ``head_rate`` times the rate."""

    sparse = True  # a batch without an image leaves the image encoder out

    def __init__(self, encoder: DualEncoder, head: ClipHead, head_rate: float) -> None:
        super().__init__()
        self.towers = encoder  # by this name in saved models
        self.head = head
        self.head_rate = head_rate
        del encoder.clip.logit_scale  # of comparing, which no head does: it would count as trained

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        pixels: torch.Tensor,
        has_text: torch.Tensor,
        has_image: torch.Tensor,
    ) -> torch.Tensor:
        text = self.towers.texts(input_ids, attention_mask)
        image = encode_seen(self.towers.images, pixels, has_image, text.shape[-1])
        logits: torch.Tensor = self.head(text, image, has_text, has_image)
        return logits

    def parameter_groups(self, lr: float) -> list[ParameterGroup]:
        """What the optimizer trains: encoders or their adapters, head."""
        encoder = [parameter for parameter in self.towers.parameters() if parameter.requires_grad]
        head: ParameterGroup = {"params": list(self.head.parameters()), "lr": lr * self.head_rate}
        return [{"params": encoder, "lr": lr}, head] if encoder else [head]


def make_clip(model: str, pretrained: bool, seed: int) -> Any:
    """A hub name's or local folder's CLIP; random weights, where not ``pretrained``, from ``seed``.

    Raises LearnerError where it is none.
    """
    from transformers import AutoModel

    with seeded_init(seed):
        config = check_clip(model)
        if pretrained:
            return load_body(model)
        return AutoModel.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]


def make_dual_encoder(model: str, pretrained: bool, seed: int, max_length: int) -> DualEncoder:
    """The same, checked against its tokenizer and what is said of its images."""
    clip = make_clip(model, pretrained, seed)
    check_tokens(clip.text_model, model, max_length, "clip")
    preprocessing, side = image_preprocessing(model), clip.config.vision_config.image_size
    if preprocessing.size != (side, side):
        cut = f"its preprocessor_config.json cuts {preprocessing.size[0]} x {preprocessing.size[1]}"
        raise LearnerError(f"clip: {model} sees images of {side} x {side} pixels, but {cut}.")
    return DualEncoder(clip, preprocessing)


def width_of(model: str) -> int:
    """How long an embedding is."""
    return int(check_clip(model).projection_dim)


def count_parameters(model: str) -> int:
    """Of both encoders, without loading them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make_clip(model, False, 0).parameters())


def check_clip(model: str) -> Any:
    """A CLIP's configuration; raises LearnerError where ``model`` is none."""
    config = load_config(model)
    if config.model_type != "clip":
        raise LearnerError(f"clip: {model} is a {config.model_type} network; give a CLIP.")
    return config
