"""What lies in a run folder and its cache that may go, by kind; found without ever following a link."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ensemble.content.copies import NEAR_COPIES
from ensemble.features import ENCODER
from ensemble.jobs.job import JobSpec
from ensemble.jobs.status import listed
from ensemble.result_folder import FOLDERS, RECORDS
from ensemble.results import may_be_imported
from ensemble.run import Run
from ensemble.store import ABLATIONS, FOLDS, LEARNERS, TEACHERS, TRAINING, TRIALS, JobFolder, LearnerFolder
from ensemble.system.claims import FILE as CLAIM
from ensemble.system.claims import owner_of
from ensemble.system.folders import entries, files_below, files_of, is_folder, size_of, subfolders
from ensemble.system.locks import FILE as LOCK
from ensemble.system.progress import FILE as PROGRESS
from ensemble.system.stale_files import is_stale

KEPT = (LOCK, CLAIM, TRAINING, PROGRESS)
CACHED = (".npy", ".onnx", ".json", ".parquet")


@dataclass(frozen=True)
class Removable:
    """Paths in ``folder`` that go together, in this order; those ``only_if_named`` where their kind is named.

    ``find_again`` finds what may go from the folder now, to be looked at once nobody else can work in it; ``lock`` is
    the folder to hold for that, if any.
    """

    kind: str
    folder: Path
    why: str
    paths: tuple[Path, ...]
    files: int
    bytes: int
    only_if_named: bool
    find_again: "Callable[[], list[Removable]]"
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

    def everything(self) -> list[Removable]:
        """All that may go, whoever may be using it."""
        items: list[Removable] = []
        for folder in subfolders(self.root, *LEARNERS, *FOLDS):
            items += self.of_job(folder)
        for folder in subfolders(self.root, *LEARNERS):
            items += self.of_learner(folder)
        for folder in subfolders(self.root, *TRIALS):
            items += whole_folder("trials", folder, folder.parent)
        for folder in (*subfolders(self.root, *ABLATIONS), *subfolders(self.root, *TEACHERS)):
            items += whole_folder(folder.parent.name, folder)
        if self.run.cache.root is not None:
            for folder in subfolders(self.run.cache.root, "*"):
                items += cached_blocks(folder)
        for root in self.roots:  # one may lie in the other
            items += stale_files(root, {path for item in items for path in item.paths})
        return items

    def of_job(self, folder: Path) -> list[Removable]:
        """What may go of one job; nothing where it is not known yet what it is to be made of."""
        if folder.parents[1] in self._to_be_tuned:
            return []
        job, results, item = JobFolder(folder), results_in(folder), self._jobs.get(folder)
        checkpoints = (job.training,) if is_folder(job.training) else ()

        def removable(kind: str, why: str, paths: tuple[Path, ...], only_if_named: bool = False) -> list[Removable]:
            return make(kind, folder, why, paths, only_if_named, lambda: self.of_job(folder), folder)

        if item is None:
            return removable("dropped", "the configuration no longer has it", (*results, *checkpoints), True)
        status, reason = job.status(item.provenance)
        if status == "done":
            model = (job.model,) if is_folder(job.model) else ()
            over = removable("checkpoints", "of a job that is done", checkpoints)
            return [*removable("models", "a fold model", model, True), *over]
        kind, why = ("temporary", "written by a job that did not end") if status == "missing" else (status, reason)
        resumes = job.is_training_of(item.provenance)
        origin = "its training would go on from here" if resumes else "of other data, folds or parameters"
        return [*removable(kind, why, results), *removable("checkpoints", origin, checkpoints, resumes)]

    def of_learner(self, folder: Path) -> list[Removable]:
        """What may go of the joined folds; of a learner that is not trained here, nothing."""
        results, item = results_in(folder), self._learners.get(folder)

        def removable(kind: str, why: str, only_if_named: bool = False) -> list[Removable]:
            return make(kind, folder, why, results, only_if_named, lambda: self.of_learner(folder), self.root)

        if folder in self._to_be_tuned:
            return []
        if item is not None:
            status, reason = LearnerFolder(folder).status(item.provenance.of_all_folds(self.run.seeds))
            return removable("stale", reason) if status == "stale" else []
        trained_here = next(subfolders(folder, *FOLDS), None) and not may_be_imported(LearnerFolder(folder))
        return removable("dropped", "the configuration no longer has it", True) if trained_here else []

    def is_busy(self) -> bool:
        """Whether a process is at work in this run or in one beside it, whose cache may be the same."""
        plan = self.run.store.plan_settings.name
        beside = {folder for folder in entries(self.root.parent) if folder / plan in entries(folder)}
        return any(at_work(folder) for folder in {self.root, *beside})

    def place(self, folder: Path) -> str:
        """Where something lies in the run folder or the cache."""
        return min((str(folder.relative_to(root)) for root in self.roots if folder.is_relative_to(root)), key=len)


def make(
    kind: str,
    folder: Path,
    why: str,
    paths: tuple[Path, ...],
    only_if_named: bool,
    find_again: Callable[[], list[Removable]],
    lock: Path | None = None,
) -> list[Removable]:
    """One item, or none where there is nothing that could go."""
    why = why.removeprefix(f"{folder} is ").removeprefix(f"{folder}{os.sep}").partition("; run `")[0]
    files, size = sum(len(files_of(path)) for path in paths), sum(size_of(path) for path in paths)
    return [Removable(kind, folder, why, paths, files, size, only_if_named, find_again, lock)] if paths else []


def whole_folder(kind: str, folder: Path, lock: Path | None = None) -> list[Removable]:
    """All of a folder."""
    paths = tuple(path for path in entries(folder) if not path.is_symlink())
    return make(kind, folder, "", paths, True, lambda: whole_folder(kind, folder, lock), lock)


def cached_blocks(folder: Path) -> list[Removable]:
    """The cached blocks of an encoder, what says that they are there first; exports to ONNX and notes of them; lists of
    pictures that are near-copies."""
    if not ENCODER.fullmatch(folder.name) and folder.name not in ("onnx", NEAR_COPIES):
        return []
    files = [path for path in entries(folder) if path.suffix in CACHED and path.is_file()]
    own = sorted((path for path in files if not path.is_symlink()), key=lambda path: not path.match("*.ids.npy"))
    return make("cache", folder, "", tuple(own), True, lambda: cached_blocks(folder), folder)


def stale_files(root: Path, others: set[Path]) -> list[Removable]:
    """Files that were being written by processes which are gone, but those at or below ``others``."""
    stale = tuple(path for path in files_below(root, others) if is_stale(path))
    return make("temporary", root, "left by killed processes", stale, False, lambda: stale_files(root, others))


def results_in(folder: Path) -> tuple[Path, ...]:
    """What a job or the joining of folds has written, records first."""
    own = [path for path in entries(folder) if path.name not in KEPT and not path.is_symlink()]
    results = [path for path in own if not path.is_dir() or path.name in FOLDERS]
    return tuple(sorted(results, key=lambda path: (path.name not in RECORDS, path.name)))


def in_use(root: Path, folder: Path) -> bool:
    """Whether a process is at work in a folder, below it, or above it as far as ``root``."""
    above = [path for path in (folder, *folder.parents) if path.is_relative_to(root)]
    return at_work(folder) or any(owner_of(path) is not None for path in above)


def at_work(folder: Path) -> bool:
    """Whether a process is at work in a folder or below it."""
    return any(path.name == CLAIM and owner_of(path.parent) is not None for path in files_below(folder))
