"""How texts reach a network: cleaned, translated, tokenised."""

import numpy as np
import numpy.typing as npt

from base_models.textual.reading import count_foreign, read_texts
from base_models.textual.tokens import TokenExamples, TokenSource, count_texts
from ensemble.data import Dataset


class TextSource:
    """``clean`` and ``translator`` as ``read_texts`` takes them."""

    views = 1

    def __init__(self, tokens: TokenSource, clean: bool = False, translator: str | None = None) -> None:
        self.tokens = tokens
        self.clean = clean
        self.translator = translator

    def fill(self, data: Dataset) -> None:
        self.tokens.fill(data)
        self.tokens.warn_of_cut(data)

    def read(self, data: Dataset) -> Dataset:
        return read_texts(data, self.clean, self.translator, self.tokens.cache)

    def known(self, data: Dataset) -> npt.NDArray[np.intp]:
        return np.flatnonzero([text is not None for text in data.texts])

    def count(self, data: Dataset, read: Dataset) -> dict[str, int]:
        known = self.known(read)
        examples = self.tokens.of(read.take(known)) if len(known) else None
        translated = {} if self.translator is None else {"translated": count_foreign(data)}
        return {**count_texts(read, examples), **translated}

    def examples(self, read: Dataset, views: int, training: bool) -> TokenExamples:
        return self.tokens.of(read)
