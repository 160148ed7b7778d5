"""How many threads the numeric libraries have, and how they wait: told in the environment, which they read once."""

import os

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
