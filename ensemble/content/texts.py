"""Texts: what two copies of one share, and what is odd in one."""

import re
import unicodedata

LINK = re.compile(r"https?://\S+")
SPACE = re.compile(r"\s+")
WORD = re.compile(r"[^\W_]")  # a letter or a digit
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tab and line ends
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")  # Hebrew to Arabic, and their forms

# What programs and sites write where there is no text, once normalised.
PLACEHOLDERS = frozenset(
    """nan|<na>|nat|none|null|nil|n/a|#n/a|undefined|empty|missing|no text|no caption|deleted|[deleted]|removed
|[removed]|image no longer available|no longer available|not available
|this tweet is unavailable|this content is unavailable|content not available""".replace("\n", "").split("|")
)


def says_nothing(normalised: str) -> bool:
    """Whether a normalised text is a placeholder, or has no letter and no digit."""
    return normalised.strip(" .!'\"") in PLACEHOLDERS or WORD.search(normalised) is None


def normalise(text: str | None) -> str:
    """What two copies of one text share: case, white space, Unicode form and links do not count."""
    if text is None:
        return ""
    folded = unicodedata.normalize("NFKC", LINK.sub(" ", text)).casefold()
    return SPACE.sub(" ", folded).strip()
