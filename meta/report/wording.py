"""How numbers and names are written wherever people read them."""

import re
from collections.abc import Mapping
from typing import Any

SPOKEN = {
    "soft_vote": "plain mean",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "ece": "ECE",
}
# Control characters but tab and newline, halves of surrogate pairs, and code points that are no characters.
UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def interval(scored: Mapping[str, Any] | None, sign: str = "") -> str:
    """``.599 [.580, .617]``"""
    if not scored or scored.get("value") is None:
        return "-"
    value = short(scored["value"], sign)
    if scored.get("low") is None:
        return value
    return f"{value} [{short(scored['low'], sign)}, {short(scored['high'], sign)}]"


def short(value: float, sign: str = "") -> str:
    """Three decimals without a leading zero."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:{sign}.3f}"


def bounds(scored: Mapping[str, Any] | None) -> str:
    """``[.580, .617]``"""
    return interval(scored).partition(" ")[2]


def spoken(name: str) -> str:
    """A metric's or a candidate's name in words."""
    return SPOKEN.get(name, name.replace("_", " "))


def plain(text: object) -> str:
    """The text with a replacement character for everything that no page can show."""
    return UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", str(text))


def cut(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, an ellipsis for what is left out."""
    line = " ".join(plain(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
