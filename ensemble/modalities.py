"""What a post consists of: the modalities by name, what a learner looks at, and the words for it."""

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from ensemble.errors import ConfigError, unknown
from ensemble.registry import resolve
from ensemble.system.progress import Track

# A modality more: its class, and a line here. Cells stand in the column of its name; a table may lack it.
MODALITIES = {
    "text": "ensemble.content.text:Text",
    "image": "ensemble.content.image:Image",
    "audio": "ensemble.content.audio:Audio",
    "video": "ensemble.content.video:Video",
}
BOTH = frozenset({"text", "image"})  # as reports and records name the two together
UNKNOWN, NOTHING = "unknown", "none"  # of a learner that does not say, and of one that looks at nothing

Cells = Sequence[str | None]
Pairs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scan:
    """What one look at every cell of a modality found, one row per post; ``problem`` says why a cell cannot be used.
    ``cache`` is the folder where it is kept, and may be what is made of it."""

    frame: pd.DataFrame
    cache: Path | None = None

    @property
    def problems(self) -> pd.DataFrame:
        """Rows whose content is named in the table but cannot be used: ``path``, ``problem``."""
        return self.frame.loc[self.frame["problem"].notna(), ["path", "problem"]]

    @classmethod
    def nothing(cls, rows: int) -> "Scan":
        """Of cells that hold their content themselves."""
        return cls(pd.DataFrame({"path": None, "problem": None}, index=range(rows), dtype=object))


Scans = Mapping[str, Scan]  # by modality


@dataclass(frozen=True)
class Media:
    """A small file that a page may hold: of the type ``image/...`` a picture, of ``audio/...`` something to play."""

    type: str
    data: bytes

    @property
    def uri(self) -> str:
        """The whole file as an address, so that the page needs no other."""
        return f"data:{self.type};base64,{b64encode(self.data).decode()}"


@dataclass(frozen=True)
class Preview:
    """What a report may show of a cell: text, or media; else the ``problem``."""

    text: str = ""
    media: tuple[Media, ...] = ()
    problem: str = ""


class Modality(Protocol):
    """What sets one modality apart from the others; without state. A cell is a string, such as a text or the path of a
    file below ``root``; None where a post has none."""

    plural: str  # "texts": in messages, and in the audit
    carries: tuple[str, ...]  # modalities whose cells its own serve as, where a table has no column of them
    copies_named: Mapping[str, str]  # the keys of ``count_copies``, in words

    def key(self, cell: str, root: Path) -> str:
        """Equal for equal contents; caches know contents by it."""
        ...

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        """Look at every cell once; where files had to be opened, ``cache`` (a folder) remembers it, and the column
        ``hash`` has their keys. Raises DataError for what must not be opened."""
        ...

    def find_copies(self, cells: Cells, keys: Cells, scan: Scan) -> dict[str, Pairs]:
        """(n, 2) positions of posts that are copies of one another, by why they are."""
        ...

    def find_placeholders(self, cells: Cells, keys: Cells) -> dict[str, npt.NDArray[np.int64]]:
        """Positions of posts that share a content without being copies of one another, such as "nan" for no text; by
        its name in messages."""
        ...

    def count_copies(self, pairs: Mapping[str, Pairs]) -> dict[str, int]:
        """For the audit, of the pairs of ``find_copies``."""
        ...

    def audit(self, frame: pd.DataFrame, cells: Cells, scan: Scan) -> Mapping[str, Any]:
        """Counts of what is odd, as plain JSON. ``frame`` is the whole table."""
        ...

    def audit_lines(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Names and values in words, of what ``audit`` returned."""
        ...

    def preview(self, cell: str | None, root: Path, row: str) -> Preview:
        """Something small and harmless to show of a cell; ``row`` is the post's id."""
        ...


def get_modality(name: str) -> Modality:
    """The modality of that name; raises ConfigError with a suggestion for another."""
    return cast(Modality, resolve(MODALITIES, "modality", name)())


def hash_column(name: str) -> str:
    """The column of the keys of a modality's cells, where a scan has filled it."""
    return f"{name}_hash"


def modalities_of(learner: object) -> tuple[str, ...] | None:
    """What a learner looks at, in the order of MODALITIES; None where it does not say."""
    modalities = getattr(learner, "modalities", None)
    if modalities is None:
        return None
    looked_at: Collection[str] = modalities()
    return tuple(name for name in MODALITIES if name in looked_at)


def describe(modalities: Collection[str] | None) -> str:
    """One word for what a learner looks at, as reports and records have it: "text", "both", "none", "unknown"."""
    if modalities is None:
        return UNKNOWN
    if set(modalities) == BOTH:
        return "both"
    return "+".join(name for name in MODALITIES if name in modalities) or NOTHING


def check_described(word: str) -> None:
    """Raises ConfigError for a word that ``describe`` would not say of a learner that looks at something."""
    names = word.split("+")
    if word not in ("both", UNKNOWN) and not (set(names) <= set(MODALITIES) and describe(names) == word):
        raise ConfigError(unknown("modality", word, (*MODALITIES, "both", UNKNOWN)))
