"""Calls made on several cores, each on one thread, so that their number changes no bit."""

from collections.abc import Callable, Generator, Iterable
from multiprocessing import current_process
from typing import Any, TypeVar

Result = TypeVar("Result")


def side_by_side(
    function: Callable[..., Result], calls: Iterable[tuple[Any, ...]], threads: int, ordered: bool = True
) -> Generator[Result, None, None]:
    """The results of the ``function`` for each of ``calls``, its arguments, as many at a time as ``threads``; as they
    come if not ``ordered``."""
    from joblib import Parallel, delayed, parallel_config

    # Processes, not threads: forests reset the warning filters around every tree, for all threads of a process.
    # One that itself works for another, as in a cross-validation side by side, has none: as it ends it would wait for
    # its own to grow idle, which takes minutes.
    threads = threads if current_process().name == "MainProcess" else 1
    backend = {"backend": "loky", "inner_max_num_threads": 1} if threads > 1 else {"backend": "sequential"}
    with parallel_config(**backend):
        parallel = Parallel(n_jobs=threads, return_as="generator" if ordered else "generator_unordered")
        yield from parallel(delayed(function)(*arguments) for arguments in calls)
