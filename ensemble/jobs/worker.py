"""What a process does that was started for jobs: it opens the run for itself, once, and runs the jobs it is told to."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import Timeout

from ensemble.errors import LearnerError
from ensemble.jobs.job import JobSpec, Outcome, list_work, run_job
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.interruption import asked
from ensemble.system.locks import hold
from ensemble.system.progress import Reports

Opener = Callable[[], Run]  # hashable and picklable: equal openers open equal runs
Change = Callable[[Run], Run]  # the same
LOOK = 0.5  # seconds between two looks whether the driver is still there
PATIENCE = 10  # ends of processes in a row, without a job done between
ENDED = LearnerError("its process was ended from outside, again and again: most likely memory does not hold it")
LIBRARIES = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")  # each reads <name>_NUM_THREADS


@dataclass(frozen=True)
class Changed:
    """Opens a run and changes it, such as to one whose posts lack a modality."""

    opener: Opener
    change: Change

    def __call__(self) -> Run:
        return self.change(_opened(self.opener))


@dataclass(frozen=True)
class Gpus:
    """GPUs by number, each as often as it takes jobs; ``places`` is a folder in which processes take them."""

    names: tuple[str, ...]
    places: Path


def threads_of(count: int) -> dict[str, str]:
    """What libraries read when they are loaded."""
    return {f"{library}_NUM_THREADS": str(count) for library in LIBRARIES}


def run_named_job(opener: Opener, job: Job, gpus: Gpus | None = None) -> Outcome:
    """Run a job of the run that ``opener`` opens, on a GPU of this process's own where ``gpus`` are named."""
    if asked():
        return Outcome(job, claimed_elsewhere=True)
    if gpus is not None:
        _take_gpu(gpus)
    run = _opened(opener)
    work = list_work(run, [run.learners.spec(job.learner)], [run.data.task(job.task)], [job.fold])
    job_spec: JobSpec = next(listed for listed in work if listed.job == job)
    try:
        with Reports(run.store.job(job).progress) as reports:
            return run_job(run, job_spec, reports)
    except KeyboardInterrupt:
        return Outcome(job, claimed_elsewhere=True)


@lru_cache(maxsize=2)  # a changed run, and the one it is changed from
def _opened(opener: Opener) -> Run:
    return opener()


def end_with(driver: int) -> None:
    """End this process as soon as the one that started it is gone, which the system tells nobody."""
    threading.Thread(target=_await_end, args=(driver,), daemon=True).start()


def _await_end(driver: int) -> None:
    while os.getppid() == driver:
        time.sleep(LOOK)
    os._exit(1)


_kept = ExitStack()  # for as long as this process lives


@lru_cache(maxsize=1)
def _take_gpu(gpus: Gpus) -> str:
    """One of the GPUs, before anything has looked for devices."""
    while True:
        for number, gpu in enumerate(gpus.names):
            try:
                _kept.enter_context(hold(gpus.places / str(number), wait=False))
            except Timeout:
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            return gpu
        time.sleep(0.5)  # until the place of a process that has just died is free
