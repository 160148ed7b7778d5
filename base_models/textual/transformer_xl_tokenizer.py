"""The word-level tokenizer of Transformer-XL: Moses tokenisation, and numbers split at commas and points.

Tokens and ids are those of transformers 4, which had it last.
"""

import re
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizer

from base_models.textual.transformer_xl import TransformerXL
from base_models.textual.transformer_xl_config import TransformerXLConfig
from base_models.textual.vocabulary import read_words, unpickled_words
from ensemble.errors import LearnerError

IN_NUMBER = re.compile(r"(?<=\d)[,.](?=\d)")
PROTECTED_AT_MOST = 1000  # Moses refuses more


def register() -> None:
    """Make the Auto classes of transformers know "transfo-xl", the model type of the published config.json."""
    AutoConfig.register(TransformerXLConfig.model_type, TransformerXLConfig, exist_ok=True)
    AutoModel.register(TransformerXLConfig, TransformerXL, exist_ok=True)
    AutoTokenizer.register(TransformerXLConfig, TransfoXLTokenizer, exist_ok=True)  # type: ignore[no-untyped-call]


class TransfoXLTokenizer(PreTrainedTokenizer):
    """Named as the published tokenizer_config.json may say it. The vocabulary is the first that is there of vocab.txt,
    vocab.pkl and vocab.bin; it must hold ``<eos>`` and ``<unk>``. No token is added to a text.
    """

    vocab_files_names = {  # noqa: RUF012, the library's own convention
        "vocab_file": "vocab.txt",
        "pretrained_vocab_file": "vocab.pkl",
        "pretrained_vocab_file_torch": "vocab.bin",
    }
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab_file: str | None = None,
        pretrained_vocab_file: str | None = None,
        pretrained_vocab_file_torch: str | None = None,
        lower_case: bool = False,
        **others: Any,
    ) -> None:
        from sacremoses import MosesPunctNormalizer, MosesTokenizer  # half a second that no other network needs

        pickled = pretrained_vocab_file or pretrained_vocab_file_torch
        if vocab_file:
            self.words = read_words(Path(vocab_file))
        elif pickled:
            self.words = unpickled_words(Path(pickled))
        else:
            raise LearnerError("Transformer-XL's tokenizer needs a vocabulary: vocab.txt, vocab.pkl or vocab.bin.")
        self.ids = {word: position for position, word in enumerate(self.words)}
        if not {"<eos>", "<unk>"} <= set(self.ids):
            raise LearnerError(f"The vocabulary {vocab_file or pickled} must hold <eos> and <unk>.")
        self.lower_case = lower_case
        self.punctuation, self.moses = MosesPunctNormalizer("en"), MosesTokenizer("en")
        settings = {
            "unk_token": "<unk>",
            "eos_token": "<eos>",
            "pad_token": "<eos>",  # the published vocabulary has none; padding is masked, so any token serves
            "extra_special_tokens": [word for word in ("<formula>",) if word in self.ids],  # only what has an embedding
            "special_tokens_pattern": "none",
            "lower_case": lower_case,
        }
        super().__init__(**{**settings, **others})  # type: ignore[no-untyped-call]

    @property
    def vocab_size(self) -> int:
        return len(self.words)

    def get_vocab(self) -> dict[str, int]:
        return {**self.ids, **self.added_tokens_encoder}

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        """The words of a piece of text between special tokens."""
        text = text.strip().lower() if self.lower_case else text.strip()
        protected = self.all_special_tokens if 0 < text.count("<") <= PROTECTED_AT_MOST else None
        tokens = self.moses.tokenize(
            self.punctuation.normalize(text), aggressive_dash_splits=True, escape=False, protected_patterns=protected
        )
        return [part for token in tokens for part in IN_NUMBER.sub(r" @\g<0>@ ", token).split()]

    def _convert_token_to_id(self, token: str) -> int:
        return self.ids.get(token, self.ids["<unk>"])

    def _convert_id_to_token(self, index: int) -> str:
        return self.words[index]

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str]:
        path = Path(save_directory) / f"{filename_prefix + '-' if filename_prefix else ''}vocab.txt"
        path.write_text("".join(f"{word}\n" for word in self.words), encoding="utf-8")
        return (str(path),)
