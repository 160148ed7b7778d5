"""Jobs in several processes of this machine."""

import atexit
import os
import signal
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from joblib import Parallel, delayed, parallel_config

from ensemble.jobs.job import JobSpec, Outcome, record_failure
from ensemble.jobs.worker import ENDED, PATIENCE, Change, Changed, Gpus, Opener, end_with, run_named_job
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.claims import ASK, owner_of, was_left
from ensemble.system.interruption import asked, deferred, follow
from ensemble.system.processes import machine, parent_of
from ensemble.system.progress import Track


@dataclass(frozen=True)
class Local:
    """``processes``, two or more, at a time with ``threads`` each; each on one of ``gpus``, where some are named.

    A process that is ended from outside takes its pool with it: a new one goes on with what is not done. After
    ``PATIENCE`` ends without progress each job that was under way is tried alone, and has failed where that, too, ends
    its process: most likely memory does not hold it.
    Raises LearnerError where processes end before they get as far as a job.
    """

    opener: Opener
    processes: int
    threads: int
    gpus: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.processes < 2:
            raise ValueError(f"for {self.processes} process there is `sequential`")

    def over(self, change: Change) -> "Local":
        return replace(self, opener=Changed(self.opener, change))

    def __call__(self, run: Run, work: Sequence[JobSpec], track: Track) -> Iterator[Outcome]:
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given to the executor")
        remaining: dict[Job, JobSpec] = {job_spec.job: job_spec for job_spec in work}
        ends = 0
        with deferred(), _passing_on(run, remaining):
            while remaining and not asked():
                try:
                    for outcome in self._outcomes(list(remaining)):
                        del remaining[outcome.job]
                        ends = 0
                        yield outcome
                except BrokenProcessPool:
                    ends += 1
                    if ends == PATIENCE:
                        ends = 0
                        at_work = [job for job in remaining if was_left(run.store.job(job).path)]
                        if not at_work:
                            raise ENDED from None
                        for job in at_work:
                            yield self._alone(run, remaining.pop(job))

    def _alone(self, run: Run, job_spec: JobSpec) -> Outcome:
        try:
            return next(self._outcomes([job_spec.job]))
        except BrokenProcessPool:
            return record_failure(run, job_spec, ENDED)

    def _outcomes(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        gpus = Gpus(self.gpus, _places()) if self.gpus else None
        first = {"initializer": begin_below, "initargs": (os.getpid(),)}
        with parallel_config(backend="loky", inner_max_num_threads=self.threads, **first):
            pool = Parallel(n_jobs=self.processes, return_as="generator_unordered", batch_size=1)
            yield from pool(delayed(run_named_job)(self.opener, job, gpus) for job in jobs)


def begin_below(driver: int) -> None:
    """What a process does before its first job, which it may never get: it is not to outlive its driver."""
    end_with(driver)
    follow()


@lru_cache(maxsize=1)
def _places() -> Path:
    """Where processes of this one take GPUs, for as long as it lives: joblib keeps them from call to call."""
    folder = TemporaryDirectory(prefix="ensemble-gpus-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@contextmanager
def _passing_on(run: Run, remaining: Mapping[Job, JobSpec]) -> Iterator[None]:
    """Once this process is asked to come to an end, so are those that work for it."""
    over = Event()
    Thread(target=_pass_on, args=(run, remaining, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _pass_on(run: Run, remaining: Mapping[Job, JobSpec], over: Event) -> None:
    """Each is told once, as soon as it is at a job."""
    told = set()
    while not over.wait(ASK):
        for job in list(remaining) if asked() else ():
            owner = owner_of(run.store.job(job).path)
            if owner is None or owner["machine"] != machine() or owner["process"] in told:
                continue
            if parent_of(owner["process"]) == os.getpid():
                told.add(owner["process"])
                with suppress(OSError):
                    os.kill(owner["process"], signal.SIGTERM)
