"""Which process of which machine something is of, whether that process is gone, and the cores that ours may use."""

import hashlib
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from platform import node

MARK = r"[0-9a-f]{8}-\d+-(?:\d+|unknown)"  # a process in a word, as `mark` says it


@lru_cache(maxsize=1)
def machine() -> str:
    """This machine since it was started; a container with processes of its own counts as one."""
    parts = [node()]
    for place in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            parts.append(os.readlink(place) if place.endswith("pid") else Path(place).read_text().strip())
    return " ".join(parts)


def began(process: int) -> str | None:
    """When a process of this machine began, as far as the system says; None where there is no such process.

    Numbers of processes are given again, so a number alone does not name one.
    """
    fields = _facts(process)
    if fields:
        return None if fields[0] in "ZX" else fields[19]
    try:
        os.kill(process, 0)
    except PermissionError:
        return "unknown"
    except (OSError, OverflowError):
        return None
    return "unknown" if not _facts(os.getpid()) else None


def parent_of(process: int) -> int | None:
    """Which process started a process of this machine, as far as the system says."""
    fields = _facts(process)
    return int(fields[1]) if fields else None


def _facts(process: int) -> list[str]:
    """State, parent and the rest of what Linux says of a process, after its name; nothing elsewhere."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return []


def mark() -> str:
    """This process in a word that a file's name can hold: ``machine-number-began``."""
    return _mark(os.getpid())


@lru_cache(maxsize=2)
def _mark(process: int) -> str:
    return f"{_short(machine())}-{process}-{began(process)}"


def is_dead(mark: str) -> bool | None:
    """Whether the process of a mark is gone; None where it is of another machine, or no mark at all."""
    where, _, process = mark.partition("-")
    number, _, since = process.partition("-")
    if where != _short(machine()) or not number.isdigit():
        return None
    return began(int(number)) != since


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
