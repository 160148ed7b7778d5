"""What is to be done, and what it will take: time, disk, memory; nothing is run for it."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from heapq import heappop, heappush, nlargest
from pathlib import Path
from typing import Any

from ensemble.jobs.job import JobSpec
from ensemble.run import Run
from ensemble.system.claims import owner_of
from ensemble.system.processes import cores
from ensemble.upkeep.disk import cached, needs_of, places
from ensemble.upkeep.estimates import Estimate, History

STATES = ("done", "missing", "failed", "stale")


def plan(run: Run, work: Sequence[JobSpec], jobs: int = 1, waiting: Mapping[str, str] = {}) -> dict[str, Any]:
    """Plain JSON: per learner and task the jobs in each state and what one takes; time, disk and memory of all that is
    to be done, ``jobs`` at a time. None, and the names under ``unknown``, where no finished job tells. ``waiting`` are
    those that cannot be planned yet, and why.

    Seconds are those of finished jobs; wall time supposes that jobs share the cores evenly and lose nothing by it.
    """
    history = History(run, work)
    states: dict[Any, str] = {item.job: run.store.job(item.job).status(item.provenance)[0] for item in work}
    todo = [item for item in work if states[item.job] != "done"]
    fit_rows = {fold: len(run.plan.fit_rows(fold)) for fold in {item.job.fold for item in work}}
    estimates = {item.job: history.estimate(item, fit_rows[item.job.fold]) for item in work}
    needs = needs_of(run, todo, history, jobs)
    cache = cached(run, work, history)
    peaks = [estimates[item.job].peak for item in todo]
    return {
        "jobs": {name: count for name in STATES if (count := Counter(states.values())[name])},
        "running": sum(owner_of(run.store.job(item.job).path) is not None for item in todo),
        "learners": [_row(group, states, estimates) for group in _groups(work)],
        "time": _time(run, todo, estimates, history, cache, jobs),
        "disk": {**needs.parts(), "unknown": list(needs.unknown), "places": places(run, needs)},
        "memory": {
            "bytes": sum(nlargest(jobs, (peak for peak in peaks if peak is not None))) or None,
            "machine_bytes": machine_bytes(),
        },
        "cache": cache,
        "unknown": list(dict.fromkeys(item.job.learner for item in todo if estimates[item.job].source is None)),
        "waiting": dict(waiting),
    }


def _groups(work: Sequence[JobSpec]) -> list[list[JobSpec]]:
    found: dict[tuple[str, str], list[JobSpec]] = {}
    for item in work:
        found.setdefault((item.job.learner, item.job.task), []).append(item)
    return list(found.values())


def _row(group: Sequence[JobSpec], states: dict[Any, str], estimates: dict[Any, Estimate]) -> dict[str, Any]:
    job = group[0].job
    todo = [estimates[item.job] for item in group if states[item.job] != "done"]
    seconds = [estimate.seconds for estimate in todo if estimate.seconds is not None]
    models = [estimate.models for estimate in todo if estimate.models is not None]
    count = Counter(states[item.job] for item in group)
    return {
        "learner": job.learner,
        "task": job.task,
        **{name: count[name] for name in STATES},
        "seconds": round(sum(seconds), 1) if len(seconds) == len(todo) else None,
        "model_bytes": sum(models) if len(models) == len(todo) else None,
        "peak_bytes": max((estimate.peak for estimate in todo if estimate.peak), default=None),
        "judged_by": todo[0].source if todo else None,
    }


def _time(
    run: Run,
    todo: Sequence[JobSpec],
    estimates: dict[Any, Estimate],
    history: History,
    cache: Sequence[dict[str, Any]],
    jobs: int,
) -> dict[str, Any]:
    """``shared`` is what the cache does not have yet, once per learner."""
    absent: dict[str, float] = {}
    for entry in cache:
        for learner in entry["learners"]:
            share = 1 - min(1.0, entry["there"] / max(1, entry["wanted"]))
            absent[learner] = max(share, absent.get(learner, 0.0))
    first = {item.job.learner: item for item in reversed(todo)}
    shared = {item.job: history.shared(item)[0] * absent.get(name, 0.0) for name, item in first.items()}
    known = [item.job for item in todo if estimates[item.job].seconds is not None]
    each = [(estimates[job].seconds or 0.0) + shared.get(job, 0.0) for job in known]
    core_seconds = sum(seconds * estimates[job].cores for job, seconds in zip(known, each, strict=True))
    wall = max(_makespan(each, jobs), core_seconds / cores())
    return {
        "jobs": jobs,
        "seconds": round(sum(each), 1),
        "shared_seconds": round(sum(shared.values()), 1),
        "wall_seconds": round(wall, 1),
        "unknown_jobs": len(todo) - len(known),
    }


def _makespan(seconds: Sequence[float], jobs: int) -> float:
    """When the last one ends, where each begins as soon as one of ``jobs`` places is free."""
    free = [0.0] * jobs
    for one in seconds:
        heappush(free, heappop(free) + one)
    return max(free)


def machine_bytes() -> int | None:
    """The memory of this machine, or of the container that the process is confined to; None where it is not said."""
    found = []
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(found, default=None)
