"""The families of language models that see: what of each network is its tower, its connector, its language model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from base_models.vlm.family import Connected, Parts, entering, squares
from base_models.vlm.qwen import QwenVl

CLASS_TOKENS = {"clip_vision_model": 1, "siglip_vision_model": 0}


@dataclass(frozen=True)
class Llava:
    """LLaVA and TinyLLaVA: one layer of CLIP's or SigLIP's tower under two linear layers."""

    config: Any
    side: int

    grid = None
    parts: ClassVar[Parts] = {
        "vision": ["model.vision_tower"],
        "connector": ["model.multi_modal_projector"],
        "projector": ["model.multi_modal_projector"],
    }

    @cached_property
    def run(self) -> int:
        vision, kind = self.config.vision_config, self.config.vision_feature_select_strategy
        if vision.model_type not in CLASS_TOKENS:
            raise ValueError(f"its vision tower is a {vision.model_type}, not CLIP's or SigLIP's")
        if kind not in ("default", "full"):
            raise ValueError(f"vision_feature_select_strategy is {kind!r}, not 'default' or 'full'")
        patches = int(self.side // vision.patch_size) ** 2
        return int(patches + CLASS_TOKENS[vision.model_type] - (kind == "default"))

    def decoder(self, model: Any) -> Any:
        return model.model.language_model

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        with entering([model.model.multi_modal_projector]) as states:
            model.model.get_image_features(
                pixel_values=pixels,
                vision_feature_layer=self.config.vision_feature_layer,
                vision_feature_select_strategy=self.config.vision_feature_select_strategy,
            )
        return states[0]

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        return model.model.multi_modal_projector(states), []


@dataclass(frozen=True)
class Blip2:
    """BLIP-2 over a decoder: queries look at the image (Q-Former), not at the text, and are projected."""

    config: Any
    side: int

    grid = None
    parts: ClassVar[Parts] = {
        "vision": ["vision_model"],
        "connector": ["query_tokens", "qformer", "language_projection"],
        "qformer": ["query_tokens", "qformer"],
        "projector": ["language_projection"],
    }

    def __post_init__(self) -> None:
        if not self.config.use_decoder_only_language_model:
            raise ValueError("its language model has an encoder; OPT's kind is read here")
        if self.config.qformer_config.use_qformer_text_input:
            raise ValueError("its Q-Former reads text")

    @property
    def run(self) -> int:
        return int(self.config.num_query_tokens)

    def decoder(self, model: Any) -> Any:
        return model.language_model.get_decoder()

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = model.vision_model(pixel_values=pixels).last_hidden_state
        return states

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        queries = model.query_tokens.expand(len(states), -1, -1)
        asked = model.qformer(query_embeds=queries, encoder_hidden_states=states.to(queries.dtype)).last_hidden_state
        return model.language_projection(asked.to(model.language_projection.weight.dtype)), []


@dataclass(frozen=True)
class SmolVlm:
    """SmolVLM and Idefics3: neighbouring patches are one vector under a linear layer; images are not split."""

    config: Any
    side: int

    grid = None
    parts: ClassVar[Parts] = {
        "vision": ["model.vision_model"],
        "connector": ["model.connector"],
        "projector": ["model.connector"],
    }

    @cached_property
    def run(self) -> int:
        return squares(self.side, self.config.vision_config.patch_size, self.config.scale_factor) ** 2

    def decoder(self, model: Any) -> Any:
        return model.model.text_model

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = model.model.vision_model(pixel_values=pixels).last_hidden_state
        return states

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        return model.model.connector(states), []


FAMILIES: Mapping[str, type[Llava | Blip2 | SmolVlm | QwenVl]] = {
    "llava": Llava,
    "blip-2": Blip2,
    "smolvlm": SmolVlm,
    "idefics3": SmolVlm,
    "qwen2_vl": QwenVl,
    "qwen2_5_vl": QwenVl,
    "qwen3_vl": QwenVl,
}
