"""Whether the disk holds what jobs will write: said before the first one starts, not in the middle of the night."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from ensemble.errors import StoreError
from ensemble.features import BULKY
from ensemble.jobs.job import JobSpec
from ensemble.jobs.usage import size_of
from ensemble.modalities import MODALITIES
from ensemble.run import Run
from ensemble.store import DONE, state
from ensemble.upkeep.estimates import Estimate, History

FLOOR = 20_000_000  # bytes that stay free, also where nothing is known of the jobs
PER_ROW, PER_CLASS = 32, 9  # bytes of a row's predictions: its id, and each class


@dataclass(frozen=True)
class Needs:
    """Bytes; ``replaced`` ones go before their job begins anew. Of ``unknown`` learners nobody has seen the models."""

    models: int
    predictions: int
    checkpoints: int
    features: int
    replaced: int
    unknown: tuple[str, ...]

    @property
    def results(self) -> int:
        """What the run folder grows by, at the worst moment."""
        return max(0, self.models + self.predictions + self.checkpoints - self.replaced)

    def parts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("models", "predictions", "checkpoints", "features", "replaced")}


def check_disk(run: Run, work: Sequence[JobSpec], jobs: int = 1) -> None:
    """Raises StoreError, saying how much is missing, where the disk cannot hold what these jobs will write."""
    todo = [item for item in work if state(run.store.job(item.job), DONE, item.made_of)[0] != "done"]
    if not todo:
        return
    needs = needs_of(run, todo, History(run, work), jobs)
    for place in places(run, needs):
        if place["needs"] + FLOOR > place["free"]:
            raise StoreError(_shortage(place, needs))


def _shortage(place: Mapping[str, Any], needs: Needs) -> str:
    sizes = {**needs.parts(), "a rest that stays free": FLOOR}
    parts = ", ".join(f"{name} {readable(size)}" for name, size in sizes.items() if size)
    wanted = place["needs"] + FLOOR
    saved = f', run.keep_models = "none" saves {readable(needs.models)}' if needs.models else ""
    return (
        f"The disk cannot hold the result: about {readable(wanted)} are needed in {place['folder']} "
        f"({parts}), {readable(place['free'])} are free: {readable(wanted - place['free'])} are "
        f"missing. `ensemble clean` lists what can go{saved}."
    )


def needs_of(run: Run, todo: Sequence[JobSpec], history: History, jobs: int) -> Needs:
    """Of the jobs that are to be done, ``jobs`` at a time; a checkpoint goes when the next one is complete."""
    estimates = {item.job: history.estimate(item, len(run.plan.fit_rows(item.job.fold))) for item in todo}
    models = sum(estimate.models or 0 for estimate in estimates.values())
    missing = [entry["missing_bytes"] for entry in cached(run, todo, history)]
    return Needs(
        models,
        sum(_predictions(run, item) for item in todo),
        sum(nlargest(jobs, (_checkpoints(run, item, estimates[item.job]) for item in todo))),
        sum(missing),
        sum(_replaced(run, item) for item in todo),
        tuple(dict.fromkeys(item.job.learner for item in todo if _is_unknown(run, estimates[item.job]))),
    )


def cached(run: Run, work: Sequence[JobSpec], history: History) -> list[dict[str, Any]]:
    """Per encoder of these jobs' learners how many contents of the run the cache has, of how many, and bytes."""
    if run.cache.root is None:
        return []
    users: dict[str, list[str]] = {}
    asked: dict[str, Mapping[str, int]] = {}
    for item in {item.job.learner: item for item in work}.values():
        for encoder, numbers in history.shared(item)[1].items():
            users.setdefault(encoder, []).append(item.job.learner)
            asked[encoder] = numbers
    contents = {key for name in MODALITIES for key in run.data.keys(name) if key} if asked else set()
    found, room = [], max(0, run.cache.room())
    for encoder, numbers in asked.items():
        there, wanted = run.cache.count(encoder, contents), numbers["contents"]
        missing = max(0, wanted - there) * numbers["bytes"] // max(1, wanted)
        if encoder.startswith(BULKY):  # they share the room
            missing = min(missing, room)
            room -= missing
        entry = {"encoder": encoder, "learners": users[encoder], "there": there, "wanted": wanted}
        found.append({**entry, "bytes": run.cache.used(encoder), "missing_bytes": missing})
    return found


def places(run: Run, needs: Needs) -> list[dict[str, Any]]:
    """Per disk the folder that grows, by how much, and what is free; one entry where results and cache share a disk."""
    grows = [(run.store.root, needs.results)]
    if run.cache.root is not None and needs.features:
        grows.append((run.cache.root, needs.features))
    found: dict[int, dict[str, Any]] = {}
    for folder, size in grows:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        entry = found.setdefault(there.stat().st_dev, {"folder": str(folder), "needs": 0})
        entry["needs"] += size
        entry["free"] = shutil.disk_usage(there).free
    return list(found.values())


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
    return max(0, 2 * estimate.checkpoints - size_of(run.store.unfinished(item.job)))


def _predictions(run: Run, item: JobSpec) -> int:
    """Of held-out and test rows, and of both again where the folds are joined."""
    held_out, outside = len(run.plan.held_out_rows(item.job.fold)), len(run.plan.test_rows)
    joined = held_out + outside / run.plan.settings.k
    return int((held_out + outside + joined) * (PER_ROW + PER_CLASS * len(item.task.classes)))


def _replaced(run: Run, item: JobSpec) -> int:
    """What is left of a result that is stale or was never finished; a checkpoint may be gone on from."""
    folder = run.store.job(item.job)
    return size_of(folder) - size_of(run.store.unfinished(item.job))
