"""The network of UEGD: sequences of states to a vector per modality, gates that sum them, a decoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from base_models.weights import seeded_init

Combine = Literal["gates", "concatenation"]


@dataclass(frozen=True)
class States:
    """What the network is fed with of one modality: ``layers`` sequences of vectors of ``width``."""

    layers: int
    width: int


@dataclass(frozen=True)
class UegdShape:
    """The widths: of frames before pooling, of the vector of a modality and of the decoder's hidden layer."""

    hidden_width: int = 256
    heads: int = 4
    width: int = 128
    dropout: float = 0.2
    combine: Combine = "gates"


class LayerSum(nn.Module):
    """The sum of layers, weighted by a softmax over one number each; they start at zero, so it starts as the mean."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))

    @property
    def weights(self) -> torch.Tensor:
        return torch.softmax(self.scores, dim=0)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """(rows, layers, frames, width) of any precision to (rows, frames, width)."""
        if len(self.scores) == 1:
            return states[:, 0].float()
        summed: torch.Tensor = torch.tensordot(states.float(), self.weights, ([1], [0]))
        return summed


class SelfAttentivePooling(nn.Module):
    """Frames to one vector: each head has a weight per frame, from the frame alone (Lin et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.heads = nn.Linear(width, heads, bias=False)

    def forward(self, frames: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        """(rows, frames, width) to (rows, heads * width); frames that are ``padding`` (rows, frames) have no weight."""
        scores: torch.Tensor = self.heads(torch.tanh(self.hidden(frames))).float()
        weights = scores.masked_fill(padding[..., None], -torch.inf).softmax(dim=1)
        return (weights.mT.to(frames.dtype) @ frames).flatten(1)


class ModalityEncoder(nn.Module):
    """Sequences of states to one vector of ``shape.width``."""

    def __init__(self, states: States, shape: UegdShape) -> None:
        super().__init__()
        hidden = shape.hidden_width
        self.layers = LayerSum(states.layers)
        self.frames = _hidden_layer(states.width, hidden, shape.dropout)
        self.pool = SelfAttentivePooling(hidden, shape.heads)
        self.embed = nn.Linear(shape.heads * hidden, shape.width)

    def forward(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, layers, frames, width) states, of which ``lengths`` (rows,) frames are real, to (rows, shape.width);
        zeros where none is."""
        padding = torch.arange(states.shape[2], device=lengths.device) >= lengths.clamp(min=1)[:, None]
        vectors = self.embed(self.pool(self.frames(self.layers(states)), padding))
        return torch.where(lengths[:, None] > 0, vectors, 0.0)


class UegdNetwork(nn.Module):
    """States of each modality to (rows, outputs), all weights drawn from ``seed``.

    A gate per modality is the sigmoid of one linear function of all vectors side by side; the decoder sees the sum of
    the vectors, each times its gate, or all of them side by side. A missing modality is a vector of zeros. Where a
    modality has one layer, the number that weighs layers has no effect; the authors' code holds and counts it, too.
    """

    def __init__(self, states: Mapping[str, States], outputs: int, shape: UegdShape, seed: int) -> None:
        super().__init__()
        self.names = tuple(states)
        together = len(self.names) * shape.width
        with seeded_init(seed):
            self.encoders = nn.ModuleDict({name: ModalityEncoder(states[name], shape) for name in self.names})
            # As one layer: row by row the weights of a Linear(all vectors -> 1) per modality.
            self.gates = nn.Linear(together, len(self.names)) if shape.combine == "gates" else None
            self.decode = nn.Sequential(
                _hidden_layer(shape.width if self.gates else together, shape.width, shape.dropout),
                nn.Linear(shape.width, outputs),
            )

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        vectors = self._vectors(inputs)
        if self.gates is None:
            outputs: torch.Tensor = self.decode(vectors.flatten(1))
            return outputs
        outputs = self.decode((self._opened(vectors)[..., None] * vectors).sum(dim=1))
        return outputs

    def open_gates(self, **inputs: torch.Tensor) -> torch.Tensor:
        """(rows, modalities) how far each gate is open, from 0 to 1; of a missing modality it lets nothing through."""
        return self._opened(self._vectors(inputs))

    def layer_weights(self) -> dict[str, list[float]]:
        """The weights of the layers of each modality that has several."""
        sums = {name: self.encoders[name].get_submodule("layers") for name in self.names}
        found = {name: layers.weights.tolist() for name, layers in sums.items() if isinstance(layers, LayerSum)}
        return {name: weights for name, weights in found.items() if len(weights) > 1}

    def _vectors(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(rows, modalities, width), of ``NAME_states`` and ``NAME_lengths`` for each modality."""
        names = self.names
        found = [self.encoders[name](inputs[f"{name}_states"], inputs[f"{name}_lengths"]) for name in names]
        return torch.stack(found, dim=1)

    def _opened(self, vectors: torch.Tensor) -> torch.Tensor:
        assert self.gates is not None
        return torch.sigmoid(self.gates(vectors.flatten(1)))


def _hidden_layer(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU(), nn.Dropout(dropout))


class Gates(nn.Module):
    """Asks a network how far its gates are open instead of what it says."""

    def __init__(self, network: UegdNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        return self.network.open_gates(**inputs)
