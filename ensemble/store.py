"""The run folder: the only module that knows its paths, and what may be read from it.

A folder of results is complete when its record is there; the record is written last and holds what the result was made
of and the hash of each file. Reading refuses what is unfinished, stale or damaged, and names file and difference.

Whether a job is done is asked of hundreds of jobs with gigabytes of weights, so then a file that has the size and the
time of change it was sealed with counts as whole; whoever reads a file hashes it.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ensemble.data import Task
from ensemble.errors import EnsembleError, StoreError
from ensemble.predictions import Predictions
from ensemble.system.claims import FILE as CLAIM
from ensemble.system.claims import Claim, claim
from ensemble.system.files import file_hash, read_json, to_disk, write_json
from ensemble.system.locks import FILE as LOCK
from ensemble.system.locks import hold
from ensemble.system.progress import FILE as PROGRESS

MadeOf = Mapping[str, Any]
DONE, FAILED, REPORT, CURVE = "done.json", "failed.json", "report.json", "curve.csv"
ALL, NONE, TABLES = "*", "", "*.parquet"  # files that are hashed


@dataclass(frozen=True)
class Job:
    """The unit of work: one learner, one task, one seed, one fold."""

    learner: str
    task: str
    seed: int
    fold: int

    def __str__(self) -> str:
        return f"{self.learner} / {self.task} / seed {self.seed} / fold {self.fold}"


class Store:
    """Results below ``root``; what tuning found stays with the run they are variants of, below ``home``."""

    def __init__(self, root: Path, home: Path | None = None) -> None:
        self.root = root
        self.home = home or root

    @property
    def plan(self) -> Path:
        return self.root / "folds.parquet"

    @property
    def record(self) -> Path:
        return self.root / "run.json"

    @property
    def submission(self) -> Path:
        return self.root / "submission"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    def has_results(self) -> bool:
        """Whether any job is done, or anything imported."""
        return any({DONE, REPORT} & set(names) for _, _, names in os.walk(self.root / "base"))

    def base(self, learner: str, task: str) -> Path:
        return self.root / "base" / quote(learner, safe="") / quote(task, safe="")

    def job(self, job: Job) -> Path:
        return self.base(job.learner, job.task) / f"seed-{job.seed}" / f"fold-{job.fold}"

    def unfinished(self, job: Job) -> Path:
        """Where a job keeps what it needs to go on after it was killed."""
        return self.job(job) / "training"

    def progress(self, job: Job) -> Path:
        """Where a job that runs in another process says how far it is."""
        return self.job(job) / PROGRESS

    def without(self, modality: str) -> "Store":
        """Results of the same run trained on posts without a modality."""
        return Store(self.root / "ablation" / f"without-{modality}", self.home)

    def tune(self, learner: str, task: str) -> Path:
        """The trials of a learner's parameters, and the best of them."""
        return self.home / "tune" / quote(learner, safe="") / quote(task, safe="")

    def masked(self, learner: str, task: str) -> Path:
        """Below ``without``: what models trained on both modalities say without one."""
        return self.root / "masked" / quote(learner, safe="") / quote(task, safe="")

    def stack(self, task: str) -> Path:
        return self.root / "stack" / quote(task, safe="")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The whole run folder, for the moments in which the plan or the run's record is written."""
        with hold(self.root):
            yield

    def claim(self, job: Job, wait: bool) -> AbstractContextManager[Claim | None]:
        """A job, for this process alone; None where another one is at it. The claim of a killed process is void."""
        return claim(self.job(job), wait)


def clear(folder: Path) -> None:
    """Remove everything but the lock, the record first, so that a half-removed result is never taken for whole."""
    for record in (DONE, REPORT, FAILED):
        (folder / record).unlink(missing_ok=True)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and path.name in ("model", "tensorboard"):
            shutil.rmtree(path)
        elif path.is_file() and path.name not in (LOCK, CLAIM):
            path.unlink()


def reserve(folder: Path, made_of: MadeOf) -> None:
    """Make room for unfinished work; what was begun with other data, folds or parameters goes."""
    record = folder / "made_of.json"
    if folder.exists() and not (record.is_file() and read_json(record) == dict(made_of)):
        shutil.rmtree(folder)
    if not record.exists():
        write_json(record, dict(made_of))


def write_predictions(folder: Path, parts: Mapping[str, Predictions], made_of: MadeOf) -> None:
    """One Parquet file per part, with the fingerprints of data and folds in its metadata."""
    for name, predictions in parts.items():
        predictions.write(folder / f"{name}.parquet", {key: str(made_of[key]) for key in ("data", "folds")})


def seal(folder: Path, record: str, made_of: MadeOf, **facts: Any) -> None:
    """Write the record that makes the folder complete: each file's hash, and its ``stamp`` once it is on the disk."""
    kept = {path.relative_to(folder).as_posix(): path for path in [*folder.glob(TABLES), *folder.glob("model/*")]}
    for path in kept.values():
        to_disk(path)
    files = {name: file_hash(path) for name, path in sorted(kept.items())}
    stamps = {name: stamp(path) for name, path in sorted(kept.items())}
    write_json(folder / record, {"made_of": dict(made_of), "files": files, "stamps": stamps, **facts})


def stamp(path: Path) -> list[int]:
    """A file's size and when it was changed, in nanoseconds."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def check(folder: Path, record: str, made_of: MadeOf | None, remedy: str, hashed: str = ALL) -> dict[str, Any]:
    """The record of a complete, fresh, undamaged result; raises StoreError naming the file and the difference.

    ``made_of`` None accepts whatever the result was made of (imported results). Files whose names do not match
    ``hashed`` are hashed only where they do not look as they were sealed.
    """
    path = folder / record
    if not path.is_file():
        raise StoreError(f"{folder} is not finished; {remedy}.")
    facts = read_json(path)
    if made_of is not None:
        difference = first_difference(facts.get("made_of", {}), made_of)
        if difference:
            raise StoreError(f"{folder} is stale: {difference}; {remedy}.")
    for name, recorded in facts.get("files", {}).items():
        sealed = facts.get("stamps", {}).get(name)
        if not (folder / name).is_file():
            raise StoreError(f"{folder / name} is gone; {remedy}.")
        if stamp(folder / name) == sealed and not fnmatch(name, hashed):
            continue
        if not _is_whole(folder / name, recorded, sealed):
            raise StoreError(f"{folder / name} is damaged (its content is not what was written); {remedy}.")
    return facts


def _is_whole(file: Path, recorded: str, sealed: list[int] | None) -> bool:
    """By its hash. A copy's time of change is new and damage may leave the old one: from now on it tells."""
    whole = file_hash(file) == recorded
    if sealed is not None and whole != (stamp(file) == sealed):
        with suppress(OSError):
            if whole:
                os.utime(file, ns=(file.stat().st_atime_ns, sealed[1]))
            else:
                os.utime(file)
    return whole


def first_difference(was: MadeOf, now: MadeOf) -> str | None:
    """``params.views was 10, is now 5``, or None where nothing differs."""
    for key in sorted({*was, *now}):
        if was.get(key) != now.get(key):
            return f"{key} was {was.get(key)!r}, is now {now.get(key)!r}"
    return None


def state(folder: Path, record: str, made_of: MadeOf) -> tuple[str, str]:
    """``(done | missing | stale | failed, reason)`` of a result, without raising."""
    try:
        check(folder, record, made_of, "run `ensemble train-base`", hashed=NONE)
    except EnsembleError as error:
        reason = _failure(folder / FAILED, made_of)
        if reason is not None:
            return "failed", reason
        return ("stale", str(error)) if (folder / record).is_file() else ("missing", "")
    return "done", ""


def _failure(path: Path, made_of: MadeOf) -> str | None:
    """Why a job failed, if what failed was made of the same."""
    if not path.is_file():
        return None
    try:
        facts = read_json(path)
    except StoreError as error:
        return str(error)
    return str(facts.get("reason")) if facts.get("made_of") == dict(made_of) else None


def read_predictions(folder: Path, name: str, task: Task) -> Predictions:
    return Predictions.read(folder / f"{name}.parquet", task)
