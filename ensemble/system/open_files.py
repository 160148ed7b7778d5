"""How many files a process may keep open: as many as the system lets it, which is more than it has at first."""

import errno
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TypeVar

from ensemble.errors import StoreError

SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # the last is of maps
Opened = TypeVar("Opened")


def kept_open(read: Callable[[], Opened]) -> Opened:
    """What ``read`` gives, which keeps files open; raises StoreError where these become too many."""
    limit = raise_limit()
    try:
        return read()
    except OSError as error:
        if error.errno not in SHORT:
            raise
        raise StoreError(
            f"The feature cache needs more files open at once than this process may have ({limit}): raise the limit "
            "(`ulimit -n 100000`, or ask who runs the machine) and run the command again."
        ) from error


@lru_cache(maxsize=1)
def raise_limit() -> str:
    """To what it may be without asking, as Go and Java do; says how many files that are."""
    try:
        import resource
    except ImportError:  # Windows
        return "its system's limit"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says "any number" and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return f"{soft:,}"
