"""Transformer-XL (Dai et al. 2019, arXiv 1901.02860), which transformers 5 no longer has: the body of a causal model.

Parameter names and numbers are those of the published transfo-xl-wt103 under transformers 4.
"""

import sys
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad
from transformers import PreTrainedModel, initialization
from transformers.utils.generic import ModelOutput

from base_models.textual.transformer_xl_config import TransformerXLConfig, check
from base_models.textual.transformer_xl_layers import LOWEST, Attention, KeyPositions, Layer, Positions
from ensemble.errors import LearnerError

Memory = tuple[Tensor, ...]


@dataclass
class TransformerXLOutput(ModelOutput):
    """``last_hidden_state`` (rows, length, d_model); ``hidden_states`` the same of the embeddings and each layer."""

    last_hidden_state: Tensor | None = None
    mems: Memory | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class AdaptiveEmbedding(nn.Module):
    """Words by frequency: each class of rarer words has ``div_val`` times narrower vectors, projected to one width."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        ends = [*config.cutoffs, config.vocab_size] if config.div_val > 1 else [config.vocab_size]
        widths = [config.d_embed // config.div_val**rarity for rarity in range(len(ends))]
        projected = config.div_val > 1 or config.d_embed != config.d_model
        starts = [0, *ends[:-1]]
        self.ranges = list(zip(starts, [*ends[:-1], sys.maxsize], strict=True))  # so that an id too high fails
        self.emb_layers = nn.ModuleList(
            nn.Embedding(end - start, width) for start, end, width in zip(starts, ends, widths, strict=True)
        )
        self.emb_projs = nn.ParameterList(
            nn.Parameter(torch.empty(config.d_model, width)) for width in widths if projected
        )
        self.scale = config.d_model**0.5

    def forward(self, ids: Tensor) -> Tensor:
        """(rows, length) to (rows, length, d_model)."""
        embedded = torch.zeros((), device=ids.device)
        for (start, end), words, projection in zip_longest(self.ranges, self.emb_layers, self.emb_projs):
            inside = (ids >= start) & (ids < end)
            vectors = words((ids - start) * inside) * inside[..., None]
            embedded = embedded + (vectors if projection is None else linear(vectors, projection))
        result: Tensor = (embedded * self.scale).to(words.weight.dtype)
        return result


class TransformerXL(PreTrainedModel):  # type: ignore[no-untyped-call]
    """Embeddings and blocks, without the language-model head.

    As in transformers 4, a text without a memory sees ``mem_len`` empty places (zero vectors) before it: the published
    weights were trained so. They are summed up without keys of their own, for about half the time of the rest;
    ``mem_len=0, same_length=False`` is the model without them, with other numbers.
    """

    config_class = TransformerXLConfig
    base_model_prefix = "transformer"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["Layer"]  # noqa: RUF012
    _keys_to_ignore_on_load_unexpected = [r"^crit\."]  # noqa: RUF012, the head

    def __init__(self, config: TransformerXLConfig) -> None:
        check(config)
        super().__init__(config)
        self.word_emb = AdaptiveEmbedding(config)
        self.pos_emb = Positions(config.d_model)
        self.drop = nn.Dropout(config.dropout)
        if not config.untie_r:
            self.r_w_bias, self.r_r_bias = new_biases(config)
            shared = [self.r_w_bias, self.r_r_bias]
            self._tied_weights_keys = {
                f"layers.{layer}.dec_attn.{bias}": bias for layer in range(config.n_layer) for bias in BIASES
            }
        self.layers = nn.ModuleList(
            Layer(config, new_biases(config) if config.untie_r else shared) for _ in range(config.n_layer)
        )
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        return self.word_emb

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        mems: Memory | list[Tensor] | None = None,
        use_mems: bool = False,
        output_hidden_states: bool | None = None,
    ) -> TransformerXLOutput:
        """``input_ids`` (rows, length). ``mems`` is one (rows, places, d_model) per layer, the ``mems`` of a call with
        ``use_mems`` on the segment before; none are kept without it.

        The model is causal, so a token never sees padding on its right: ``attention_mask`` changes nothing, and is
        refused where padding would be seen, on the left or through a memory.
        """
        if attention_mask is not None:
            check_padding(attention_mask, keeps=use_mems or mems is not None)
        states = self.drop(self.word_emb(input_ids))
        empty = self.config.mem_len if mems is None else 0
        memories = [states.new_zeros(len(states), min(empty, 1), self.config.d_model)] * len(self.layers)
        if mems is not None:
            memories = list(mems)
        keys = self._key_positions(states, 0 if empty else memories[0].shape[1], empty)
        inputs = []
        for layer, memory in zip(self.layers, memories, strict=True):
            inputs.append(states)
            states = layer(states, memory, keys)
        states = self.drop(states)
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        return TransformerXLOutput(
            last_hidden_state=states,
            mems=self._remembered(inputs, mems) if use_mems else None,
            hidden_states=(*inputs, states) if wanted else None,
        )

    def _key_positions(self, states: Tensor, filled: int, empty: int) -> KeyPositions:
        """Of a segment after so many filled or empty places of memory."""
        length, device = states.shape[1], states.device
        farthest = filled + empty + length - 1
        last = min(farthest, self.config.clamp_len) if self.config.clamp_len > 0 else farthest
        reach = self.config.mem_len if self.config.same_length else farthest + 1
        # Positions count from the segment's first token; memory lies before it, at negative ones.
        query = torch.arange(length, device=device)[:, None]
        key = torch.arange(-filled, length, device=device)
        distance = torch.arange(farthest + 1, device=device)
        counts = None
        if empty:
            # A query sees the empty positions at these distances. In a softmax, n equal keys weigh n e^s, which is
            # e^(s + log n): the logarithm of their number, added to the score of one, stands for all at a distance.
            seen = (distance > query) & (distance <= query + empty) & (distance < reach)
            counts = torch.cat([seen[:, :last], seen[:, last:].sum(dim=1, keepdim=True)], dim=1)
            counts = counts.float().log().clamp(min=LOWEST).type_as(states)
        positions = self.pos_emb(distance[: last + 1].float()).type_as(states)
        hidden = (key > query) | (query - key >= reach)
        return KeyPositions(self.drop(positions), (length - 1 - key).clamp(max=last), hidden, counts)

    def _remembered(self, inputs: list[Tensor], mems: Memory | list[Tensor] | None) -> Memory | None:
        """The last ``mem_len`` inputs of each layer, without gradients; places never filled are zero."""
        places = self.config.mem_len
        if places == 0:
            return None
        if mems is None:
            return tuple(pad(states.detach(), (0, 0, places, 0))[:, -places:] for states in inputs)
        return tuple(
            torch.cat([memory, states.detach()], dim=1)[:, -places:]
            for memory, states in zip(mems, inputs, strict=True)
        )

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """As published; called by the library for every module, after it was made or where a checkpoint lacks it."""
        config = self.config
        if isinstance(module, nn.Linear | nn.Embedding):
            self._draw(module.weight)
            if isinstance(module, nn.Linear) and module.bias is not None:
                initialization.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            initialization.normal_(module.weight, 1.0, config.init_std)
            initialization.zeros_(module.bias)
        elif isinstance(module, nn.ParameterList):  # the library passes over modules without parameters of their own
            for projection in module:
                initialization.normal_(projection, 0.0, config.proj_init_std)
        elif isinstance(module, Attention):
            self._draw(module.r_w_bias)
            self._draw(module.r_r_bias)
        elif isinstance(module, Positions):
            initialization.copy_(module.inv_freq, module.frequencies())

    def _draw(self, weight: Tensor) -> None:
        if self.config.init == "uniform":
            initialization.uniform_(weight, -self.config.init_range, self.config.init_range)
        else:
            initialization.normal_(weight, 0.0, self.config.init_std)


BIASES = ("r_w_bias", "r_r_bias")


def new_biases(config: TransformerXLConfig) -> list[nn.Parameter]:
    """Two of (heads, width)."""
    return [nn.Parameter(torch.empty(config.n_head, config.d_head)) for _ in BIASES]


def check_padding(mask: Tensor, keeps: bool) -> None:
    """Raises LearnerError for padding that real tokens would see."""
    if keeps and not bool(mask.all()):
        raise LearnerError("Transformer-XL keeps a memory of unpadded texts only: give segments of one length.")
    if bool((mask[:, 1:] > mask[:, :-1]).any()):
        raise LearnerError("Transformer-XL needs padding on the right, found it on the left: set padding_side='right'.")
