"""Texts: what two copies of one share, and what is odd in one."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

LINK = re.compile(r"https?://\S+")
WORD = re.compile(r"[^\W_]")  # a letter or a digit
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tab and line ends
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")  # Hebrew to Arabic, and their forms

# What programs and sites write where there is no text, once normalised.
PLACEHOLDERS = frozenset(
    """nan|<na>|nat|none|null|nil|n/a|#n/a|undefined|empty|missing|no text|no caption|deleted|[deleted]|removed
|[removed]|image no longer available|no longer available|not available
|this tweet is unavailable|this content is unavailable|content not available""".replace("\n", "").split("|")
)

WHOLE = re.compile(r"([+-]?\d+)\.0+")


def says_nothing(normalised: str) -> bool:
    """Whether a normalised text is a placeholder, or has no letter and no digit."""
    return normalised.strip(" .!'\"") in PLACEHOLDERS or WORD.search(normalised) is None


def normalise(text: str | None) -> str:
    """What two copies of one text share: case, white space, Unicode form and links do not count."""
    if text is None:
        return ""
    if "://" in text:
        text = LINK.sub(" ", text)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def canonical(value: str) -> str:
    """What spellings of one label or key share: composed letters, and whole numbers without ``.0``."""
    composed = unicodedata.normalize("NFC", value)
    whole = WHOLE.fullmatch(composed)
    return whole[1] if whole else composed


def spelt_as(theirs: Iterable[str], ours: Iterable[str]) -> dict[str, str]:
    """Of their names that are none of ours, the only one of ours that is the same but for its spelling, and is not
    among theirs itself."""
    by_form: dict[str, list[str]] = {}
    for name in ours:
        by_form.setdefault(canonical(name), []).append(name)
    given = set(theirs)
    alike = {name: by_form.get(canonical(name), []) for name in given}
    meant = {name: of[0] for name, of in alike.items() if name not in of and len(of) == 1 and of[0] not in given}
    times = Counter(meant.values())
    return {name: own for name, own in meant.items() if times[own] == 1}
