"""What all modalities of files have in common: which are on very many posts, missing, or of no use."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from ensemble.content.copies import is_frequent, positions_by_key
from ensemble.content.file_kinds import GONE
from ensemble.content.file_scan import NO_PATH, WRITTEN_OUT
from ensemble.errors import shortened
from ensemble.modalities import Cells, Scan

FEW = 5


class LostFiles(TypedDict):
    """Files that are not there and files that cannot be read, the first few by name."""

    missing: int
    missing_first: list[str]
    unreadable: int
    unreadable_first: list[str]


def frequent_files(kind: str, cells: Cells, keys: Cells) -> dict[str, npt.NDArray[np.int64]]:
    """Positions of posts whose file very many share, by its name in messages."""
    found = positions_by_key(keys).values()
    return {f"{kind} {cells[rows[0]]}": rows for rows in found if is_frequent(len(rows), len(cells))}


def lost_files(scan: Scan) -> LostFiles:
    problems = scan.problems
    gone = problems["problem"].isin([GONE, NO_PATH]) | problems["problem"].astype(str).str.endswith(WRITTEN_OUT)
    unreadable = problems[~gone]
    return {
        "missing": int(scan.frame["path"].isna().sum() + gone.sum()),
        "missing_first": [_short(path) for path in problems[gone]["path"].head(FEW)],
        "unreadable": len(unreadable),
        "unreadable_first": [f"{_short(row.path)}: {row.problem}" for row in unreadable.head(FEW).itertuples()],
    }


def lost_lines(plural: str, found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"{plural} missing", with_first(found["missing"], found["missing_first"])),
        (f"{plural} unreadable", with_first(found["unreadable"], found["unreadable_first"])),
    ]


def with_first(count: int, first: Sequence[str]) -> str:
    return f"{count:,}" + (f" ({', '.join(first)}{', ...' if count > len(first) else ''})" if first else "")


def some_files(scan: Scan, odd: "npt.NDArray[np.bool_]", what: Sequence[object] = ()) -> list[str]:
    """The first few names of ``odd`` rows, with ``what`` is odd of each, (rows,), where given."""
    chosen = np.flatnonzero(odd)[:FEW]
    paths = [_short(scan.frame["path"].iloc[row]) for row in chosen]
    return [f"{path}: {what[row]}" for path, row in zip(paths, chosen, strict=True)] if len(what) else paths


def _short(path: object) -> str:
    return shortened(str(path), 50)


def counted(values: Sequence[object]) -> dict[str, int]:
    """How often each value is there, the most frequent first."""
    found, counts = np.unique(np.array([str(value) for value in values], dtype=object), return_counts=True)
    return {str(found[n]): int(counts[n]) for n in np.argsort(-counts, kind="stable")}


def listed(counts: Mapping[str, int], shown: int = 5) -> str:
    """``16,000 Hz (719), 48,000 Hz (1)``, the most frequent first."""
    names = [f"{name} ({count:,})" for name, count in list(counts.items())[:shown]]
    return ", ".join(names) + (f" and {len(counts) - shown} others" if len(counts) > shown else "")
