"""Files that processes which are gone have left in a run folder, and their removal."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ensemble.errors import StoreError
from ensemble.system.claims import FILE as CLAIM
from ensemble.system.claims import owner_of, remove_void_claim
from ensemble.system.files import read_json, writer_of
from ensemble.system.folders import delete_path, files_below
from ensemble.system.processes import is_dead
from ensemble.system.progress import FILE as PROGRESS

OLD = 3600.0  # seconds: no file is written for so long
REPORT = f"base/*/*/seed-*/fold-*/{PROGRESS}"


def remove_stale_files(root: Path, clock: Callable[[], float] = time.time) -> None:
    """Remove the temporary files, claims and reports of processes that are gone; never those of one at work, nor what
    other programs keep here.
    """
    for path in files_below(root):
        with suppress(OSError, StoreError):  # somebody else was faster, or the folder is read only
            if is_stale(path, clock):
                delete_path(path)
            elif path.name == CLAIM and "token" in read_json(path):
                remove_void_claim(path.parent)


def is_stale(path: Path, clock: Callable[[], float] = time.time) -> bool:
    """Whether a file is one that a process which is gone was writing, or a job's report that nobody is at.

    Of another machine's processes only files that have not changed for an hour by the ``clock`` count as left behind.
    """
    if path.is_symlink():  # none of ours
        return False
    if path.match(REPORT):
        return owner_of(path.parent) is None
    writer = writer_of(path)
    gone = False if writer is None else is_dead(writer)
    try:
        return clock() - path.stat().st_mtime > OLD if gone is None else gone
    except FileNotFoundError:  # it has its name by now
        return False
