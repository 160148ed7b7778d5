"""What text networks read of a post: its text as it is, cleaned, translated into English, or both."""

from ensemble.content.cleaning import clean as cleaned
from ensemble.content.languages import detect
from ensemble.data import Dataset
from ensemble.features import FeatureCache

OURS = "en"


def read_texts(data: Dataset, clean: bool, translator: str | None, cache: FeatureCache) -> Dataset:
    """The same posts with the texts to be read; the data themselves where nothing is asked for.

    Texts are cleaned first, then those in another language than English are translated by ``translator``: a model of
    translation copies links and names or stumbles over them, and leaves "#feliz" as it is but turns "feliz" into
    "happy". Texts whose language cannot be told stay; a missing one stays missing, one of nothing but links becomes
    the empty text. Raises LearnerError where there is no such translator.
    """
    if clean:
        data = data.with_columns(text=[None if text is None else cleaned(text) for text in data.texts])
    if translator is None:
        return data
    from base_models.textual.translation import Translator

    foreign = _foreign(data)
    hashes = [key if known else None for key, known in zip(data.text_hashes(), foreign, strict=True)]
    texts = [text or "" for text in data.texts]
    read = Translator(translator).read(texts, hashes, cache)
    known = [new if old is not None else None for new, old in zip(read, data.texts, strict=True)]
    return data.with_columns(text=known)


def count_foreign(data: Dataset) -> int:
    """How many of these texts, cleaned or not, ``read_texts`` translates."""
    return sum(_foreign(data))


def _foreign(data: Dataset) -> list[bool]:
    return [language not in (None, OURS) for language in detect(data.texts)]
