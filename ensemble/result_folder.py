"""A folder of results, and what may be read from it.

It is complete when its record is there; the record is written last and holds what the result was made of and the hash
of each file. Reading refuses what is unfinished, stale or damaged, and names file and difference.

Whether a job is done is asked of hundreds of jobs with gigabytes of weights, so then a file that has the size and the
time of change it was committed with counts as whole; whoever reads a file hashes it.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Generic, Literal, TypeVar, cast

from ensemble.data import Task
from ensemble.errors import EnsembleError, StoreError
from ensemble.predictions import Predictions
from ensemble.provenance import KEY, Provenance
from ensemble.records import FailureRecord, Record
from ensemble.system.claims import FILE as CLAIM
from ensemble.system.files import TICK, file_hash, read_json, to_disk, write_json
from ensemble.system.locks import FILE as LOCK

DONE, FAILED, REPORT = "done.json", "failed.json", "report.json"
RECORDS = (DONE, REPORT, FAILED)
FOLDERS = ("model", "tensorboard")  # of a result; others are not ours to judge
ALL, NONE, TABLES = "*", "", "*.parquet"  # files that are hashed

Status = Literal["done", "missing", "stale", "failed"]
RecordType = TypeVar("RecordType", bound=Record)


@dataclass(frozen=True)
class ResultFolder(Generic[RecordType]):
    """``record_name`` is the file whose presence means that all is there."""

    path: Path
    record_name: str

    @property
    def record(self) -> Path:
        return self.path / self.record_name

    @property
    def model(self) -> Path:
        return self.path / "model"

    def read_record(self, remedy: str = "delete it and run the command again") -> RecordType:
        """As it is; raises StoreError with the remedy for a damaged one, OSError where there is none."""
        try:
            return cast(RecordType, read_json(self.record))
        except StoreError as error:
            raise StoreError(f"{self.record} is damaged; {remedy}.") from error

    def read(self, part: str, task: Task) -> Predictions:
        return Predictions.read(self.path / f"{part}.parquet", task)

    def write(self, parts: Mapping[str, Predictions], provenance: Provenance) -> None:
        """One Parquet file per part, with the fingerprints of data and folds in its metadata."""
        for part, predictions in parts.items():
            predictions.write(self.path / f"{part}.parquet", provenance.identity)

    def commit(self, provenance: Provenance, **facts: object) -> None:
        """Write the record that makes the folder complete: each file's hash, and its stamp once it is on the disk."""
        paths = [*self.path.glob(TABLES), *self.model.glob("*")]
        kept = {path.relative_to(self.path).as_posix(): path for path in paths}
        for path in kept.values():
            to_disk(path)
            _date_back(path)
        files = {name: file_hash(path) for name, path in sorted(kept.items())}
        stamps = {name: stamp(path) for name, path in sorted(kept.items())}
        write_json(self.record, {KEY: dict(provenance.parts), "files": files, "stamps": stamps, **facts})

    def clear(self) -> None:
        """Remove everything but the lock, the record first, so that a half-removed result is never taken for whole."""
        for record in RECORDS:
            (self.path / record).unlink(missing_ok=True)
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if path.is_dir() and path.name in FOLDERS:
                shutil.rmtree(path)
            elif path.is_file() and path.name not in (LOCK, CLAIM):
                path.unlink()

    def verify(self, provenance: Provenance | None, remedy: str, hashed: str = ALL) -> RecordType:
        """The record of a complete, fresh, undamaged result; raises StoreError naming the file and the difference.

        ``provenance`` None accepts whatever the result was made of. Files whose names do not match ``hashed`` are
        hashed only where they do not look as they were committed.
        """
        if not self.record.is_file():
            raise StoreError(f"{self.path} is not finished; {remedy}.")
        record = self.read_record(remedy)
        if provenance is not None:
            difference = Provenance.of_record(record).difference(provenance)
            if difference:
                raise StoreError(f"{self.path} is stale: {difference}; {remedy}.")
        files, stamps = _files_of(record)
        for name, recorded in files.items():
            file, committed = self.path / name, stamps.get(name)
            if not file.is_file():
                raise StoreError(f"{file} is gone; {remedy}.")
            if stamp(file) == committed and not fnmatch(name, hashed):
                continue
            if not _is_whole(file, recorded, committed):
                raise StoreError(f"{file} is damaged (its content is not what was written); {remedy}.")
        return record

    def status(self, provenance: Provenance) -> tuple[Status, str]:
        """What became of the result, and why where it is not done; never raises."""
        try:
            self.verify(provenance, "run `ensemble train-base`", hashed=NONE)
        except EnsembleError as error:
            reason = self._failure(provenance)
            if reason is not None:
                return "failed", reason
            return ("stale", str(error)) if self.record.is_file() else ("missing", "")
        return "done", ""

    def is_done(self, provenance: Provenance) -> bool:
        return self.status(provenance)[0] == "done"

    def _failure(self, provenance: Provenance) -> str | None:
        """Why a job failed, if what failed was made of the same."""
        path = self.path / FAILED
        if not path.is_file():
            return None
        try:
            failure = cast(FailureRecord, read_json(path))
        except StoreError as error:
            return str(error)
        return str(failure.get("reason")) if Provenance.of_record(failure) == provenance else None


def _files_of(record: Record) -> tuple[dict[str, str], dict[str, list[int]]]:
    """Hashes and stamps by name; the oldest records have no stamps."""
    return record.get("files", {}), record.get("stamps", {})


def stamp(path: Path) -> list[int]:
    """A file's size and when it was changed, in nanoseconds."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _date_back(path: Path) -> None:
    """A change within the same tick of the file system's clock would leave the time as it is; seconds earlier, no
    change can."""
    status = path.stat()
    with suppress(OSError):
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - TICK))


def _is_whole(file: Path, recorded: str, committed: list[int] | None) -> bool:
    """By its hash. A copy's time of change is new and damage may leave the old one: from now on it tells."""
    whole = file_hash(file) == recorded
    if committed is not None and whole != (stamp(file) == committed):
        with suppress(OSError):
            if whole:
                os.utime(file, ns=(file.stat().st_atime_ns, committed[1]))
            else:
                os.utime(file)
    return whole
