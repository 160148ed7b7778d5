"""Writing files so that a reader sees all of one or nothing, and checking that they are still what was written."""

import errno
import hashlib
import io
import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.errors import StoreError
from ensemble.system.interruption import deferred
from ensemble.system.processes import MARK, mark

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
TICK = 10_000_000_000  # nanoseconds: longer than that of any file system's clock
TEMPORARY = re.compile(rf"\..+\.({MARK})\.tmp", re.DOTALL)


def write_atomic(path: Path, payload: bytes) -> None:
    """Temporary file beside it, fsync, rename: after a crash at any point the old file or the new one is there.

    Raises StoreError in one line where the disk is full or the folder cannot be written.
    """
    temporary = temporary_for(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with deferred(), temporary.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        with suppress(OSError):  # where the folder itself is the trouble there is nothing to remove
            temporary.unlink()
        raise unwritable(path, error, len(payload)) from error


def temporary_for(path: Path) -> Path:
    """Where this process writes a file before it gets its name; should it die, the name tells whose it was."""
    return path.with_name(f".{path.name}.{mark()}.tmp")


def writer_of(path: Path) -> str | None:
    """The mark of the process that got this name by ``temporary_for``; None for a file of anybody else."""
    match = TEMPORARY.fullmatch(path.name)
    return match and match[1]


def to_disk(path: Path) -> None:
    """Wait until a file's content is on the disk, and not only on its way there."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def check_writable(path: Path) -> None:
    """Raises StoreError where ``path`` cannot be written, before the work whose result it is to hold."""
    if path.is_dir():
        raise StoreError(f"Cannot write {path}: it is a folder; name a file in it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError, size: int | None = None) -> StoreError:
    """The one line for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        needed = f" ({size:,} bytes)" if size is not None else ""
        return StoreError(f"The disk is full: {path}{needed} was not written. Make space and run the command again.")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return StoreError(f"Cannot write {path}: a file stands where a folder is needed.")
    return StoreError(f"Cannot write {path}: {error.strerror}.")


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Readable JSON, written atomically."""
    write_atomic(path, (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises StoreError where it is damaged."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise StoreError(f"{path} is damaged: it is not complete JSON. Delete it and run the command again.") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged: it must hold a JSON object. Delete it and run the command again.")
    return value


def write_table(path: Path, table: pa.Table) -> None:
    """Parquet, written atomically; equal tables give equal bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_atomic(path, buffer.getvalue())


def read_table(path: Path) -> pa.Table:
    """A Parquet file; raises StoreError where it is missing or damaged."""
    try:
        return pq.read_table(path, partitioning=None)
    except FileNotFoundError as error:
        raise StoreError(f"{path} does not exist.") from error
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path} is damaged: it is not a complete Parquet file.") from error


def fingerprint(value: object) -> str:
    """SHA-256 of a JSON value in canonical form, the first 32 hex digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_hash(path: Path) -> str:
    """The same for a large file that is asked for often: remembered while its size and time of change stay, but of a
    file that was changed just now these tell nothing."""
    status = path.stat()
    if abs(time.time_ns() - status.st_mtime_ns) < TICK:
        return file_hash(path)
    return _hash_of(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _hash_of(path: Path, size: int, modified: int) -> str:
    return file_hash(path)
