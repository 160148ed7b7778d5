"""A frozen Hugging Face text encoder: one vector per text, pooled over its real tokens."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from base_models.weights import identity
from ensemble.errors import LearnerError
from ensemble.files import fingerprint

Features = npt.NDArray[np.float32]
Pooling = Literal["mean", "first", "last", "max"]
TEXTS_AT_ONCE = 32


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
        return "text-" + fingerprint([identity(self.model), self.pooling, self.layer, self.max_length])

    def encode(self, texts: Sequence[str]) -> Features:
        """(texts, width). Batches are of texts of similar length, so that little is spent on padding."""
        tokens = self._tokenizer(list(texts), truncation=True, max_length=self.max_length)["input_ids"]
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        parts = []
        for start in range(0, len(order), TEXTS_AT_ONCE):
            parts.append(self._run([tokens[position] for position in order[start : start + TEXTS_AT_ONCE]]))
        features = np.concatenate(parts)
        return np.asarray(features[np.argsort(order)], dtype=np.float32)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        tokenizer = self._load(AutoTokenizer.from_pretrained)
        if tokenizer.pad_token is None:  # GPT-2 has none; padding is masked, so any token serves
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer

    @cached_property
    def _run(self) -> Callable[[list[list[int]]], Features]:
        import torch
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = self._load(lambda name: AutoModel.from_pretrained(name, dtype=torch.float32)).to(device).eval()
        padding = self._tokenizer.pad_token_id
        chosen = -1 if self.layer is None else self.layer

        def run(batch: list[list[int]]) -> Features:
            longest = max(max(map(len, batch)), 1)
            ids = torch.full((len(batch), longest), padding)
            mask = torch.zeros((len(batch), longest), dtype=torch.long)
            for row, tokens in enumerate(batch):
                ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
                mask[row, : max(len(tokens), 1)] = 1
            with torch.inference_mode():
                states = network(
                    input_ids=ids.to(device), attention_mask=mask.to(device), output_hidden_states=True
                ).hidden_states[chosen]
                features: Features = pool(states, mask.to(device), self.pooling).float().cpu().numpy()
                return features

        return run

    def _load(self, load: Callable[[str], Any]) -> Any:
        identity(self.model)  # a missing folder is not a hub name
        name = str(Path(self.model).resolve()) if Path(self.model).is_dir() else self.model
        try:
            return load(name)
        except (OSError, ValueError, ImportError) as error:
            reason = str(error).strip().splitlines()[0]
            raise LearnerError(
                f"Cannot load text model {self.model!r}: {reason}. Give a hub name, or a local folder with config.json, "
                "tokenizer files and model.safetensors."
            ) from error


def pool(states: Any, mask: Any, how: Pooling) -> Any:
    """(texts, width) from (texts, tokens, width); only tokens with ``mask`` 1 count."""
    if how == "first":
        return states[:, 0]
    if how == "last":
        return states[range(len(states)), mask.sum(dim=1) - 1]
    if how == "max":
        return states.masked_fill(mask[..., None] == 0, float("-inf")).amax(dim=1)
    return (states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
