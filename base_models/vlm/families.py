"""The families of language models that see: what of each network is its tower, its connector, its language model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from base_models.vlm.family import Connected, Traits, connected_by, entering, squares
from base_models.vlm.qwen import QwenVl

CLASS_TOKENS = {"clip_vision_model": 1, "siglip_vision_model": 0}
PROJECTED = {  # of LLaVA, and of those made like it
    "vision": ["model.vision_tower"],
    "connector": ["model.multi_modal_projector"],
    "projector": ["model.multi_modal_projector"],
}


@dataclass(frozen=True)
class Projected:
    """What enters a projector is what the vision tower's chosen layers say of each patch."""

    config: Any
    side: int

    grid = None

    def decoder(self, model: Any) -> Any:
        return model.model.language_model

    def tower(self, model: Any) -> Any:
        return model.model.vision_tower

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        return _entering_projector(model, self.config, pixels)

    def connect(self, model: Any, states: torch.Tensor, images: torch.Tensor) -> Connected:
        return connected_by(model.model.multi_modal_projector, states), {}


@dataclass(frozen=True)
class Llava(Projected):
    """LLaVA and TinyLLaVA: one layer of CLIP's or SigLIP's tower under two linear layers."""

    traits: ClassVar = Traits(PROJECTED)

    def __post_init__(self) -> None:
        vision, layers = self.config.vision_config, self.config.vision_feature_layer
        if vision.model_type not in CLASS_TOKENS:
            raise ValueError(f"its vision tower is a {vision.model_type}, not CLIP's or SigLIP's")
        if self.config.vision_feature_select_strategy not in ("default", "full"):
            raise ValueError("its vision_feature_select_strategy is neither 'default' nor 'full'")
        for layer in [layers] if isinstance(layers, int) else layers:
            if not -vision.num_hidden_layers - 1 <= layer <= vision.num_hidden_layers:
                raise ValueError(f"its vision_feature_layer is {layer}, of {vision.num_hidden_layers} layers")

    @property
    def run(self) -> int:
        vision, kind = self.config.vision_config, self.config.vision_feature_select_strategy
        patches = int(self.side // vision.patch_size) ** 2
        return int(patches + CLASS_TOKENS[vision.model_type] - (kind == "default"))


@dataclass(frozen=True)
class InternVl(Projected):
    """InternVL: neighbouring patches are one vector under two linear layers; images are not cut into tiles."""

    traits: ClassVar = Traits(PROJECTED, wrapped=(["<img>"], ["</img>"]))

    @cached_property
    def run(self) -> int:
        patch = self.config.vision_config.patch_size
        return squares(self.side, int(max(patch) if isinstance(patch, list | tuple) else patch), self._merged) ** 2

    @property
    def _merged(self) -> int:
        return round(1 / float(self.config.downsample_ratio))


@dataclass(frozen=True)
class Gemma3:
    """Gemma 3: patches of SigLIP's tower, averaged over squares and projected; those of an image see each other."""

    config: Any
    side: int

    traits: ClassVar = Traits(PROJECTED, both_ways=True)
    grid = None

    @property
    def run(self) -> int:
        return int(self.config.mm_tokens_per_image)

    def decoder(self, model: Any) -> Any:
        return model.model.language_model

    def tower(self, model: Any) -> Any:
        return model.model.vision_tower

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = model.model.vision_tower(pixel_values=pixels).last_hidden_state
        return states

    def connect(self, model: Any, states: torch.Tensor, images: torch.Tensor) -> Connected:
        return connected_by(model.model.multi_modal_projector, states), {"token_type_ids": images.long()}


@dataclass(frozen=True)
class Blip2:
    """BLIP-2 over a decoder: queries look at the image (Q-Former), not at the text, and are projected."""

    config: Any
    side: int

    traits: ClassVar = Traits(
        {
            "vision": ["vision_model"],
            "connector": ["query_tokens", "qformer", "language_projection"],
            "qformer": ["query_tokens", "qformer"],
            "projector": ["language_projection"],
        },
        images_first=True,
    )
    grid = None

    def __post_init__(self) -> None:
        if not self.config.use_decoder_only_language_model or self.config.text_config.is_encoder_decoder:
            raise ValueError("its language model has an encoder; OPT's kind is read here")
        if self.config.qformer_config.use_qformer_text_input:
            raise ValueError("its Q-Former reads text")

    @property
    def run(self) -> int:
        return int(self.config.num_query_tokens)

    def decoder(self, model: Any) -> Any:
        return model.language_model.get_decoder()

    def tower(self, model: Any) -> Any:
        return model.vision_model

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = model.vision_model(pixel_values=pixels).last_hidden_state
        return states

    def connect(self, model: Any, states: torch.Tensor, images: torch.Tensor) -> Connected:
        queries = model.query_tokens.expand(len(states), -1, -1)  # with the Q-Former often in single precision
        asked = model.qformer(query_embeds=queries, encoder_hidden_states=states.to(queries.dtype)).last_hidden_state
        return connected_by(model.language_projection, asked), {}


@dataclass(frozen=True)
class SmolVlm:
    """SmolVLM and Idefics3: neighbouring patches are one vector under a linear layer; images are not split."""

    config: Any
    side: int

    traits: ClassVar = Traits(
        {"vision": ["model.vision_model"], "connector": ["model.connector"], "projector": ["model.connector"]},
        wrapped=(["<fake_token_around_image>", "<global-img>"], ["<fake_token_around_image>"]),
        any_size=True,
    )
    grid = None

    @cached_property
    def run(self) -> int:
        return squares(self.side, self.config.vision_config.patch_size, self.config.scale_factor) ** 2

    def decoder(self, model: Any) -> Any:
        return model.model.text_model

    def tower(self, model: Any) -> Any:
        return model.model.vision_model

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = model.model.vision_model(pixel_values=pixels).last_hidden_state
        return states

    def connect(self, model: Any, states: torch.Tensor, images: torch.Tensor) -> Connected:
        return connected_by(model.model.connector, states), {}


def _entering_projector(model: Any, config: Any, pixels: torch.Tensor) -> torch.Tensor:
    with entering([model.model.multi_modal_projector]) as states:
        model.model.get_image_features(
            pixel_values=pixels,
            vision_feature_layer=config.vision_feature_layer,
            vision_feature_select_strategy=config.vision_feature_select_strategy,
        )
    return states[0]


FAMILIES: Mapping[str, type[Llava | Blip2 | SmolVlm | QwenVl | InternVl | Gemma3]] = {
    "llava": Llava,
    "blip-2": Blip2,
    "smolvlm": SmolVlm,
    "idefics3": SmolVlm,
    "qwen2_vl": QwenVl,
    "qwen2_5_vl": QwenVl,
    "qwen3_vl": QwenVl,
    "internvl": InternVl,
    "gemma3": Gemma3,
}
