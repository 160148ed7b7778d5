"""Where jobs run: how many at a time, in which processes, on which GPUs. From the command line to an engine."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ensemble.jobs.train import Engine
    from ensemble.jobs.worker import Opener

HERE, RAY = "local", "ray"


@dataclass(frozen=True)
class Parallel:
    """``processes`` jobs at a time; ``gpus``, each named as often as it takes jobs, on this machine; with Ray
    ``gpus_per_job``, None where it was not said. Without ``limited`` a Ray cluster does as many as it has room for."""

    processes: int = 1
    gpus: tuple[str, ...] = ()
    engine: str = HERE
    address: str | None = None
    gpus_per_job: float | None = None
    limited: bool = True

    @classmethod
    def of(
        cls,
        jobs: int | None = None,
        gpus: str = "",
        jobs_per_gpu: int | None = None,
        engine: str = HERE,
        address: str = "",
    ) -> "Parallel":
        """From the command line; raises ConfigError where what it says does not go together."""
        from ensemble.errors import ConfigError, unknown

        if engine not in (HERE, RAY):
            raise ConfigError(unknown("engine", engine, (HERE, RAY)))
        if engine == RAY:
            if gpus:
                raise ConfigError("--gpus names GPUs of this machine; Ray hands out its own: --jobs-per-gpu 1.")
            share = None if jobs_per_gpu is None else 1 / jobs_per_gpu if jobs_per_gpu else 0.0
            return cls(jobs or 1, (), RAY, address or None, share, jobs is not None or not address)
        if address:
            raise ConfigError(f"--address {address} is that of a Ray cluster and needs --engine ray.")
        if not gpus:
            if jobs_per_gpu is not None:
                raise ConfigError("--jobs-per-gpu needs --gpus, such as --gpus 0,1, or --engine ray.")
            return cls(jobs or 1)
        return cls._on_gpus(jobs, gpus, 1 if jobs_per_gpu is None else jobs_per_gpu)

    @classmethod
    def _on_gpus(cls, jobs: int | None, gpus: str, each: int) -> "Parallel":
        from ensemble.errors import ConfigError

        named = [gpu.strip() for gpu in gpus.split(",")]
        if not all(name.isdigit() for name in named) or len(named) != len({*named}):
            raise ConfigError(f"--gpus {gpus!r} must name GPUs by number, each once, such as 0,1.")
        if not each:
            raise ConfigError("--jobs-per-gpu 0 goes with --engine ray; without --gpus no GPU is named.")
        if jobs is not None and jobs != len(named) * each:
            raise ConfigError(
                f"--jobs {jobs} does not fit --gpus {gpus} and --jobs-per-gpu {each}, which make "
                f"{len(named) * each}; leave out --jobs."
            )
        return cls(len(named) * each, tuple(named * each))

    def prepare(self, processes: int) -> None:
        """Before anything looks for GPUs; raises ConfigError where torchrun has started this process as one of
        several ``processes`` for each job."""
        from ensemble.errors import ConfigError

        if processes > 1 and self != Parallel():
            raise ConfigError("torchrun puts all its processes on each job: leave out --jobs, --gpus and --engine.")
        if self.gpus:
            _check_gpus(self.gpus)
        if len(self.gpus) == 1:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.gpus[0]

    @contextmanager
    def working(self, opener: "Opener", threads: int) -> "Iterator[Engine]":
        """The engine that runs jobs, ``threads`` for each, for as many calls as come inside."""
        if self.engine == RAY:
            from ensemble.jobs.cluster import Cluster

            jobs = self.processes if self.limited else None
            cluster = Cluster(opener, threads, self.gpus_per_job, self.address, jobs)
            with cluster.connected():
                yield cluster
        elif self.processes == 1:
            from ensemble.jobs.train import sequential

            yield sequential
        else:
            from ensemble.jobs.local import Local

            yield Local(opener, self.processes, threads, self.gpus)


def _check_gpus(gpus: Sequence[str]) -> None:
    """Jobs that find no GPU would be done without one, and nobody would know why they take so long."""
    import torch

    from ensemble.errors import ConfigError

    there = torch.cuda.device_count()
    if absent := sorted({int(gpu) for gpu in gpus if int(gpu) >= there}):
        have = f"has {there}, numbered from 0" if there else "has none that PyTorch can use"
        raise ConfigError(f"--gpus {', '.join(map(str, absent))}: this machine {have}.")


def processes_of(n_jobs: int | None) -> int:
    """As scikit-learn's ``n_jobs``: None is 1, -1 one for each core."""
    from ensemble.errors import ConfigError
    from ensemble.system.processes import cores

    if n_jobs == -1:
        return cores()
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs < 1):
        raise ConfigError(f"n_jobs = {n_jobs!r}: must be at least 1, or -1 for all cores.")
    return n_jobs or 1
