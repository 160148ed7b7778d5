"""Jobs in several processes of this machine."""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Thread

from joblib import Parallel, delayed, parallel_config

from ensemble.claims import ASK, owner_of, was_left
from ensemble.engines.worker import Change, Changed, Opener, attempt_named, end_with
from ensemble.errors import LearnerError
from ensemble.interruption import asked, deferred, follow
from ensemble.jobs import Outcome, Work, failed
from ensemble.processes import machine, parent_of
from ensemble.progress import Track
from ensemble.run import Run
from ensemble.store import Job

PATIENCE = 10  # ends of processes in a row, without a job done between
ENDED = LearnerError("its process was ended from outside, again and again: most likely memory does not hold it")


@dataclass(frozen=True)
class Local:
    """``processes``, two or more, at a time with ``threads`` each; each on one of ``gpus``, where some are named.

    A process that is ended from outside takes its pool with it: a new one goes on with what is not done. After
    ``PATIENCE`` ends without progress the jobs that were under way have failed: most likely memory does not hold them.
    """

    opener: Opener
    processes: int
    threads: int
    gpus: tuple[str, ...] = ()

    def over(self, change: Change) -> "Local":
        return replace(self, opener=Changed(self.opener, change))

    def __call__(self, run: Run, work: Sequence[Work], track: Track) -> Iterator[Outcome]:
        left: dict[Job, Work] = {item.job: item for item in work}
        ends = 0
        with deferred(Thread(target=_pass_on, args=(run, left), daemon=True).start):
            while left and not asked():
                try:
                    for outcome in self._attempts(list(left)):
                        del left[outcome.job]
                        ends = 0
                        yield outcome
                except BrokenProcessPool:
                    ends += 1
                    if ends == PATIENCE:
                        ends = 0
                        for item in [one for one in left.values() if was_left(run.store.job(one.job))]:
                            yield failed(run, left.pop(item.job), ENDED)

    def _attempts(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        first = {"initializer": begin_below, "initargs": (os.getpid(),)}
        with parallel_config(backend="loky", inner_max_num_threads=self.threads, **first):
            pool = Parallel(n_jobs=self.processes, return_as="generator_unordered", batch_size=1)
            yield from pool(delayed(attempt_named)(self.opener, job, self.gpus) for job in jobs)


def begin_below(driver: int) -> None:
    """What a process does before its first job, which it may never get: it is not to outlive its driver."""
    end_with(driver)
    follow()


def _pass_on(run: Run, left: Mapping[Job, Work]) -> None:
    """Ask the processes that work for this one to come to an end, too: each once, as soon as it is at a job."""
    told = set()
    while left:
        for job in list(left):
            owner = owner_of(run.store.job(job))
            if owner is None or owner["machine"] != machine() or owner["process"] in told:
                continue
            if parent_of(owner["process"]) == os.getpid():
                told.add(owner["process"])
                with suppress(OSError):
                    os.kill(owner["process"], signal.SIGTERM)
        time.sleep(ASK)
