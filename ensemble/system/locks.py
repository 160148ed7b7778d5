"""One process at a time in a folder. The lock of a killed process is void."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ensemble.system.files import unwritable

FILE = ".lock"


@contextmanager
def hold(folder: Path, wait: bool = True) -> Iterator[None]:
    """Make the folder and lock it; raises filelock's Timeout where another process is in it and ``wait`` is false."""
    lock = FileLock(folder / FILE, timeout=-1 if wait else 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()
