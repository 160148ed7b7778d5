"""Texts as sequences: states of all tokens, the special ones too, under any Hugging Face text encoder."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from base_models.sequences.layers import Layer, of_layers, watched
from base_models.textual.encoder import load
from base_models.weights import identity
from ensemble.blocks import Array, Ragged
from ensemble.data import Dataset
from ensemble.system.files import fingerprint

ENCODED = 1  # of our own handling; raise it when the same text gives other states


class TokenEncoder:
    """``model`` is a hub name or a local folder. Texts are cut to ``max_length`` tokens. ``learner`` is who asks.

    Nothing is loaded before the first text is encoded.
    """

    modality = "text"
    contents = "texts"
    block = 64

    def __init__(self, model: str, max_length: int = 128, learner: str = "uegd") -> None:
        self.model = model
        self.max_length = max_length
        self.learner = learner

    @property
    def key(self) -> str:
        return fingerprint([ENCODED, identity(self.model), self.max_length])

    @property
    def layers(self) -> int:
        from base_models.textual.network import layers_of

        return len(layers_of(self._loaded()[1]))

    @property
    def width(self) -> int:
        return int(self._loaded()[1].config.hidden_size)

    def encode(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        """(tokens, width) of each text."""
        from base_models.textual.network import check_tokens

        tokenizer, network = self._loaded()
        check_tokens(network, self.model, self.max_length, self.learner)
        texts = data.texts
        cut = tokenizer([texts[row] or "" for row in rows], truncation=True, max_length=self.max_length)["input_ids"]
        states = [self._run(network, ids or [tokenizer.pad_token_id], layers) for ids in cut]
        return [Ragged.of(list(of_layer)) for of_layer in zip(*states, strict=True)]

    def _run(self, network: Any, ids: list[int], layers: Sequence[Layer]) -> list[Array]:
        """Of one text: in a batch, padding and the number of texts would change the last bits."""
        import torch

        from base_models.textual.network import layers_of

        batch = torch.tensor([ids], device=network.device)
        with torch.inference_mode(), watched(layers_of(network), lambda states: states.reshape(len(ids), -1)) as states:
            last = network(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state[0]
            chosen = of_layers(states, last, layers, self.model)
            return [np.asarray(state.half().cpu().numpy()) for state in chosen]

    def _loaded(self) -> tuple[Any, Any]:
        return load(self.model, fingerprint(identity(self.model)))
