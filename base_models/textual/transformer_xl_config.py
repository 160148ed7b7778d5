"""The settings of a Transformer-XL, by the names of the published config.json."""

from itertools import pairwise
from typing import Any

from transformers import PreTrainedConfig

from ensemble.errors import LearnerError


class TransformerXLConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """The published settings by their published names. Others, such as the language-model head's, are only kept."""

    model_type = "transfo-xl"
    keys_to_ignore_at_inference = ["mems"]  # noqa: RUF012, the library's own convention
    attribute_map = {  # noqa: RUF012
        "hidden_size": "d_model",
        "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head",
        "n_token": "vocab_size",
    }

    def __init__(
        self,
        vocab_size: int = 267735,
        cutoffs: tuple[int, ...] | list[int] = (20000, 40000, 200000),
        div_val: int = 4,
        d_embed: int = 1024,
        d_model: int = 1024,
        n_layer: int = 18,
        n_head: int = 16,
        d_head: int = 64,
        d_inner: int = 4096,
        pre_lnorm: bool = False,
        untie_r: bool = True,
        mem_len: int = 1600,
        same_length: bool = True,
        clamp_len: int = 1000,
        attn_type: int = 0,
        dropout: float = 0.1,
        dropatt: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        init: str = "normal",
        init_std: float = 0.02,
        init_range: float = 0.01,
        proj_init_std: float = 0.01,
        **others: Any,
    ) -> None:
        self.vocab_size, self.cutoffs, self.div_val = vocab_size, list(cutoffs), div_val
        self.d_embed, self.d_model, self.n_layer, self.n_head = d_embed, d_model, n_layer, n_head
        self.d_head, self.d_inner, self.pre_lnorm, self.untie_r = d_head, d_inner, pre_lnorm, untie_r
        self.mem_len, self.same_length, self.clamp_len, self.attn_type = mem_len, same_length, clamp_len, attn_type
        self.dropout, self.dropatt, self.layer_norm_epsilon = dropout, dropatt, layer_norm_epsilon
        self.init, self.init_std, self.init_range, self.proj_init_std = init, init_std, init_range, proj_init_std
        others["tie_word_embeddings"] = True  # else the library would not tie the biases of untie_r=False either
        super().__init__(**others)


def check(config: TransformerXLConfig) -> None:
    """Raises LearnerError for settings that would give other numbers here than in the published code."""
    ends = [0, *config.cutoffs, config.vocab_size]
    wrong = {
        f"attn_type must be 0 (relative positions), found {config.attn_type}": config.attn_type != 0,
        f"ext_len must be 0, found {getattr(config, 'ext_len', 0)}": getattr(config, "ext_len", 0) != 0,
        f"init must be 'normal' or 'uniform', found {config.init!r}": config.init not in ("normal", "uniform"),
        f"d_model must be even, found {config.d_model}": config.d_model % 2 != 0,
        "same_length needs a mem_len above 0: no token would see any": config.same_length and config.mem_len <= 0,
        f"div_val must be at least 1, found {config.div_val}": config.div_val < 1,
        f"cutoffs must rise and stay below the {config.vocab_size} words, found {config.cutoffs}": (
            config.div_val > 1 and any(start >= end for start, end in pairwise(ends))
        ),
    }
    for reason, is_wrong in wrong.items():
        if is_wrong:
            raise LearnerError(f"This Transformer-XL cannot be computed: {reason}.")
