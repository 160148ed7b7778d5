"""What stands on a language model's last states where it is not asked for words."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import nn

from base_models.textual.pooling import Pooling, pool
from base_models.weights import seeded_init

Activation = Literal["relu", "gelu"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


class PooledHead(nn.Module):
    """(rows, tokens, width) states and their mask to (rows, outputs): dropout, then linear layers of ``hidden`` widths
    with an activation and dropout behind each, then the last; drawn from ``seed``, in single precision."""

    def __init__(
        self,
        width: int,
        outputs: int,
        hidden: Sequence[int],
        activation: Activation,
        pooling: Pooling,
        dropout: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        with seeded_init(seed):
            layers = [
                part
                for before, after in pairwise([width, *hidden])
                for part in (nn.Linear(before, after), ACTIVATIONS[activation](), nn.Dropout(dropout))
            ]
            self.layers = nn.Sequential(nn.Dropout(dropout), *layers, nn.Linear([width, *hidden][-1], outputs))

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(pool(states.float(), mask, self.pooling))
        return logits
