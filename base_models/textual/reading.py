"""Texts as a learner reads them."""

import re

from ensemble.data import Dataset
from ensemble.features import FeatureCache


def read_texts(data: Dataset, clean: bool, translator: str | None, cache: FeatureCache) -> Dataset:
    """The same posts with their texts replaced."""
    if not clean and translator is None:
        return data
    return data.with_columns(
        text=[None if text is None else re.sub(r"https?://\S+|#", " ", text) for text in data.texts]
    )
