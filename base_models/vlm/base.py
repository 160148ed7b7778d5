"""The weights that jobs of one process share, what a job trains of them, and what of images is made with them once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from base_models.multimodal.adapters import add_adapters
from base_models.multimodal.states import StateSource
from base_models.neural.inference import device, weights_dtype
from base_models.neural.shared_base import borrow, let_go, train_only
from base_models.visual.pixels import PixelSource
from base_models.vlm.body import Body, architecture, body_of
from base_models.vlm.vision_states import vision_states
from base_models.weights import identity
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint


@dataclass(frozen=True)
class Adapters:
    """Of a ``rank``, on the linear layers named ``targets`` in some parts of a body."""

    targets: Sequence[str]
    parts: Sequence[str]
    rank: int
    alpha: int
    dropout: float

    def add_to(self, body: Body, seed: int) -> None:
        within = {part: body.linears_of([part]) for part in self.parts}
        add_adapters(body, "vlm", self.targets, self.rank, self.alpha, self.dropout, seed, within)


@dataclass(frozen=True)
class Base:
    """A model's weights: shared, as wide as is computed with them, but for ``parts`` that are trained; ``adapters`` on
    them. Or all are ``trained``: of one job, in single precision."""

    model: str
    image_size: int | None
    precision: str
    trained: bool
    parts: Sequence[str] = ()
    adapters: Adapters | None = None

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32 if self.trained else weights_dtype(self.precision, device())

    @property
    def tower_frozen(self) -> bool:
        """Whether images are seen alike by all jobs."""
        adapted = self.adapters is not None and "vision" in self.adapters.parts
        return not (self.trained or adapted or "vision" in self.parts)

    def check(self) -> None:
        """Raises LearnerError where the model has no such parts or layers; nothing of it is loaded."""
        body = architecture(self.model)
        body.parameters_of(self.parts)
        if self.adapters is not None:
            self.adapters.add_to(body, 0)

    def body(self, pretrained: bool, seed: int) -> Body:
        """A body to train something on; what is new is drawn from ``seed``. Published weights that are not trained are
        those of all jobs; random ones, which may yet be filled with saved ones, are one's own."""
        load = partial(body_of, self.model, pretrained, seed, self.dtype, self.image_size, device())
        if pretrained and not self.trained:
            key = fingerprint([identity(self.model), str(self.dtype), self.image_size])
            name = f"{self.model} in {str(self.dtype).removeprefix('torch.')}"
            body = borrow(name, key, load, lambda body: body.parameters_of(self.parts).values())
        else:
            let_go(f"{self.model} is loaded for one job alone")
            body = load()
            train_only(body, body.parameters() if self.trained else body.parameters_of(self.parts).values())
        if self.adapters is not None:
            self.adapters.add_to(body, seed)
        return body

    def states(self, pixels: PixelSource, cache: FeatureCache) -> StateSource:
        """Of images under the published tower."""
        plain = Base(self.model, self.image_size, self.precision, trained=False)
        settings = [str(self.dtype), self.image_size]
        return vision_states(self.model, settings, partial(plain.body, True, 0), pixels, cache)
