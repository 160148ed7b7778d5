"""The blocks of Transformer-XL (Dai et al. 2019): attention by content and by distance, then two linear layers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers.modeling_layers import GradientCheckpointingLayer

from base_models.textual.transformer_xl_config import TransformerXLConfig

LOWEST = -1e4  # as good as minus infinity for a score, and finite in every precision


@dataclass(frozen=True)
class KeyPositions:
    """What all layers share about the keys of a segment. A distance is counted once, those beyond ``clamp_len`` as one.

    ``positions`` (distances, d_model) from 0 on; ``distances`` (keys,) of the keys from the last query, the farthest
    first; ``hidden`` (length, keys) what a query must not see; ``empty`` (length, distances) the logarithm of how many
    empty places of memory a query sees at a distance, None where there are none.
    """

    positions: Tensor
    distances: Tensor
    hidden: Tensor
    empty: Tensor | None


class Positions(nn.Module):
    """The sinusoids of a distance (Vaswani et al. 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inv_freq: Tensor
        self.width = width
        self.register_buffer("inv_freq", self.frequencies())

    def frequencies(self) -> Tensor:
        return 1 / 10000 ** (torch.arange(0.0, self.width, 2.0) / self.width)

    def forward(self, distances: Tensor) -> Tensor:
        """(distances,) to (distances, width)."""
        angles = torch.outer(distances, self.inv_freq)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Attention(nn.Module):
    """Multi-head attention whose scores depend on contents and on distances, each with a bias of its own."""

    def __init__(self, config: TransformerXLConfig, biases: list[nn.Parameter]) -> None:
        super().__init__()
        width = config.n_head * config.d_head
        self.qkv_net = nn.Linear(config.d_model, 3 * width, bias=False)
        self.r_net = nn.Linear(config.d_model, width, bias=False)
        self.o_net = nn.Linear(width, config.d_model, bias=False)
        self.r_w_bias, self.r_r_bias = biases
        self.layer_norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.drop = nn.Dropout(config.dropout)
        self.dropatt, self.heads, self.pre_lnorm = config.dropatt, config.n_head, config.pre_lnorm

    def forward(self, states: Tensor, memory: Tensor, keys: KeyPositions) -> Tensor:
        """(rows, length, d_model), after ``memory`` (rows, earlier places, d_model).

        Where there are ``keys.empty``, the first place in memory stands for all of them.
        """
        # The score of query i and key j (Dai et al. 2019, section 3.3) is (q_i + u) k_j + (q_i + v) W_r R_(i-j):
        # content with the bias u = r_w_bias, which the fused attention computes, and distance with the bias
        # v = r_r_bias, which it is given as a mask. Distances are few and shared: one product for each.
        length = states.shape[1]
        context = torch.cat([memory, states], dim=1)
        projected = self.qkv_net(self.layer_norm(context) if self.pre_lnorm else context)
        query, key, value = (self._split(part) for part in projected.chunk(3, dim=-1))
        query = query[:, :, -length:]
        scale = query.shape[-1] ** -0.5
        positions = self.r_net(keys.positions).unflatten(-1, (self.heads, -1))
        by_distance = torch.einsum("rhqw,dhw->rhqd", self._biased(query, self.r_r_bias) * scale, positions)
        bias = shifted(by_distance.index_select(-1, keys.distances)).masked_fill(keys.hidden, LOWEST)
        if keys.empty is not None:  # their keys are equal: in the softmax, exponentials add up
            bias = torch.cat([(by_distance + keys.empty).logsumexp(dim=-1, keepdim=True), bias], dim=-1)
        attended = scaled_dot_product_attention(
            self._biased(query, self.r_w_bias),
            key,
            value,
            attn_mask=bias.to(query.dtype),
            dropout_p=self.dropatt if self.training else 0.0,
            scale=scale,
        )
        output = states + self.drop(self.o_net(attended.transpose(1, 2).flatten(2)))
        result: Tensor = output if self.pre_lnorm else self.layer_norm(output)
        return result

    def _split(self, vectors: Tensor) -> Tensor:
        """(rows, places, heads * width) to (rows, heads, places, width)."""
        return vectors.view(*vectors.shape[:2], self.heads, -1).transpose(1, 2)

    def _biased(self, query: Tensor, bias: Tensor) -> Tensor:
        return query + bias[:, None].to(query.dtype)


def shifted(scores: Tensor) -> Tensor:
    """(..., length, distances) to (..., length, keys): each query's row moved so that a key meets its own distance.

    The last query's row is right as it is, and each one before it is a place farther to the left; what wraps around
    lies in the future and is hidden. Dai et al. 2019, appendix B.
    """
    # Read flat, element (i, j) of the result is number length + i * keys + j, which in rows one longer, behind the
    # padded column, is i * (keys + 1) + (j + length - i): result[i, j] = scores[i, j + length - 1 - i].
    *outer, length, keys = scores.shape
    return pad(scores, (1, 0)).reshape(*outer, keys + 1, length)[..., 1:, :].reshape(scores.shape)


class FeedForward(nn.Module):
    """Two linear layers at every place."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        self.CoreNet = nn.Sequential(
            nn.Linear(config.d_model, config.d_inner),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.d_inner, config.d_model),
            nn.Dropout(config.dropout),
        )
        self.layer_norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)
        self.pre_lnorm = config.pre_lnorm

    def forward(self, states: Tensor) -> Tensor:
        result: Tensor
        if self.pre_lnorm:
            result = states + self.CoreNet(self.layer_norm(states))
        else:
            result = self.layer_norm(states + self.CoreNet(states))
        return result


class Layer(GradientCheckpointingLayer):  # type: ignore[no-untyped-call]
    """One block; its arguments are those of its attention."""

    def __init__(self, config: TransformerXLConfig, biases: list[nn.Parameter]) -> None:
        super().__init__()
        self.dec_attn = Attention(config, biases)
        self.pos_ff = FeedForward(config)

    def forward(self, states: Tensor, memory: Tensor, keys: KeyPositions) -> Tensor:
        result: Tensor = self.pos_ff(self.dec_attn(states, memory, keys))
        return result
