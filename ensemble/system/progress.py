"""How long work says how far it is, without knowing who is watching."""

import json
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypedDict, TypeVar

from ensemble.system.files import temporary_for

Item = TypeVar("Item")
Label = str | Callable[[], str]
FILE = "progress.json"
EVERY = 1.0  # seconds between two reports


class Track(Protocol):
    """Passes items on, one by one, and shows how many of ``total`` are done; a label that changes is a function."""

    def __call__(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]: ...


def silent(items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
    """Shows nothing."""
    yield from items


class Report(TypedDict):
    """How far a job is: ``done`` of ``total`` steps of what the ``label`` names; ``began`` in seconds of the epoch."""

    label: str
    done: int
    total: int
    began: float


class Reports:
    """Writes down how far a job is, about once a second, for whoever watches from another process; gone at its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = 0.0

    def __enter__(self) -> "Reports":
        return self

    def __exit__(self, *_: object) -> None:
        if self._last:  # a report that we never wrote is that of the process which is at the job
            self.path.unlink(missing_ok=True)

    def __call__(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        began = time.time()
        for done, item in enumerate(items):
            if time.monotonic() - self._last >= EVERY:
                text = label if isinstance(label, str) else label()
                self._write(Report(label=text, done=done, total=total, began=began))
            yield item

    def _write(self, report: Report) -> None:
        """Not to the disk's last certainty: it is out of date in a second. A report that cannot be written is none."""
        self._last = time.monotonic()
        beside = temporary_for(self.path)
        with suppress(OSError):
            beside.write_text(json.dumps(report))
            beside.replace(self.path)
