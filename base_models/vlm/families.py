"""The families of language models that see: what of a network is its vision tower, its connector, its language model.

Images are squares of one size, so each image stands for the same number of placeholder tokens. Nothing here needs
weights or a tokenizer: a family is known by its configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import torch
from torch import nn

Connected = tuple[torch.Tensor, Sequence[torch.Tensor]]
Parts = Mapping[str, Sequence[str]]

SQUARE = 448  # pixels, of a tower that takes any size: 256 tokens of Qwen2.5-VL, 196 of Qwen3-VL
CLASS_TOKENS = {"clip_vision_model": 1, "siglip_vision_model": 0}


class Family(Protocol):
    """What sets one kind of network apart."""

    @property
    def config(self) -> Any: ...

    @property
    def side(self) -> int:
        """Of an image, in pixels; 0 where the network sees none."""
        ...

    @property
    def run(self) -> int:
        """Placeholder tokens of an image."""
        ...

    @property
    def grid(self) -> int | None:
        """Where an image's positions count as a square of ``grid`` x ``grid`` that is ``grid`` long; None where each of
        its tokens has a position of its own."""
        ...

    @property
    def parts(self) -> Parts:
        """Names of modules by part, ``connector`` and the parts of it; what none has is of the language model."""
        ...

    def decoder(self, model: Any) -> Any:
        """The language model without its head."""
        ...

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(images, positions, width) before the connector, of (images, 3, side, side) normalised."""
        ...

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        """(images, run, width of the language model) of what is seen; and what is added to it behind the first layers
        of the language model, in the same shape each."""
        ...


@dataclass(frozen=True)
class TextAlone:
    """A decoder without eyes, such as SmolLM2."""

    config: Any

    side, run, grid = 0, 0, None
    parts: ClassVar[Parts] = {}

    def decoder(self, model: Any) -> Any:
        return model.get_decoder()

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        raise AssertionError("it sees nothing")

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        raise AssertionError("it sees nothing")


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
        tokens: int = (self.side // vision.patch_size) ** 2 + CLASS_TOKENS[vision.model_type]
        return tokens - (kind == "default")

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
        return _squares(self.side, self.config.vision_config.patch_size, self.config.scale_factor) ** 2

    def decoder(self, model: Any) -> Any:
        return model.model.text_model

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = model.model.vision_model(pixel_values=pixels).last_hidden_state
        return states

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        return model.model.connector(states), []


@dataclass(frozen=True)
class QwenVl:
    """Qwen2-VL, 2.5 and 3: patches of a grid, merged by two linear layers; of the third, those of some layers each.

    ``see`` gives the patches in the order in which they are merged, the states of deeper mergers side by side.
    """

    config: Any
    side: int

    parts: ClassVar[Parts] = {
        "vision": ["model.visual"],
        "connector": ["model.visual.merger", "model.visual.deepstack_merger_list"],
        "projector": ["model.visual.merger", "model.visual.deepstack_merger_list"],
    }

    @cached_property
    def grid(self) -> int:
        return _squares(self.side, self.config.vision_config.patch_size, self._merged)

    @property
    def run(self) -> int:
        return self.grid**2

    @property
    def _merged(self) -> int:
        return int(self.config.vision_config.spatial_merge_size)

    def decoder(self, model: Any) -> Any:
        return model.model.language_model

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        grid = self.grid * self._merged
        shape = torch.tensor([[1, grid, grid]] * len(pixels), device=pixels.device)
        with entering(self._mergers(model)) as states:
            model.model.visual(self._patches(pixels), grid_thw=shape)
        found = torch.cat([state.view(len(pixels), grid**2, -1) for state in states], dim=-1)
        return self._in_rows(found)

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        mergers = self._mergers(model)
        split = [part.contiguous() for part in states.flatten(0, 1).chunk(len(mergers), dim=-1)]
        first, *deeper = [
            merge(part).view(len(states), self.run, -1) for merge, part in zip(mergers, split, strict=True)
        ]
        return first, deeper

    def _patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """(images * patches, 3 * frames * patch * patch) in the order in which they are merged; a picture is a film
        that stands still."""
        vision = self.config.vision_config
        size, frames = vision.patch_size, vision.temporal_patch_size
        cells = (self.grid, self._merged, size)
        patches = pixels.view(len(pixels), 3, *cells, *cells).permute(0, 2, 5, 3, 6, 1, 4, 7)
        still = patches[..., None, :, :].expand(*patches.shape[:6], frames, size, size)
        return still.reshape(-1, 3 * frames * size**2)

    def _in_rows(self, states: torch.Tensor) -> torch.Tensor:
        """Qwen2.5-VL looks through windows, one after the other: back to the order of rows."""
        window = getattr(self.config.vision_config, "window_size", None)
        if window is None:
            return states
        wide = window // self._merged // self.config.vision_config.patch_size
        row, column = torch.meshgrid(*2 * [torch.arange(self.grid, device=states.device)], indexing="ij")
        seen = torch.argsort((row // wide * self.grid + column // wide).flatten(), stable=True)
        merged = states.view(len(states), self.run, self._merged**2, -1)
        return merged[:, torch.argsort(seen)].view_as(states)

    @staticmethod
    def _mergers(model: Any) -> list[nn.Module]:
        visual = model.model.visual
        return [visual.merger, *getattr(visual, "deepstack_merger_list", [])]


@contextmanager
def entering(modules: Sequence[nn.Module]) -> Iterator[list[torch.Tensor]]:
    """What enters these modules, in their order, once they have been called."""
    found: dict[nn.Module, torch.Tensor] = {}
    states: list[torch.Tensor] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, given: found.update({module: given[0]})) for module in modules
    ]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()
    states += [found[module] for module in modules]


def _squares(side: int, patch: int, merged: int) -> int:
    """How many merged patches stand in a row."""
    if side % (patch * merged):
        raise ValueError(f"an image of {side} pixels has no whole patches of {patch} pixels by {merged}")
    return side // (patch * merged)


FAMILIES: Mapping[str, type[Llava | Blip2 | SmolVlm | QwenVl]] = {
    "llava": Llava,
    "blip-2": Blip2,
    "smolvlm": SmolVlm,
    "idefics3": SmolVlm,
    "qwen2_vl": QwenVl,
    "qwen2_5_vl": QwenVl,
    "qwen3_vl": QwenVl,
}
