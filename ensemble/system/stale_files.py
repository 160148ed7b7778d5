"""What processes that were killed leave in a run folder, and how it goes."""

import os
import time
from contextlib import suppress
from pathlib import Path

from ensemble.errors import StoreError
from ensemble.system.claims import FILE as CLAIM
from ensemble.system.claims import owner_of, tidy
from ensemble.system.files import read_json, writer_of
from ensemble.system.processes import left_by_the_dead
from ensemble.system.progress import FILE as PROGRESS

OLD = 3600.0  # seconds: no file is written for so long
REPORT = f"base/*/*/seed-*/fold-*/{PROGRESS}"


def remove_stale_files(root: Path) -> None:
    """Remove the temporary files, claims and reports of processes that are gone; never those of one at work, nor what
    other programs keep here.
    """
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            with suppress(OSError, StoreError):  # somebody else was faster, or the folder is read only
                if is_stale(path):
                    path.unlink()
                elif name == CLAIM and "token" in read_json(path):
                    tidy(path.parent)


def is_stale(path: Path) -> bool:
    """Whether a file is one that a process which is gone was writing, or a job's report that nobody is at.

    Of another machine's processes only files that have not changed for an hour are taken for left.
    """
    if path.match(REPORT):
        return owner_of(path.parent) is None
    writer = writer_of(path)
    left = False if writer is None else left_by_the_dead(writer)
    try:
        return time.time() - path.stat().st_mtime > OLD if left is None else left
    except FileNotFoundError:  # it has its name by now
        return False
