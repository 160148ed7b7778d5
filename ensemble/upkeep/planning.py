"""What is to be done, and what it will take: time, disk, memory; nothing is run for it."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from heapq import heappop, heappush, nlargest
from pathlib import Path

from ensemble.jobs.job import JobSpec
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.claims import owner_of
from ensemble.system.processes import cores
from ensemble.upkeep.disk import CachedEncoder, DiskNeeds, cached_features, disk_needs
from ensemble.upkeep.estimates import Estimate, History

STATES = ("done", "missing", "failed", "stale")


@dataclass(frozen=True)
class PlannedLearner:
    """How many jobs of a learner on a task are in each state, and what those that are not done will take: seconds and
    bytes of models of all, memory of one; None where that is not known. ``estimated_from`` says which
    finished jobs tell."""

    learner: str
    task: str
    done: int
    missing: int
    failed: int
    stale: int
    seconds: float | None
    model_bytes: int | None
    peak_bytes: int | None
    estimated_from: str | None

    @property
    def todo(self) -> int:
        return self.missing + self.failed + self.stale


@dataclass(frozen=True)
class TimeNeeds:
    """Of all jobs but ``unknown_jobs``, of which nothing is known: the sum, the part that is shared and not cached yet,
    and how long it takes with ``jobs`` at a time."""

    jobs: int
    seconds: float
    shared_seconds: float
    wall_seconds: float
    unknown_jobs: int


@dataclass(frozen=True)
class MemoryNeeds:
    """Of the jobs that will be at work at a time, and what there is; None where that is not known."""

    bytes: int | None
    machine_bytes: int | None


@dataclass(frozen=True)
class JobPlan:
    """Jobs by state (``running`` in other processes), and what all that are not done will take. ``unknown`` learners
    are those of which no finished job tells; ``waiting`` ones cannot be planned yet, and why."""

    jobs: dict[str, int]
    running: int
    learners: tuple[PlannedLearner, ...]
    time: TimeNeeds
    disk: DiskNeeds
    memory: MemoryNeeds
    cache: tuple[CachedEncoder, ...]
    unknown: tuple[str, ...]
    waiting: dict[str, str]

    @property
    def todo(self) -> int:
        return sum(self.jobs.values()) - self.jobs.get("done", 0)


def plan_jobs(run: Run, work: Sequence[JobSpec], jobs: int = 1, waiting: Mapping[str, str] = {}) -> JobPlan:
    """What these jobs will take, ``jobs`` at a time.

    Seconds are those of finished jobs; wall time supposes that jobs share the cores evenly and lose nothing by it.
    """
    history = History(run, work)
    states: dict[Job, str] = {item.job: run.store.job(item.job).status(item.provenance)[0] for item in work}
    todo = [item for item in work if states[item.job] != "done"]
    fit_rows = {fold: len(run.plan.fit_rows(fold)) for fold in {item.job.fold for item in work}}
    estimates = {item.job: history.estimate(item, fit_rows[item.job.fold]) for item in work}
    cache = cached_features(run, work, history)
    peaks = [peak for item in todo if (peak := estimates[item.job].peak) is not None]
    counts = Counter(states.values())
    return JobPlan(
        {name: counts[name] for name in STATES if counts[name]},
        sum(owner_of(run.store.job(item.job).path) is not None for item in todo),
        tuple(_plan_learner(group, states, estimates) for group in _groups(work)),
        time_needs(todo, estimates, history, cache, jobs),
        disk_needs(run, todo, history, jobs),
        MemoryNeeds(sum(nlargest(jobs, peaks)) or None, machine_bytes()),
        tuple(cache),
        tuple(dict.fromkeys(item.job.learner for item in todo if estimates[item.job].source is None)),
        dict(waiting),
    )


def _groups(work: Sequence[JobSpec]) -> list[list[JobSpec]]:
    groups: dict[tuple[str, str], list[JobSpec]] = {}
    for item in work:
        groups.setdefault((item.job.learner, item.job.task), []).append(item)
    return list(groups.values())


def _plan_learner(
    group: Sequence[JobSpec], states: Mapping[Job, str], estimates: Mapping[Job, Estimate]
) -> PlannedLearner:
    todo = [estimates[item.job] for item in group if states[item.job] != "done"]
    seconds = [estimate.seconds for estimate in todo if estimate.seconds is not None]
    models = [estimate.models for estimate in todo if estimate.models is not None]
    counts = Counter(states[item.job] for item in group)
    return PlannedLearner(
        group[0].job.learner,
        group[0].job.task,
        counts["done"],
        counts["missing"],
        counts["failed"],
        counts["stale"],
        seconds=round(sum(seconds), 1) if len(seconds) == len(todo) else None,
        model_bytes=sum(models) if len(models) == len(todo) else None,
        peak_bytes=max((estimate.peak for estimate in todo if estimate.peak), default=None),
        estimated_from=todo[0].source if todo else None,
    )


def time_needs(
    todo: Sequence[JobSpec],
    estimates: Mapping[Job, Estimate],
    history: History,
    cache: Sequence[CachedEncoder],
    jobs: int,
) -> TimeNeeds:
    """What is shared and the cache does not have yet counts once per learner."""
    absent: dict[str, float] = {}
    for entry in cache:
        for learner in entry.learners:
            share = 1 - min(1.0, entry.there / max(1, entry.wanted))
            absent[learner] = max(share, absent.get(learner, 0.0))
    first = {item.job.learner: item for item in reversed(todo)}
    shared = {item.job: history.shared(item)[0] * absent.get(name, 0.0) for name, item in first.items()}
    known = [item.job for item in todo if estimates[item.job].seconds is not None]
    each = [(estimates[job].seconds or 0.0) + shared.get(job, 0.0) for job in known]
    core_seconds = sum(seconds * estimates[job].cores for job, seconds in zip(known, each, strict=True))
    wall = max(_makespan(each, jobs), core_seconds / cores())
    total, all_shared = round(sum(each), 1), round(sum(shared.values()), 1)
    return TimeNeeds(jobs, total, all_shared, round(wall, 1), len(todo) - len(known))


def _makespan(seconds: Sequence[float], jobs: int) -> float:
    """When the last one ends, where each begins as soon as one of ``jobs`` places is free."""
    ends = [0.0] * jobs
    for duration in seconds:
        heappush(ends, heappop(ends) + duration)
    return max(ends)


def machine_bytes() -> int | None:
    """The memory of this machine, or of the container that the process is confined to; None where it is not known."""
    limits = []
    with suppress(AttributeError, ValueError, OSError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits, default=None)
