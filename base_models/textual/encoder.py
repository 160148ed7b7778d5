"""A frozen Hugging Face text encoder: one vector per text, pooled over its real tokens."""

import logging
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from base_models.exports import threads_of_exports
from base_models.textual.batches import Codes, in_batches
from base_models.textual.exported import as_module, find, keep
from base_models.textual.loading import check_kind, load_body, load_config, load_tokenizer
from base_models.textual.pooling import Pooling, pool
from base_models.weights import identity
from ensemble.blocks import Features
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache, Request
from ensemble.system.files import fingerprint

BLOCK = 1024
LABEL = f"blocks of {BLOCK} texts encoded"
FEATURES = 1  # of our own pooling; raise it when the same text gives other features

log = logging.getLogger("ensemble")


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

    def request(self, data: Dataset, cache: FeatureCache) -> Request:
        """What to ask of the cache for these rows. New posts are encoded by an export that is known to equal the
        network to 1e-4; what it gives has a name of its own in the cache, where no training looks for it."""
        key, hashes, texts = self.key(), data.text_hashes(), data.texts

        def encode(rows: Sequence[int]) -> Features:
            return self.encode([texts[row] or "" for row in rows])

        known = {one for one in hashes if one is not None}
        if not cache.of_new_posts or cache.count(key, known) == len(known):
            return key, hashes, encode, BLOCK, LABEL
        exported = None if cache.exports is None else find(self._export(cache.exports))
        if exported is None:
            _say_eager(self.model)
            return key, hashes, encode, BLOCK, LABEL
        encode_new = exported.encode

        def encode_unknown(rows: Sequence[int]) -> Features:
            found = cache.find(key, [hashes[row] for row in rows])
            lacking = [texts[row] or "" for row, one in zip(rows, found, strict=True) if one is None]
            new = iter(encode_new(lacking) if lacking else ())
            return np.stack([next(new) if one is None else one for one in found])

        return "text-exported-" + fingerprint([key, exported.sha256]), hashes, encode_unknown, BLOCK, LABEL

    def keep_export(self, cache: FeatureCache) -> None:
        """Where texts of a training were encoded here, on a CPU: export the network for new posts."""
        if cache.of_new_posts or cache.exports is None or self.key() not in cache.spent:
            return
        tokenizer, network = load(self.model, fingerprint(identity(self.model)))
        if getattr(tokenizer, "is_fast", False) and network.device.type == "cpu":
            pooled = as_module(network, lambda ids, mask: self._pooled(network, [self.layer], ids, mask)[0])
            keep(self._export(cache.exports), tokenizer, pooled, self.max_length, self.encode)

    def _export(self, folder: Path) -> Path:
        return folder / f"{self.key()}.onnx"

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
        return in_batches(tokens, tokenizer.pad_token_id, partial(self._run, network, layers))

    def _run(self, network: Any, layers: Sequence[int | None], ids: Codes, mask: Codes) -> list[Features]:
        import torch

        with torch.inference_mode():
            given = [torch.from_numpy(each).to(network.device) for each in (ids, mask)]
            return [each.float().cpu().numpy() for each in self._pooled(network, layers, *given)]

    def _pooled(self, network: Any, layers: Sequence[int | None], ids: Any, mask: Any) -> list[Any]:
        states = network(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        return [pool(self._chosen(states, layer), mask, self.pooling) for layer in layers]

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


@lru_cache
def _say_eager(model: str) -> None:
    """Once, where nothing else is to blame for the seconds that PyTorch takes to load."""
    if threads_of_exports() is not None:
        log.warning("%s: the run's cache has no export of it that fits, so PyTorch encodes these texts, slower.", model)


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
