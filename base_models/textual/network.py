"""A text network under a head: what the textual learner trains."""

from typing import Any

import torch
from torch import nn

from base_models.neural.depth import by_depth, checkpoint_layers, decayed, freeze
from base_models.neural.optimization import ParameterGroup
from base_models.textual.head import Head, HeadShape
from base_models.textual.loading import check_kind, load_body, load_config, load_tokenizer, no_text_network
from base_models.textual.pooling import Pooling
from base_models.weights import seeded_init
from ensemble.errors import LearnerError, first_line

# Of the four networks of the Modality Ensemble as published, of BERT's descendants as BERT; of others the mean. What
# was used stands in the job's record and in the saved model.
POOLINGS: dict[str, Pooling] = {
    "bert": "first",
    "roberta": "first",
    "xlm-roberta": "first",
    "distilbert": "first",
    "electra": "first",
    "deberta": "first",
    "deberta-v2": "first",
    "albert": "first",
    "gpt2": "last",
    "xlnet": "last",
    "transfo-xl": "max",
}
UNUSED = ("pooler", "mask_emb", "seg_embed", "r_s_bias")  # weights that never meet a single text's tokens
CACHES = ("use_cache", "use_mems_eval", "use_mems_train")  # what generating text would need


class TextClassifier(nn.Module):
    """(texts, tokens) ids and mask to (texts, classes) logits, through a new head drawn from ``seed``.

    ``frozen`` lowest layers and the embeddings below them are not trained; None trains everything. The learning rate of
    each layer is ``decay`` times that of the layer above it; the head's is whole. With ``recompute`` activations are
    computed twice instead of kept.
    """

    def __init__(
        self,
        body: Any,
        classes: int,
        shape: HeadShape,
        seed: int,
        frozen: int | None = None,
        decay: float = 1.0,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.body = body
        self.decay = decay
        self.recompute = recompute
        pooling = shape.pooling or POOLINGS.get(body.config.model_type, "mean")
        with seeded_init(seed):
            self.head = Head(body.config.hidden_size, classes, shape, pooling)
        layers = layers_of(body)
        if not len(layers) and (frozen is not None or decay != 1 or recompute):
            kind = f"a {body.config.model_type} network has no layers of its own weights one above the other"
            raise LearnerError(f"textual: {kind}; leave out frozen_layers, layer_decay and recompute.")
        if frozen is not None and frozen > len(layers):
            raise LearnerError(f"textual: frozen_layers = {frozen}, but the network has only {len(layers)} layers.")
        train_used(body)
        freeze(self._by_depth(), frozen)
        if recompute:
            checkpoint_layers(layers)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        logits: torch.Tensor = self.head(states, attention_mask)
        return logits

    def parameter_groups(self, lr: float) -> list[ParameterGroup]:
        """What the optimizer trains: with ``decay`` a group for each depth, its learning rate its own."""
        return decayed(self._by_depth(), lr, self.decay)

    def _by_depth(self) -> list[list[nn.Parameter]]:
        return by_depth(self.body, layers_of(self.body), self.head)


def make_body(model: str, pretrained: bool, seed: int) -> Any:
    """A text network without what classifying does not need; random weights, where not ``pretrained``, from ``seed``.

    ``model`` is a hub name or a local folder. Raises LearnerError.
    """
    with seeded_init(seed):
        config = load_config(model)
        check_kind(model, config, "hidden_size")
        body = load_body(model) if pretrained else _random(config)
    if hasattr(body, "pooler"):
        body.pooler = None  # BERT's would be computed for nothing
    for name in CACHES:
        if hasattr(body.config, name):
            setattr(body.config, name, False)
    return body


def train_used(body: Any) -> None:
    """Train every parameter but those that never meet a single text's tokens."""
    for name, parameter in body.named_parameters():
        parameter.requires_grad_(not any(part in UNUSED for part in name.split(".")))


def _random(config: Any) -> Any:
    from transformers import AutoModel

    return AutoModel.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]


def check_tokens(body: Any, model: str, max_length: int, learner: str = "textual") -> None:
    """Raises LearnerError where a network reads no texts, or has fewer places or words than texts may have tokens."""
    check_kind(model, body.config)
    if body.device.type != "meta":  # there it has shapes only, and nothing that could read
        _read_one_token(body, model)
    words = len(load_tokenizer(model))
    if words > body.config.vocab_size:
        known = f"the tokenizer of {model} has {words:,} words, the network only {body.config.vocab_size:,}"
        raise LearnerError(f"{learner}: {known}: they are not of one model.")
    positions = getattr(body.config, "max_position_embeddings", None) or -1
    for module in body.modules():
        if isinstance(module, nn.Embedding) and module.num_embeddings == positions and module.padding_idx is not None:
            positions -= module.padding_idx + 1  # RoBERTa's first positions are of padding
            break
    if 0 < positions < max_length:
        limit = f"{model} reads {positions} tokens at most; max_length = {max_length} is too long"
        raise LearnerError(f"{learner}: {limit}: set max_length = {positions}, or less.")


def _read_one_token(body: Any, model: str) -> None:
    """Raises LearnerError where the network wants something else than tokens: images or sounds."""
    one, training = torch.zeros((1, 1), dtype=torch.long, device=body.device), body.training
    try:
        with torch.no_grad():
            body.eval()(input_ids=one, attention_mask=torch.ones_like(one))
    except Exception as error:  # whatever its layers say
        raise no_text_network(model, body.config, first_line(error)) from error
    finally:
        body.train(training)


def layers_of(body: Any) -> nn.ModuleList:
    """The layers of a network, lowest first: its list of as many modules as its configuration says; none in some."""
    count = body.config.num_hidden_layers
    lists = [module for module in body.modules() if isinstance(module, nn.ModuleList) and len(module) == count > 0]
    blocks = [modules for modules in lists if any(True for _ in modules[0].children())]  # not of embeddings
    return blocks[0] if len(blocks) == 1 else nn.ModuleList()  # XLM keeps the parts of its layers in lists of their own
