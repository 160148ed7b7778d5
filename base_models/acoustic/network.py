"""A speech network under a pooled head: what the acoustic learner trains."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from base_models.acoustic.body import SpeechBody
from base_models.acoustic.families import real
from base_models.neural.depth import by_depth, checkpoint_layers, decayed, freeze
from base_models.neural.hyperparameters import Training
from base_models.neural.inference import device, predict_logits, rows_at_once
from base_models.neural.optimization import ParameterGroup
from base_models.neural.sampling import Examples
from base_models.weights import seeded_init
from ensemble.errors import LearnerError

Heard = Literal["last", "weighted"]
FramePooling = Literal["mean", "attention"]
LEAST = 1e-6  # a deviation below which a dimension says nothing


@dataclass(frozen=True)
class SpeechHeadShape:
    """What stands on a network's frames: of which layers they are, how they become one, what lies under the outputs."""

    layers: Heard
    pooling: FramePooling
    hidden_width: int
    dropout: float


class SpeechHead(nn.Module):
    """Layers of (rows, frames, width) to (rows, outputs); only frames with ``mask`` count.

    What is pooled is centred and scaled as ``standardise`` found it before training: it differs more between dimensions
    than between sounds, and a few epochs are too short for a new head to find that out.
    "weighted" sums the layers that transformers lists by learned shares, equal at first (SUPERB, Yang et al. 2021);
    "attention" pools by learned shares of the frames, equal at first (Safari et al. 2020).
    """

    center: torch.Tensor
    scale: torch.Tensor

    def __init__(self, layers: int, width: int, outputs: int, shape: SpeechHeadShape) -> None:
        super().__init__()
        self.shape = shape
        if shape.layers == "weighted":
            self.shares = nn.Parameter(torch.zeros(layers + 1))
        if shape.pooling == "attention":
            self.attention = nn.Linear(width, 1, bias=False)
            nn.init.zeros_(self.attention.weight)
        self.register_buffer("center", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.dropout = nn.Dropout(shape.dropout)
        if shape.hidden_width:
            self.hidden = nn.Linear(width, shape.hidden_width)
        self.classes = nn.Linear(shape.hidden_width or width, outputs)

    def forward(self, layers: list[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
        pooled = self.dropout((self.pool(layers, mask) - self.center) / self.scale)
        if self.shape.hidden_width:
            pooled = self.dropout(torch.relu(self.hidden(pooled)))
        logits: torch.Tensor = self.classes(pooled)
        return logits

    def pool(self, layers: list[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
        """(rows, width) as they come."""
        states = self._heard(layers)
        if self.shape.pooling == "mean":
            return (states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        scores = self.attention(states).masked_fill(~mask[..., None], -torch.inf)
        found: torch.Tensor = (states * scores.softmax(dim=1)).sum(dim=1)
        return found

    def _heard(self, layers: list[torch.Tensor]) -> torch.Tensor:
        """(rows, frames, width)."""
        if self.shape.layers == "last":
            return layers[-1]
        listed = [*layers[:-2], layers[-1]]  # the top one after the final norm
        shares = self.shares.softmax(dim=0)
        return torch.stack([share * layer for share, layer in zip(shares, listed, strict=True)]).sum(dim=0)


class SpeechClassifier(nn.Module):
    """(rows, steps, ...) inputs with (rows,) lengths to (rows, outputs), through a new head drawn from ``seed``.

    ``frozen`` lowest layers and what lies below them are not trained; None trains everything. The learning rate of each
    layer is ``decay`` times that of the layer above it, the head's ``head_rate`` times the whole. With ``recompute``
    activations are computed twice instead of kept. Padding changes nothing.
    """

    def __init__(
        self,
        body: SpeechBody,
        outputs: int,
        shape: SpeechHeadShape,
        seed: int,
        frozen: int | None = None,
        decay: float = 1.0,
        head_rate: float = 1.0,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.body = body
        self.decay = decay
        self.head_rate = head_rate
        self.recompute = recompute
        with seeded_init(seed):
            self.head = SpeechHead(body.layers, body.width, outputs, shape)
        if frozen is not None and frozen > body.layers:
            raise LearnerError(f"acoustic: frozen_layers = {frozen}, but the network has only {body.layers} layers.")
        freeze(self._by_depth(), frozen)
        if recompute:
            checkpoint_layers(self._blocks)

    def forward(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(*self.look(inputs, lengths))
        return logits

    def look(self, inputs: torch.Tensor, lengths: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The layers of (rows, frames, width), and (rows, frames) which frames are real."""
        layers = self.body(inputs, lengths)
        return layers, real(self.body.family.frames(lengths), layers[-1].shape[1])

    def parameter_groups(self, lr: float) -> list[ParameterGroup]:
        """What the optimizer trains."""
        return decayed(self._by_depth(), lr, self.decay, self.head_rate)

    @property
    def _blocks(self) -> nn.ModuleList:
        return self.body.family.blocks(self.body.network)

    def _by_depth(self) -> list[list[nn.Parameter]]:
        return by_depth(self.body.network, self._blocks, self.head)


class Pooled(nn.Module):
    """Asks a network for what it pools instead of its outputs."""

    def __init__(self, network: SpeechClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        return self.network.head.pool(*self.network.look(**inputs))


def standardise(network: SpeechClassifier, examples: Examples, training: Training) -> None:
    """Centre and scale what the head sees by the mean and the deviation over these sounds, as they are."""
    rows, at_once = range(len(examples)), rows_at_once(training.eval_batch)
    pooled = torch.from_numpy(predict_logits(Pooled(network.to(device())), examples, rows, at_once, training.precision))
    deviation = pooled.std(dim=0, correction=0)
    network.head.center.copy_(pooled.mean(dim=0))
    network.head.scale.copy_(torch.where(deviation > LEAST, deviation, 1.0))
