"""Which files Python code writes while it is watched, wherever they are."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_watching: list[set[Path]] = []
_heard: list[bool] = []  # whether Python tells us already; it cannot be told to stop


@contextmanager
def watched() -> Iterator[set[Path]]:
    """The set that gets the absolute path of every file or folder that is opened for writing, made, moved or deleted
    inside. Libraries that are not written in Python may write without being seen."""
    if not _heard:
        sys.addaudithook(_hear)
        _heard.append(True)
    found: set[Path] = set()
    _watching.append(found)
    try:
        yield found
    finally:
        _watching.remove(found)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if not _watching or (event != "open" and event not in CHANGES):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
        return
    for path in arguments[: 2 if event == "os.rename" else 1]:
        if isinstance(path, str | bytes | os.PathLike):
            for found in _watching:
                found.add(Path(os.path.abspath(os.fsdecode(path))))
