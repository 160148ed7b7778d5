"""Whose work a folder is: one process's at a time, on one machine or on many that share a disk.

A claim is a file that its owner renews. That of a process which is gone is void at once on its own machine, and
elsewhere when it has not been renewed for ``EXPIRES`` seconds, by the clock of the disk.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict, cast
from uuid import uuid4

from ensemble.system.files import unwritable, write_atomic
from ensemble.system.interruption import deferred
from ensemble.system.locks import FILE as LOCK
from ensemble.system.locks import hold
from ensemble.system.processes import began, machine

FILE = "claim.json"
BEAT, EXPIRES, ASK = 5.0, 60.0, 0.2  # seconds


class Owner(TypedDict):
    """What a claim says of the process that owns the folder; ``token`` is another one for each attempt."""

    token: str
    machine: str
    process: int
    began: str | None


class Claim:
    """One attempt to own a folder, renewed every ``beat`` seconds."""

    def __init__(self, folder: Path, beat: float = BEAT) -> None:
        self.path = folder / FILE
        self.beat = beat
        self.token = uuid4().hex
        self._over = threading.Event()

    def acquire(self) -> bool:
        """Whether the folder is ours now."""
        with hold(self.path.parent):
            owner = _read(self.path)
            if owner is not None and not _is_void(owner, self.path):
                return False
            process = os.getpid()
            us = Owner(token=self.token, machine=machine(), process=process, began=began(process))
            write_atomic(self.path, json.dumps(us).encode())
        threading.Thread(target=self._renew, daemon=True).start()
        return True

    def held(self) -> bool:
        """Whether it is still ours: a process that slept for long may have been taken for dead."""
        owner = _read(self.path)
        return owner is not None and owner.get("token") == self.token

    def release(self) -> None:
        self._over.set()
        with hold(self.path.parent):
            if self.held():
                self.path.unlink(missing_ok=True)

    def _renew(self) -> None:
        while not self._over.wait(self.beat):
            with suppress(OSError):  # unreachable: the next beat may be luckier
                if not self.held():
                    return
                os.utime(self.path)


@contextmanager
def claim(folder: Path, wait: bool = False, beat: float = BEAT) -> Iterator[Claim | None]:
    """Own a folder; None where another process does and we do not ``wait`` for it."""
    mine = Claim(folder, beat)
    try:
        while not mine.acquire():
            if not wait:
                yield None
                return
            time.sleep(ASK)
        yield mine
    finally:
        with deferred():  # who is interrupted in taking it or in letting go has it no more
            mine.release()


def owner_of(folder: Path) -> Owner | None:
    """Who works in a folder now; None where nobody does."""
    owner = _read(folder / FILE)
    return None if owner is None or _is_void(owner, folder / FILE) else owner


def was_left(folder: Path) -> bool:
    """Whether somebody was at work in a folder and is gone."""
    owner = _read(folder / FILE)
    return owner is not None and _is_void(owner, folder / FILE)


def remove_void_claim(folder: Path) -> None:
    """Remove a claim whose owner is gone."""
    if was_left(folder):
        with hold(folder):
            if was_left(folder):  # nobody has taken it meanwhile
                (folder / FILE).unlink()


def _read(path: Path) -> Owner | None:
    """A damaged claim is none: its owner will see that it is not theirs."""
    try:
        owner = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return cast(Owner, owner) if isinstance(owner, dict) else None


def _is_void(owner: Owner, path: Path) -> bool:
    if owner.get("machine") == machine():
        return began(int(owner.get("process", 0))) != owner.get("began")
    try:
        return _now(path.parent) - path.stat().st_mtime > EXPIRES
    except FileNotFoundError:
        return True


def _now(folder: Path) -> float:
    """The time by the disk's clock, which machines share."""
    probe = folder / LOCK  # is there anyhow
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError as error:
        raise unwritable(folder, error) from error
