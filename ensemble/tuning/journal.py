"""Optuna's journal, written under a lock that ends with its process, no half-written line kept. Imported late."""

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend

from ensemble.system.files import unwritable
from ensemble.system.interruption import deferred


class Journal(JournalFileBackend):
    """One JSON line per change. Raises StoreError in one line where the disk is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(str(path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        try:
            with deferred(), FileLock(self._path.with_suffix(".lock")), self._path.open("rb+") as file:
                _mend(file)
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self._path, error, len(lines)) from error


def _mend(file: BinaryIO) -> None:
    """Go to the end of what is whole: cut off what a killed process, or a full disk, left of a line."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(end - 1, 0))
    if file.read(1) not in (b"", b"\n"):
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
