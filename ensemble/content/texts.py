"""Texts: what two copies of one share, and what is odd in one."""

import re
import unicodedata

LINK = re.compile(r"https?://\S+")
SPACE = re.compile(r"\s+")
WORD = re.compile(r"[^\W_]")  # a letter or a digit
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tab and line ends
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")  # Hebrew to Arabic, and their forms


def normalise(text: str | None) -> str:
    """What two copies of one text share: case, white space, Unicode form and links do not count."""
    if text is None:
        return ""
    folded = unicodedata.normalize("NFKC", LINK.sub(" ", text)).casefold()
    return SPACE.sub(" ", folded).strip()
