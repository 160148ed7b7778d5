"""Ctrl-C, or a cluster's SIGTERM: once ends what is under way in good order, twice ends it at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ensemble.errors import ConfigError

STDERR = 2  # of the process itself: in a notebook, `sys.stderr` is no file
_asked = False
_time_is_up = False  # and nobody but a clock has asked
_deferred = 0  # how many stretches of work, one within the other, are brought to their end first


def listen(*numbers: int) -> None:
    """From here on this process, in its main thread, heeds these signals, by default both; it was asked nothing yet."""
    global _asked
    _asked = False
    for number in numbers or (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _heard)


def listen_as_worker() -> None:
    """`listen` in a process that works for another one: a terminal's Ctrl-C is that one's to pass on, and SIGTERM may
    come from a cluster and from that one, too, so that twice is no hurry."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _told)


def asked() -> bool:
    """Whether to come to an end."""
    return _asked


@contextmanager
def deferred() -> Iterator[None]:
    """What is inside is brought to its end first; it may look whether it is ``asked`` to hurry.

    Raises KeyboardInterrupt at the end, where a signal came.
    """
    global _deferred
    _deferred += 1
    try:
        yield
    finally:
        _deferred -= 1
    if _asked and not _deferred:
        raise KeyboardInterrupt


@contextmanager
def ending_after(seconds: float) -> Iterator[None]:
    """After so many seconds what is inside is asked to come to an end, as by Ctrl-C; ends so and by no error, unless a
    person, too, has asked. Raises ConfigError where no alarm can ring: on Windows, and in all but the main thread."""
    global _asked, _time_is_up
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        raise ConfigError("--budget needs an alarm: Linux or macOS, and the main thread of Python. Leave it out here.")
    before = signal.signal(signal.SIGALRM, _rung)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
    try:
        yield
    except KeyboardInterrupt:
        if not _time_is_up:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if _time_is_up:
            _asked = _time_is_up = False


def _say(line: bytes) -> None:
    """In one step, as a handler of signals may: whatever was interrupted may be printing."""
    with suppress(OSError):
        os.write(STDERR, b"\n" + line + b"\n")


def _rung(number: int, frame: FrameType | None) -> None:
    global _asked, _time_is_up
    if _asked:
        return
    _asked = _time_is_up = True
    if not _deferred:
        raise KeyboardInterrupt
    _say(b"The time is up: what is under way is saved.")


def _heard(number: int, frame: FrameType | None) -> None:
    global _asked, _time_is_up
    _time_is_up = False  # a person wants more than the clock
    if _asked or not _deferred:
        _asked = True
        raise KeyboardInterrupt
    _asked = True
    _say(b"Stopping once what is under way is saved; again stops at once.")


def _told(number: int, frame: FrameType | None) -> None:
    global _asked
    _asked = True
    if not _deferred:
        raise KeyboardInterrupt
