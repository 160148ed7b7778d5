"""Ctrl-C, or a cluster's SIGTERM: once ends what is under way in good order, twice ends it at once."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_asked = False
_deferred: list[Callable[[], None]] = []


def listen(*numbers: int) -> None:
    """From here on this process, in its main thread, heeds these signals, by default both; it was asked nothing yet."""
    global _asked
    _asked = False
    for number in numbers or (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _heard)


def follow() -> None:
    """The same for a process that works for another one: a terminal's Ctrl-C is that one's to pass on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _heard)


def asked() -> bool:
    """Whether to come to an end."""
    return _asked


@contextmanager
def deferred(pass_on: Callable[[], None] = lambda: None) -> Iterator[None]:
    """What is inside is brought to its end first; it may look whether it is ``asked`` to hurry.

    ``pass_on`` is called when the signal comes. Raises KeyboardInterrupt at the end, where one came.
    """
    _deferred.append(pass_on)
    try:
        yield
    finally:
        _deferred.pop()
    if _asked and not _deferred:
        raise KeyboardInterrupt


def _heard(number: int, frame: FrameType | None) -> None:
    global _asked
    if _asked or not _deferred:
        _asked = True
        raise KeyboardInterrupt
    _asked = True
    os.write(sys.stderr.fileno(), b"\nStopping once what is under way is saved; again stops at once.\n")
    for pass_on in _deferred:
        pass_on()
