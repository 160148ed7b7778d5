"""Whether the disk holds what jobs will write: known before the first one starts, not in the middle of the night."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path

from ensemble.errors import StoreError
from ensemble.features import BULKY
from ensemble.jobs.job import JobSpec
from ensemble.records import CacheUse
from ensemble.run import Run
from ensemble.system.folders import size_of
from ensemble.upkeep.estimates import Estimate, History

FLOOR = 20_000_000  # bytes that stay free, also where nothing is known of the jobs
PER_ROW, PER_CLASS = 32, 9  # bytes of a row's predictions: its id, and each class


PARTS = ("models", "predictions", "checkpoints", "features", "replaced")


@dataclass(frozen=True)
class DiskSpace:
    """What grows on a disk by ``needs`` bytes, of which it has ``free`` ones: the run folder, or also the cache."""

    folder: str
    needs: int
    free: int

    @property
    def missing(self) -> int:
        """Bytes, below 0 where there are more than enough; some are to stay free."""
        return self.needs + FLOOR - self.free


@dataclass(frozen=True)
class DiskNeeds:
    """Bytes; ``replaced`` ones go before their job begins anew. Of ``unknown`` learners nobody has seen the models.
    ``places`` has an entry per disk."""

    models: int
    predictions: int
    checkpoints: int
    features: int
    replaced: int
    unknown: tuple[str, ...]
    places: tuple[DiskSpace, ...]

    def parts(self) -> dict[str, int]:
        """By name, those that are not nothing."""
        return {name: getattr(self, name) for name in PARTS if getattr(self, name)}


@dataclass(frozen=True)
class CachedEncoder:
    """Of how many contents that ``learners`` want of an encoder the cache has features (``there``); bytes of these, and
    of those that are missing."""

    encoder: str
    learners: tuple[str, ...]
    there: int
    wanted: int
    bytes: int
    missing_bytes: int


def check_disk(run: Run, work: Sequence[JobSpec], jobs: int = 1) -> None:
    """Raises StoreError, saying how much is missing, where the disk cannot hold what these jobs will write."""
    todo = [item for item in work if not run.store.job(item.job).is_done(item.provenance)]
    if not todo:
        return
    needs = disk_needs(run, todo, History(run, work), jobs)
    for place in needs.places:
        if place.missing > 0:
            raise StoreError(_shortage(place, needs))


def _shortage(place: DiskSpace, needs: DiskNeeds) -> str:
    parts = {**needs.parts(), "a rest that stays free": FLOOR}
    listed = ", ".join(f"{name} {readable(size)}" for name, size in parts.items())
    saved = f', run.keep_models = "none" saves {readable(needs.models)}' if needs.models else ""
    return (
        f"The disk cannot hold the result: about {readable(place.needs + FLOOR)} are needed in {place.folder} "
        f"({listed}), {readable(place.free)} are free: {readable(place.missing)} are "
        f"missing. `ensemble clean` lists what can go{saved}."
    )


def disk_needs(run: Run, todo: Sequence[JobSpec], history: History, jobs: int) -> DiskNeeds:
    """Of the jobs that are to be done, ``jobs`` at a time; a checkpoint goes when the next one is complete."""
    estimates = {item.job: history.estimate(item, len(run.plan.fit_rows(item.job.fold))) for item in todo}
    models = sum(estimate.models or 0 for estimate in estimates.values())
    predictions = sum(_predictions(run, item) for item in todo)
    checkpoints = sum(nlargest(jobs, (_checkpoints(run, item, estimates[item.job]) for item in todo)))
    features = sum(entry.missing_bytes for entry in cached_features(run, todo, history))
    replaced = sum(_replaced(run, item) for item in todo)
    growth = max(0, models + predictions + checkpoints - replaced)  # of the run folder, at the worst moment
    unknown = dict.fromkeys(item.job.learner for item in todo if _is_unknown(run, estimates[item.job]))
    places = _by_disk(run, growth, features)
    return DiskNeeds(models, predictions, checkpoints, features, replaced, tuple(unknown), places)


def cached_features(run: Run, work: Sequence[JobSpec], history: History) -> list[CachedEncoder]:
    """Per encoder of these jobs' learners what the cache has of the run's contents."""
    if run.cache.root is None:
        return []
    users: dict[str, list[str]] = {}
    uses: dict[str, CacheUse] = {}
    for item in {item.job.learner: item for item in work}.values():
        for encoder, use in history.shared(item)[1].items():
            users.setdefault(encoder, []).append(item.job.learner)
            uses[encoder] = use
    contents = {key for name in run.data.modalities for key in run.data.keys(name) if key} if uses else set()
    entries, bulky_bytes = [], max(0, run.cache.room())
    for encoder, use in uses.items():
        there, wanted = run.cache.count(encoder, contents), use["contents"]
        missing = max(0, wanted - there) * use["bytes"] // max(1, wanted)
        if encoder.startswith(BULKY):  # they share what bulky ones may take
            missing = min(missing, bulky_bytes)
            bulky_bytes -= missing
        learners = tuple(users[encoder])
        entries.append(CachedEncoder(encoder, learners, there, wanted, run.cache.used(encoder), missing))
    return entries


def _by_disk(run: Run, results: int, features: int) -> tuple[DiskSpace, ...]:
    """One entry where results and cache share a disk."""
    growing: list[tuple[Path, int]] = [(run.store.root, results)]
    if run.cache.root is not None and features:
        growing.append((run.cache.root, features))
    disks: dict[int, DiskSpace] = {}
    for folder, size in growing:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        disk, free = there.stat().st_dev, shutil.disk_usage(there).free
        known = disks.get(disk, DiskSpace(str(folder), 0, free))
        disks[disk] = DiskSpace(known.folder, known.needs + size, free)
    return tuple(disks.values())


def readable(size: float) -> str:
    """``12.4 GB``"""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _is_unknown(run: Run, estimate: Estimate) -> bool:
    return run.keep_models != "none" and estimate.models is None


def _checkpoints(run: Run, item: JobSpec, estimate: Estimate) -> int:
    """A new one is complete before the old one goes."""
    return max(0, 2 * estimate.checkpoints - size_of(run.store.job(item.job).training))


def _predictions(run: Run, item: JobSpec) -> int:
    """Of held-out and test rows, and of both again where the folds are joined."""
    held_out, outside = len(run.plan.held_out_rows(item.job.fold)), len(run.plan.outside_rows)
    joined = held_out + outside / run.plan.settings.k
    return int((held_out + outside + joined) * (PER_ROW + PER_CLASS * len(item.task.columns)))


def _replaced(run: Run, item: JobSpec) -> int:
    """What is left of a result that is stale or was never finished; a checkpoint may be gone on from."""
    folder = run.store.job(item.job)
    return size_of(folder.path) - size_of(folder.training)
