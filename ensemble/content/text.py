"""The modality text: each cell is the text itself."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.content.copies import equal_pairs, is_frequent, positions_by_key, without
from ensemble.content.languages import UNDETERMINED, count_languages
from ensemble.content.texts import CONTROL, RIGHT_TO_LEFT, WORD, normalise, says_nothing
from ensemble.modalities import Cells, Pairs, Preview, Scan
from ensemble.system.progress import Track

MANY = 8
LONGEST_SHOWN = 40
LANGUAGES_OF = 25_000  # texts, two seconds; of more a sample says how many are of each, to one in a hundred of all
SAMPLE = 10_000


class TextAudit(TypedDict):
    """Texts by what is odd about them; ``encodings`` and ``languages`` count texts by name, the latter of a sample out
    of so many where there is ``languages_sampled_from``."""

    missing: int
    without_words: int
    right_to_left: int
    control_characters: int
    longest: int
    encodings: dict[str, int]
    languages: dict[str, int]
    languages_sampled_from: NotRequired[int]


class Text:
    plural = "texts"
    carries = ()
    copies_named: Mapping[str, str] = {"same_text_rows": "rows sharing a text"}

    def key(self, cell: str, root: Path) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(cell.encode()).hexdigest()

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        return Scan.nothing(len(cells))

    def find_copies(self, cells: Cells, keys: Cells, scan: Scan) -> dict[str, Pairs]:
        """Texts that are equal once normalised; empty ones and placeholders match nothing."""
        texts = _normalised(cells)
        return {"same_text": equal_pairs(without(texts, _placeholders(texts, cells)))}

    def find_placeholders(self, cells: Cells, keys: Cells) -> dict[str, npt.NDArray[np.int64]]:
        """Texts that say there is none, texts without a letter or digit, and texts of very many posts."""
        return _placeholders(_normalised(cells), cells)

    def count_copies(self, pairs: Mapping[str, Pairs]) -> dict[str, int]:
        return {"same_text_rows": len(np.unique(pairs["same_text"]))}

    def audit(self, frame: pd.DataFrame, cells: Cells, scan: Scan) -> TextAudit:
        known = [text for text in cells if text is not None]
        told = known if len(known) <= LANGUAGES_OF else _spread(known, SAMPLE)
        encodings = frame["text_encoding"].value_counts().items() if "text_encoding" in frame else ()
        found: TextAudit = {
            "missing": len(cells) - len(known),
            "without_words": sum(WORD.search(text) is None for text in known),
            "right_to_left": sum(RIGHT_TO_LEFT.search(text) is not None for text in known),
            "control_characters": sum(CONTROL.search(text) is not None for text in known),
            "longest": max(map(len, known), default=0),
            "encodings": {str(name): int(number) for name, number in encodings},
            "languages": count_languages(told),
        }
        return found if told is known else {**found, "languages_sampled_from": len(known)}

    def audit_lines(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [
            ("texts missing", f"{found['missing']:,}"),
            ("texts without a letter or digit", f"{found['without_words']:,}"),
            ("texts partly right to left", f"{found['right_to_left']:,}"),
            ("texts with control characters", f"{found['control_characters']:,}"),
            ("longest text", f"{found['longest']:,} characters"),
            ("text encodings", ", ".join(f"{name} {number:,}" for name, number in found["encodings"].items())),
            ("languages", _languages(found["languages"], found.get("languages_sampled_from"))),
        ]

    def preview(self, cell: str | None, root: Path, row: str) -> Preview:
        return Preview(text=cell or "")


def _normalised(cells: Cells) -> list[str | None]:
    return [normalise(text) or None for text in cells]


def _placeholders(normalised: Cells, cells: Cells) -> dict[str, npt.NDArray[np.int64]]:
    return {
        f"text {_shortened(cells[rows[0]] or '')!r}": rows
        for text, rows in positions_by_key(normalised).items()
        if is_frequent(len(rows), len(cells)) or says_nothing(str(text))
    }


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 3] + "..."


def _spread(texts: Sequence[str], count: int) -> list[str]:
    """So many of the texts, evenly spread, as tables are often sorted."""
    return [texts[row] for row in np.linspace(0, len(texts) - 1, count).astype(int)]


def _languages(counts: Mapping[str, int], sampled_from: int | None) -> str:
    """The most frequent languages, the others as one, and how many texts there are."""
    known = [(name, number) for name, number in counts.items() if name != UNDETERMINED]
    shown = [f"{name} {number:,}" for name, number in known[:MANY]]
    if len(known) > MANY:
        shown.append(f"{len(known) - MANY} others {sum(number for _, number in known[MANY:]):,}")
    if UNDETERMINED in counts:
        shown.append(f"undetermined {counts[UNDETERMINED]:,}")
    spread = f" spread evenly over {sampled_from:,}" if sampled_from else ""
    return f"{', '.join(shown)}, of {sum(counts.values()):,} texts{spread}" if shown else ""
