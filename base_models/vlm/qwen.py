"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: patches of a grid, whose positions count in time, height and width."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import nn

from base_models.vlm.family import Connected, Traits, connected_by, entering, squares


@dataclass(frozen=True)
class QwenVl:
    """Qwen2-VL, 2.5 and 3: patches of a grid, merged by two linear layers; of the third, those of some layers each.

    ``see`` gives the patches in the order in which they are merged, the states of deeper mergers side by side.
    """

    config: Any
    side: int

    traits: ClassVar = Traits(
        {
            "vision": ["model.visual"],
            "connector": ["model.visual.merger", "model.visual.deepstack_merger_list"],
            "projector": ["model.visual.merger", "model.visual.deepstack_merger_list"],
        },
        any_size=True,
    )

    @cached_property
    def grid(self) -> int:
        return squares(self.side, self.config.vision_config.patch_size, self._merged)

    @property
    def run(self) -> int:
        return self.grid**2

    @property
    def _merged(self) -> int:
        return int(self.config.vision_config.spatial_merge_size)

    def decoder(self, model: Any) -> Any:
        return model.model.language_model

    def tower(self, model: Any) -> Any:
        return model.model.visual

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        grid = self.grid * self._merged
        shape = torch.tensor([[1, grid, grid]] * len(pixels), device=pixels.device)
        with entering(self._mergers(model)) as states:
            model.model.visual(self._patches(pixels), grid_thw=shape)
        found = torch.cat([state.view(len(pixels), grid**2, -1) for state in states], dim=-1)
        return self._in_rows(found)

    def connect(self, model: Any, states: torch.Tensor, images: torch.Tensor) -> Connected:
        mergers = self._mergers(model)
        split = [part.contiguous() for part in states.flatten(0, 1).chunk(len(mergers), dim=-1)]
        first, *deeper = [connected_by(merge, part) for merge, part in zip(mergers, split, strict=True)]
        beside = {"visual_pos_masks": images, "deepstack_visual_embeds": deeper} if deeper else {}
        return first.view(len(states), self.run, -1), beside

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
