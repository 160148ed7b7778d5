"""How many threads the numeric libraries have, and how they wait: told in the environment, which they read once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARIES = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMBA", "NUMEXPR")  # each reads <name>_NUM_THREADS
# Threads of OpenMP that wait spin by default: fine alone, ruinous beside busy processes, where the spinning keeps the
# awaited thread off the core. GNU's runtime (Linux wheels) reads the first name, LLVM's and Intel's the second, too.
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
WAITING = (*PASSIVE, "GOMP_SPINCOUNT")


def waiting() -> dict[str, str]:
    """How OpenMP's threads wait: as the user has said in any of the variables, else passively."""
    return {name: os.environ[name] for name in WAITING if name in os.environ} or PASSIVE


def threads_of(count: int) -> dict[str, str]:
    """What libraries read when they are loaded, in a process that has so many threads."""
    return {f"{library}_NUM_THREADS": str(count) for library in LIBRARIES} | waiting()


def use_threads(count: int) -> None:
    """Exactly this many threads for every library, loaded already or from here on; bits depend on the number."""
    from threadpoolctl import threadpool_limits

    os.environ.update(threads_of(count))
    threadpool_limits(count)


@contextmanager
def threads_kept() -> Iterator[None]:
    """Whatever is set inside, afterwards the environment, and libraries that were loaded before, have what they had;
    one that is loaded inside keeps what it found."""
    from threadpoolctl import threadpool_limits

    with environment_kept(), threadpool_limits(None):  # restores what it finds
        yield


@contextmanager
def environment_kept() -> Iterator[None]:
    """Afterwards the environment says of threads what it said before."""
    before = {name: os.environ.get(name) for name in threads_of(1)}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
