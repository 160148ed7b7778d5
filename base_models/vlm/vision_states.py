"""States of images under a frozen vision tower: each image passes it once for all folds, epochs, tasks and learners."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from base_models.multimodal.states import StateSource
from base_models.visual.pixels import PixelSource
from ensemble.features import FeatureCache


def frozen_states(body: Any, pixels: torch.Tensor) -> torch.Tensor:
    """(..., positions, width) of (..., height, width, 3) uint8, as long as nothing of the vision tower is trained: in
    the precision of the network's weights, whatever is asked for around it, so that they are the same whether they are
    kept or made anew; in half precision where their numbers are not too large.

    ``body.see`` gives them of (images, height, width, 3), ``body.dtype`` is the precision.
    """
    half = body.dtype == torch.bfloat16
    with torch.no_grad(), torch.autocast(pixels.device.type, torch.bfloat16, enabled=half):
        states: torch.Tensor = body.see(pixels.flatten(0, -4))
        halves = states.half()
        kept = halves if halves.isfinite().all() else states.float()
    return kept.view(*pixels.shape[:-3], *kept.shape[1:])


class VisionTower(nn.Module):
    """What of a network makes states of pixels."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return frozen_states(self.body, pixels)


def vision_states(
    model: str, settings: Sequence[object], load: Callable[[], nn.Module], pixels: PixelSource, cache: FeatureCache
) -> StateSource:
    """What stands for images, kept in ``cache``: of the vision tower of the network that ``load`` gives.

    ``settings`` are what else than the model's files decides its states: precision, a seed.
    """
    return StateSource(model, lambda: VisionTower(load()), None, pixels, cache, settings)
