"""The weights that jobs of one process share, and what of images is made with them once."""

from dataclasses import dataclass
from functools import partial

import torch

from base_models.multimodal.states import StateSource
from base_models.neural.inference import device, weights_dtype
from base_models.neural.shared_base import borrow
from base_models.visual.pixels import PixelSource
from base_models.vlm.body import Body, body_of
from base_models.vlm.vision_states import vision_states
from base_models.weights import identity
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint


@dataclass(frozen=True)
class Base:
    """A model's weights: shared, and as wide as is computed with them; or, where all are ``trained``, of one job, in
    single precision."""

    model: str
    image_size: int | None
    precision: str
    trained: bool

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32 if self.trained else weights_dtype(self.precision, device())

    def body(self, pretrained: bool, seed: int, parts: list[str]) -> Body:
        """A body to train something on: its ``parts`` are one's own."""
        load = partial(body_of, self.model, pretrained, seed, self.dtype, self.image_size, device())
        if self.trained:
            return load()
        drawn = None if pretrained else seed
        key = fingerprint([identity(self.model), str(self.dtype), self.image_size, drawn])
        return borrow(self.model, key, load, lambda body: body.parameters_of(parts).values())

    def states(self, pixels: PixelSource, cache: FeatureCache) -> StateSource:
        """Of images under the published tower."""
        settings = [str(self.dtype), self.image_size]
        return vision_states(self.model, settings, partial(self.body, True, 0, []), pixels, cache)
