"""A frozen Hugging Face text encoder: one vector per text, pooled over its real tokens."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from base_models.textual.loading import check_kind, load_body, load_config, load_tokenizer
from base_models.textual.pooling import Pooling, pool
from base_models.weights import identity
from ensemble.blocks import Features
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache, Request
from ensemble.system.files import fingerprint

TEXTS_AT_ONCE = 32
BLOCK = 1024
LABEL = f"blocks of {BLOCK} texts encoded"
FEATURES = 1  # of our own pooling; raise it when the same text gives other features


class TextEncoder:
    """``model`` is a hub name or a local folder; ``layer`` None means the last, 0 the embeddings, -2 the one before.

    Texts are cut to ``max_length`` tokens. Nothing is loaded before the first text is encoded.
    """

    def __init__(self, model: str, pooling: Pooling = "mean", layer: int | None = None, max_length: int = 128) -> None:
        self.model = model
        self.pooling = pooling
        self.layer = layer
        self.max_length = max_length

    def key(self) -> str:
        """Fingerprint of everything that decides the features but the texts."""
        return "text-" + fingerprint([FEATURES, identity(self.model), self.pooling, self.layer, self.max_length])

    def layers(self) -> int:
        """How many there are above the embeddings, as the network's configuration says."""
        return int(getattr(load_config(self.model).get_text_config(), "num_hidden_layers", 0))

    def request(self, data: Dataset) -> Request:
        """What to ask of the cache for these rows."""
        return self.key(), data.text_hashes(), lambda rows: self.encode(_texts(data, rows)), BLOCK, LABEL

    def fill_layers(self, data: Dataset, layers: Sequence[int], cache: FeatureCache) -> None:
        """Fill the cache with features of several layers, in one pass."""
        keys = {TextEncoder(self.model, self.pooling, layer, self.max_length).key(): layer for layer in layers}

        def encode(lacking: Sequence[str], rows: Sequence[int]) -> list[Features]:
            return self.encode_layers(_texts(data, rows), [keys[key] for key in lacking])

        cache.fill_together(list(keys), data.text_hashes(), encode, BLOCK, LABEL)

    def encode(self, texts: Sequence[str]) -> Features:
        """(texts, width)."""
        (features,) = self.encode_layers(texts, [self.layer])
        return features

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int | None]) -> list[Features]:
        """The same of each of several layers, in one pass. Batches are of texts of similar length, so that little is
        spent on padding."""
        weights = fingerprint(identity(self.model))
        tokenizer, network = load(self.model, weights)
        _check(self.model, weights, self.max_length)
        tokens = tokenizer(list(texts), truncation=True, max_length=self.max_length)["input_ids"]
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        batches = [order[start : start + TEXTS_AT_ONCE] for start in range(0, len(order), TEXTS_AT_ONCE)]
        padding = tokenizer.pad_token_id
        encoded = [self._run(network, [tokens[row] for row in batch], padding, layers) for batch in batches]
        back = np.argsort(order)
        return [np.asarray(np.concatenate(of)[back], dtype=np.float32) for of in zip(*encoded, strict=True)]

    def _run(self, network: Any, batch: list[list[int]], padding: int, layers: Sequence[int | None]) -> list[Features]:
        import torch

        ids = torch.full((len(batch), max(1, *map(len, batch))), padding)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
            mask[row, : max(len(tokens), 1)] = 1  # a text of no tokens is one padding token
        ids, mask = ids.to(network.device), mask.to(network.device)
        with torch.inference_mode():
            states = network(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            chosen = [self._chosen(states, layer) for layer in layers]
            return [pool(each, mask, self.pooling).float().cpu().numpy() for each in chosen]

    def _chosen(self, states: Sequence[Any], layer: int | None) -> Any:
        """The layer that is asked for, of embeddings and all layers."""
        layer, top = -1 if layer is None else layer, len(states) - 1
        if not -len(states) <= layer <= top:
            raise LearnerError(
                f"frozen: text_layer = {layer}, and {self.model} has {top} above its embeddings: "
                f"set 0 to {top}, or -1 for the last."
            )
        return states[layer]


def _texts(data: Dataset, rows: Sequence[int]) -> list[str]:
    texts = data.texts
    return [texts[row] or "" for row in rows]


@lru_cache(maxsize=4)
def _check(model: str, weights: str, max_length: int) -> None:
    """Raises LearnerError where it reads no texts of this length; told once of each network."""
    from base_models.textual.network import check_tokens

    check_tokens(load(model, weights)[1], model, max_length, "frozen")


@lru_cache(maxsize=2)
def load(model: str, weights: str) -> tuple[Any, Any]:
    """``(tokenizer, network)``, once per process and ``weights`` (their fingerprint).

    Raises LearnerError where there is no such model.
    """
    from base_models.neural.inference import device

    check_kind(model, load_config(model))
    return load_tokenizer(model), load_body(model).eval().to(device())
