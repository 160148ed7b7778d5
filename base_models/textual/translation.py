"""Texts that are not English, translated once and kept in the feature cache."""

from collections.abc import Sequence
from functools import cached_property, partial
from itertools import chain
from typing import Any

import numpy as np
import torch

from base_models.neural.inference import device, in_parts, rows_at_once
from base_models.textual.loading import load_body, load_tokenizer
from base_models.weights import identity, seeded_init
from ensemble.blocks import Ragged
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint

BLOCK = 64
TRANSLATED = 1  # of our own handling; raise it when the same text gets another translation
MOST_TOKENS = 512


class Translator:
    """A network that reads one language and writes another, by hub name or local folder.

    Any of Hugging Face that does so without being told the languages: Marian, a T5 tuned for it. A text is cut to
    what the model reads at once, at most 512 tokens, and its translation after two to four times as many; words are
    chosen as the model's own generation settings say (greedily or by beams), never drawn.
    """

    def __init__(self, model: str) -> None:
        self.model = model

    @property
    def key(self) -> str:
        """Fingerprint of what decides the translations but the texts."""
        return "translations-" + fingerprint([TRANSLATED, identity(self.model)])

    def read(self, texts: Sequence[str], hashes: Sequence[str | None], cache: FeatureCache) -> list[str]:
        """The texts, translated where there is a hash; each distinct one once, unless ``cache`` has it.

        Raises LearnerError where the model cannot be loaded, or has to be told the languages.
        """
        if not any(hashes):
            return list(texts)
        cache.fill(self.key, hashes, partial(self._encode, texts), BLOCK, f"blocks of {BLOCK} texts translated")
        kept = cache.find(self.key, hashes)
        return [text if array is None else _text(array) for text, array in zip(texts, kept, strict=True)]

    def _encode(self, texts: Sequence[str], rows: Sequence[int]) -> Ragged:
        """UTF-8 after a byte that is always there: to the cache, an empty array is one that is missing."""
        translations = self.translate([texts[row] for row in rows])
        return Ragged.of([np.frombuffer(b"=" + text.encode(), np.uint8) for text in translations])

    def translate(self, texts: Sequence[str]) -> list[str]:
        """A translation of each text, the same in any company; texts of similar length run together."""
        tokenizer, _, most = self._loaded
        tokens = tokenizer(list(texts), truncation=True, max_length=most, verbose=False)["input_ids"]
        sizes = [len(ids).bit_length() for ids in tokens]
        translations = list(texts)
        for size in sorted(set(sizes), reverse=True):
            rows = sorted((row for row in range(len(texts)) if sizes[row] == size), key=lambda row: -len(tokens[row]))
            write = partial(self._write, texts, min(most, 2 ** (size + 1) + 16))
            parts = in_parts(write, rows, rows_at_once(None) // 2, "text to translate")
            for row, new in zip(rows, chain.from_iterable(parts), strict=True):
                translations[row] = new or texts[row]
        return translations

    @torch.inference_mode()
    def _write(self, texts: Sequence[str], budget: int, rows: Sequence[int]) -> list[str]:
        """At most ``budget`` tokens for each of these texts."""
        tokenizer, network, most = self._loaded
        chosen = [texts[row] for row in rows]
        read = tokenizer(chosen, padding=True, truncation=True, max_length=most, return_tensors="pt", verbose=False)
        tokens = {name: read[name].to(network.device) for name in ("input_ids", "attention_mask")}
        written = network.generate(**tokens, do_sample=False, max_new_tokens=budget).cpu()
        return [new.strip() for new in tokenizer.batch_decode(written, skip_special_tokens=True)]

    @cached_property
    def _loaded(self) -> tuple[Any, Any, int]:
        """Tokenizer, network and how many tokens it reads at once; loaded for the first text, gone with the object."""
        tokenizer = load_tokenizer(self.model)
        if getattr(tokenizer, "src_lang", None) is not None:
            raise LearnerError(
                f"{self.model} has to be told the language of each text; give a translator that reads many without, "
                "such as Helsinki-NLP/opus-mt-mul-en."
            )
        with seeded_init(0):  # some draw what they then read
            network = load_body(self.model, "AutoModelForSeq2SeqLM").eval().to(device())
        network.generation_config.max_length = None  # ours is of the texts
        positions = getattr(network.config, "max_position_embeddings", MOST_TOKENS)
        return tokenizer, network, min(tokenizer.model_max_length, positions, MOST_TOKENS)


def _text(array: Any) -> str:
    return bytes(array[1:]).decode()
