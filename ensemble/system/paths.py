"""Where relative paths of a configuration begin. No working folder changes for it: a process may open several runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_home: ContextVar[Path] = ContextVar("the folder where relative paths begin")


@contextmanager
def relative_to(home: Path) -> Iterator[None]:
    """Inside, ``locate`` finds relative paths below ``home``; without it they begin at the working folder."""
    token = _home.set(home)
    try:
        yield
    finally:
        _home.reset(token)


def locate(path: str | Path) -> Path:
    """The place of a path that a configuration names."""
    return _home.get(Path()) / Path(path).expanduser()


def relative_path(path: Path, start: Path) -> str:
    """An absolute path as seen from a folder, with / on every system."""
    return Path(os.path.relpath(path, start)).as_posix()
