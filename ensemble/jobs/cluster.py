"""Jobs as tasks of Ray: on many machines that share a disk, or on this one."""

import logging
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from platform import node
from typing import Any

from ensemble.errors import ConfigError, EnsembleError, StoreError, first_line
from ensemble.jobs.job import JobSpec, Outcome, record_failure
from ensemble.jobs.worker import ENDED, PATIENCE, Change, Changed, Opener, run_named_job, threads_of
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.claims import owner_of
from ensemble.system.interruption import asked, deferred, listen
from ensemble.system.progress import Track

STORE = 80 * 2**20  # bytes of Ray's own memory: it carries nothing of ours but names of jobs
SETTINGS = {
    "RAY_task_oom_retries": str(PATIENCE - 1),  # by itself Ray tries for ever
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # by itself Ray prints among our tables what happened to its processes
    "RAY_SCHEDULER_EVENTS": "0",  # and what it thinks of it
    "RAY_worker_niceness": "0",  # of processes on this machine; by itself Ray has them wait for everybody else
}
GRACE = 5.0  # seconds in which tasks that nobody waits for may tidy up
LOOK = 1.0  # seconds between two looks whether to come to an end
STARTS = 3  # Ray gives parts of itself 15 seconds to report, too few on a busy machine that has not read them yet


@dataclass(frozen=True)
class Cluster:
    """Jobs with ``threads`` CPUs each, and ``gpus`` (a half is two jobs on one), on the cluster at ``address``.

    Without an address Ray is started on this machine and stopped at the end. ``jobs`` at a time; None: as many as there
    is room for. A job whose process or machine dies is tried again, wherever there is room; after ``PATIENCE`` deaths
    it has failed. Every machine needs this software and sees the run folder under the same path. Raises ConfigError
    without Ray, where there is no cluster, where no machine of it can hold a job, and where it has GPUs and ``gpus``
    is None: nobody has said whether they are to be used. Raises EnsembleError where Ray itself ends or does not start.
    """

    opener: Opener
    threads: int
    gpus: float | None = None
    address: str | None = None
    jobs: int | None = 2

    def __post_init__(self) -> None:
        if find_spec("ray") is None:
            raise ConfigError('Engine "ray" needs Ray, which is not installed: pip install "modality-ensemble[ray]".')
        if self.gpus is not None and self.gpus > 1 and self.gpus % 1:
            raise ConfigError(f"GPUs per job must be a part of one or a whole number, got {self.gpus:g}.")

    def over(self, change: Change) -> "Cluster":
        return replace(self, opener=Changed(self.opener, change))

    def __call__(self, run: Run, work: Sequence[JobSpec], track: Track) -> Iterator[Outcome]:
        if not work:
            return
        with self.connected(), deferred(), _in_one_line():
            import ray

            self._check_room()
            run.store.root.mkdir(parents=True, exist_ok=True)
            task, waiting = self._task(), deque(work)
            under_way: dict[Any, JobSpec] = {}
            called_off = False
            try:
                while under_way or (waiting and not asked()):
                    while waiting and len(under_way) < (self.jobs or len(work)) and not asked():
                        job_spec = waiting.popleft()
                        under_way[task.remote(self.opener, job_spec.job, run.store.root.resolve())] = job_spec
                    for ended in ray.wait(list(under_way), timeout=LOOK)[0]:
                        yield _outcome(run, under_way.pop(ended), ended)
                    if asked() and not called_off:
                        called_off = True
                        _call_off(list(under_way))
            finally:
                if under_way and not called_off:
                    _call_off(list(under_way))
                    ray.wait(list(under_way), num_returns=len(under_way), timeout=GRACE)

    def _task(self) -> Any:
        import ray

        return ray.remote(
            num_cpus=self.threads,
            num_gpus=self.gpus or 0.0,
            max_retries=PATIENCE - 1,
            max_calls=0,  # by itself Ray starts a process for each job on a GPU, which reads and imports all again
            runtime_env={"env_vars": {**threads_of(self.threads), "PYTHONPATH": os.pathsep.join(own_code())}},
        )(run_job_there)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Ray, for as many calls of the engine as come inside; as it is where this process is connected already."""
        for setting, value in SETTINGS.items():
            os.environ.setdefault(setting, value)
        import ray

        if ray.is_initialized():
            yield
            return
        with _own_signals():
            self._connect()
        try:
            yield
        finally:
            ray.shutdown()

    def _connect(self) -> None:
        import ray

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self.address is not None:
            try:
                ray.init(address=self.address, **quiet)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise ConfigError(f"No Ray cluster answers at {self.address}: {first_line(error)}.") from error
            return
        cpus = (self.jobs or 1) * self.threads  # "local" never joins what a killed run has left behind
        here = {"address": "local", "num_cpus": cpus, "object_store_memory": STORE, "include_dashboard": False}
        for more in reversed(range(STARTS)):
            try:
                ray.init(**here, **quiet)
                return
            except Exception as error:  # of no kind of its own
                ray.shutdown()
                if not more:
                    raise EnsembleError(f"Ray does not start on this machine: {first_line(error)}.") from error

    def _check_room(self) -> None:
        """A task that fits nowhere would wait for ever."""
        import ray

        machines = [machine["Resources"] for machine in ray.nodes() if machine["Alive"]]
        have = ", ".join(f"{m.get('CPU', 0):g} and {m.get('GPU', 0):g}" for m in machines)
        if self.gpus is None and any(machine.get("GPU", 0) for machine in machines):
            raise ConfigError(
                f"Ray's machines have {have} CPUs and GPUs; say how many jobs share a GPU: --jobs-per-gpu 1, or 0 for "
                "jobs without one."
            )
        gpus = self.gpus or 0.0
        if not any(m.get("CPU", 0) >= self.threads and m.get("GPU", 0) >= gpus for m in machines):
            raise ConfigError(
                f"No machine can hold a job with {self.threads} CPUs and {gpus:g} GPUs; they have {have}."
            )


def run_job_there(opener: Opener, job: Job, root: Path) -> Outcome:
    """Run a job in a process of Ray's; raises StoreError on a machine that does not share the disk."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") != _first_devices():
        os._exit(0)  # libraries look for devices once: another process has to do it, and Ray tries again
    listen(signal.SIGINT)  # as which Ray calls a task off
    if not root.is_dir():
        raise StoreError(f"{root} is not there on {node()}: machines of a cluster have to share its disk.")
    return run_named_job(opener, job)


@lru_cache(maxsize=1)
def _first_devices() -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def own_code() -> list[str]:
    """Where this process finds code that is not installed, such as a checkout: the same places serve its workers."""
    installed = [Path(place) for place in (sys.prefix, sys.base_prefix)]
    places = dict.fromkeys(Path(place).absolute() for place in sys.path)
    return [str(place) for place in places if not any(place.is_relative_to(prefix) for prefix in installed)]


def _outcome(run: Run, job_spec: JobSpec, ended: Any) -> Outcome:
    """What a task gave; raises what it raised."""
    import ray
    from ray.exceptions import NodeDiedError, OutOfMemoryError, RayTaskError, TaskCancelledError, WorkerCrashedError

    try:
        outcome: Outcome = ray.get(ended)
    except TaskCancelledError:
        return Outcome(job_spec.job, claimed_elsewhere=True)
    except RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from error  # Ray's own text has the traceback
        raise
    except (WorkerCrashedError, NodeDiedError, OutOfMemoryError):
        _await_end(run, job_spec)
        return record_failure(run, job_spec, ENDED)
    return outcome


def _await_end(run: Run, job_spec: JobSpec) -> None:
    """Ray knows of the end of a process a moment before the system does."""
    until = time.monotonic() + LOOK
    while owner_of(run.store.job(job_spec.job).path) is not None and time.monotonic() < until:
        time.sleep(0.05)


def _call_off(tasks: Sequence[Any]) -> None:
    """Ask tasks to come to an end: they save what they have and let go of what they have claimed."""
    import ray

    for task in tasks:
        ray.cancel(task)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """What befalls Ray itself; a RayTaskError is what befell a task."""
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError:
        raise
    except RayError as error:
        kept = "What is done is kept; run the command again."
        raise EnsembleError(f"Ray ended while jobs were under way: {first_line(error)}. {kept}") from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself; what this process does on it stays as it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
