"""What processes that were killed leave in a run folder, and how it goes."""

import os
import time
from contextlib import suppress
from pathlib import Path

from ensemble.claims import FILE as CLAIM
from ensemble.claims import owner_of, tidy
from ensemble.processes import left_by_the_dead
from ensemble.progress import FILE as PROGRESS

OLD = 3600.0  # seconds: no file is written for so long


def sweep(root: Path) -> None:
    """Remove the temporary files, claims and reports of processes that are gone; never those of one at work.

    Of another machine's processes only files that have not changed for an hour are taken for left.
    """
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            with suppress(OSError):  # somebody else was faster, or the folder is read only
                if name.endswith(".tmp") and name.startswith(".") and is_left(path):
                    path.unlink()
                elif name == CLAIM:
                    tidy(path.parent)
                elif name == PROGRESS and owner_of(path.parent) is None:
                    path.unlink()


def is_left(path: Path) -> bool:
    left = left_by_the_dead(path.suffixes[-2].removeprefix(".") if len(path.suffixes) > 1 else "")
    return time.time() - path.stat().st_mtime > OLD if left is None else left
