"""Which language each text is in, as far as it can be told."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ensemble.content.cleaning import clean

CERTAIN = 0.5  # of the probability
ENOUGH = 2000  # characters tell the language of the longest text
UNDETERMINED = "und"
NO_LANGUAGE = "zxx"  # numbers, marks, identifiers


def detect(texts: Sequence[str | None]) -> list[str | None]:
    """The ISO 639-1 code of each text; None where a text is missing, or too short or too mixed to tell.

    Links, names and stamps of sites do not count. Of 139 languages py3langid knows those with such a code are asked
    for, so that dialects count as the language nearest to them. A text is of the likeliest language if that has at
    least half of the probability: on MVSA and Memotion, what is then said to be foreign is so but for a handful of
    names in capitals; below that it is as often wrong as right.
    """
    return [None if text is None else _language(text) for text in texts]


def count_languages(texts: Sequence[str | None]) -> dict[str, int]:
    """Texts of each language, most first, then ``und`` (undetermined); missing texts are not counted."""
    found = detect([text for text in texts if text is not None])
    counts = Counter(language or UNDETERMINED for language in found)
    return dict(sorted(counts.items(), key=lambda item: (item[0] == UNDETERMINED, -item[1], item[0])))


@lru_cache(maxsize=1 << 17)
def _language(text: str) -> str | None:
    language, probability = _identifier().classify(clean(text)[:ENOUGH].lower())
    return str(language) if probability >= CERTAIN and language != NO_LANGUAGE else None


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """Reads its model, 5 MB of arrays in the package, in about a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([code for code in identifier.labels if len(code) == 2 or code == NO_LANGUAGE])
    return identifier
