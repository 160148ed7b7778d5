"""What lies in a run folder and its cache that may go, by kind; found without ever following a link."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from ensemble.features import ENCODER
from ensemble.jobs.job import JobSpec
from ensemble.jobs.status import listed
from ensemble.jobs.usage import size_of
from ensemble.result_folder import FOLDERS, RECORDS
from ensemble.results import may_be_imported
from ensemble.run import Run
from ensemble.store import ABLATIONS, FOLDS, LEARNERS, TRAINING, TRIALS, JobFolder, LearnerFolder
from ensemble.system.claims import FILE as CLAIM
from ensemble.system.claims import owner_of
from ensemble.system.locks import FILE as LOCK
from ensemble.system.progress import FILE as PROGRESS
from ensemble.system.stale_files import is_stale

KEPT = (LOCK, CLAIM, TRAINING, PROGRESS)


@dataclass(frozen=True)
class Item:
    """Paths in ``folder`` that go together, in this order; ``asked`` ones only where their kind is named.

    ``again`` finds what may go from the folder now, to be looked at once nobody else can work in it; ``lock`` is the
    folder to hold for that, if any.
    """

    kind: str
    folder: Path
    why: str
    paths: tuple[Path, ...]
    files: int
    bytes: int
    asked: bool
    again: "Callable[[], list[Item]]"
    lock: Path | None


class Inventory:
    """Looks through one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.root = run.store.root
        self.roots = sorted({self.root, run.cache.root or self.root})
        self._jobs: dict[Path, JobSpec] = {}
        self._learners: dict[Path, JobSpec] = {}
        for item in listed(run, run.specs, run.data.tasks)[0]:
            self._jobs[run.store.job(item.job).path] = item
            self._learners[run.store.base(item.job.learner, item.job.task).path] = item
        configured = {run.store.base(spec.name, task.name).path for spec in run.specs for task in run.data.tasks}
        self._to_be_tuned = configured - set(self._learners)

    def everything(self) -> list[Item]:
        """All that may go, whoever may be using it."""
        found: list[Item] = []
        for folder in folders(self.root, *LEARNERS, *FOLDS):
            found += self.of_job(folder)
        for folder in folders(self.root, *LEARNERS):
            found += self.of_learner(folder)
        for folder in folders(self.root, *TRIALS):
            found += of_tree("trials", folder, folder.parent)
        for folder in folders(self.root, *ABLATIONS):
            found += of_tree("ablation", folder)
        if self.run.cache.root is not None:
            for folder in folders(self.run.cache.root, "*"):
                found += of_encoder(folder)
        for root in self.roots:  # one may lie in the other
            found += temporary(root, {path for item in found for path in item.paths})
        return found

    def of_job(self, folder: Path) -> list[Item]:
        """What may go of one job; nothing where it is not known yet what it is to be made of."""
        if folder.parents[1] in self._to_be_tuned:
            return []
        job, result, item = JobFolder(folder), results_in(folder), self._jobs.get(folder)
        training = job.training
        left = (training,) if is_folder(training) else ()

        def one(kind: str, why: str, paths: tuple[Path, ...], asked: bool = False) -> list[Item]:
            return make(kind, folder, why, paths, asked, lambda: self.of_job(folder), folder)

        if item is None:
            return one("dropped", "the configuration no longer has it", (*result, *left), True)
        found, reason = job.status(item.provenance)
        if found == "done":
            model = (job.model,) if is_folder(job.model) else ()
            return [*one("models", "a fold model", model, True), *one("checkpoints", "of a job that is done", left)]
        kind, why = ("temporary", "written by a job that did not end") if found == "missing" else (found, reason)
        over = not job.is_training_of(item.provenance)
        why_left = "of other data, folds or parameters" if over else "its training would go on from here"
        return [*one(kind, why, result), *one("checkpoints", why_left, left, not over)]

    def of_learner(self, folder: Path) -> list[Item]:
        """What may go of the joined folds; of a learner that is not trained here, nothing."""
        result, item = results_in(folder), self._learners.get(folder)

        def one(kind: str, why: str, asked: bool = False) -> list[Item]:
            return make(kind, folder, why, result, asked, lambda: self.of_learner(folder), self.root)

        if folder in self._to_be_tuned:
            return []
        if item is not None:
            found, reason = LearnerFolder(folder).status(item.provenance.of_all_folds(self.run.seeds))
            return one("stale", reason) if found == "stale" else []
        trained_here = next(folders(folder, *FOLDS), None) and not may_be_imported(LearnerFolder(folder))
        return one("dropped", "the configuration no longer has it", True) if trained_here else []

    def is_busy(self) -> bool:
        """Whether a process is at work in this run or in one beside it, whose cache may be the same."""
        plan = self.run.store.plan_settings.name
        beside = {folder for folder in inside(self.root.parent) if folder / plan in inside(folder)}
        return any(at_work(folder) for folder in {self.root, *beside})

    def place(self, folder: Path) -> str:
        """Where something lies in the run folder or the cache."""
        return min((str(folder.relative_to(root)) for root in self.roots if folder.is_relative_to(root)), key=len)


def make(
    kind: str,
    folder: Path,
    why: str,
    paths: tuple[Path, ...],
    asked: bool,
    again: Callable[[], list[Item]],
    lock: Path | None = None,
) -> list[Item]:
    """One item, or none where there is nothing that could go."""
    why = why.removeprefix(f"{folder} is ").removeprefix(f"{folder}{os.sep}").partition("; run `")[0]
    files, size = sum(count(path) for path in paths), sum(size_of(path) for path in paths)
    return [Item(kind, folder, why, paths, files, size, asked, again, lock)] if paths else []


def of_tree(kind: str, folder: Path, lock: Path | None = None) -> list[Item]:
    """All of a folder."""
    paths = tuple(path for path in inside(folder) if not path.is_symlink())
    return make(kind, folder, "", paths, True, lambda: of_tree(kind, folder, lock), lock)


def of_encoder(folder: Path) -> list[Item]:
    """The cached blocks of an encoder, what says that they are there first; exports to ONNX."""
    if not ENCODER.fullmatch(folder.name) and folder.name != "onnx":
        return []
    files = [path for path in inside(folder) if path.suffix in (".npy", ".onnx") and path.is_file()]
    own = sorted((path for path in files if not path.is_symlink()), key=lambda path: not path.match("*.ids.npy"))
    return make("cache", folder, "", tuple(own), True, lambda: of_encoder(folder), folder)


def temporary(root: Path, others: set[Path]) -> list[Item]:
    """Files that were being written by processes which are gone."""
    old = [path for path in files_below(root, others) if is_stale(path)]
    return make("temporary", root, "left by killed processes", tuple(old), False, lambda: temporary(root, others))


def folders(root: Path, *patterns: str) -> Iterator[Path]:
    """Folders below ``root``, a pattern for the name of each level; never through a link."""
    if not patterns:
        yield root
        return
    for path in inside(root):
        if fnmatch(path.name, patterns[0]) and is_folder(path):
            yield from folders(path, *patterns[1:])


def files_below(root: Path, without: set[Path]) -> Iterator[Path]:
    """Every file below ``root`` but those in or at ``without``."""
    for path in inside(root):
        if path in without or path.is_symlink():
            continue
        if path.is_dir():
            yield from files_below(path, without)
        else:
            yield path


def results_in(folder: Path) -> tuple[Path, ...]:
    """What a job or the joining of folds has written, records first."""
    names = [path for path in inside(folder) if path.name not in KEPT and not path.is_symlink()]
    found = [path for path in names if not path.is_dir() or path.name in FOLDERS]
    return tuple(sorted(found, key=lambda path: (path.name not in RECORDS, path.name)))


def inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def in_use(root: Path, folder: Path) -> bool:
    """Whether a process is at work in a folder, below it, or above it as far as ``root``."""
    above = [path for path in (folder, *folder.parents) if path.is_relative_to(root)]
    return at_work(folder) or any(owner_of(path) is not None for path in above)


def at_work(folder: Path) -> bool:
    """Whether a process is at work in a folder or below it."""
    return any(path.name == CLAIM and owner_of(path.parent) is not None for path in files_below(folder, set()))


def is_folder(path: Path) -> bool:
    """A real one, in its place."""
    return path.is_dir() and not path.is_symlink()


def count(path: Path) -> int:
    """Files below a path; one where it is a file itself."""
    return sum(1 for _ in files_below(path, set())) if is_folder(path) else 1
