"""Arrays worked on in parts, on all cores at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ensemble.system.processes import cores

Part = TypeVar("Part")
Result = TypeVar("Result")


def parts(rows: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def on_all_cores(work: Callable[[Part], Result], items: Iterable[Part]) -> list[Result]:
    """The results in the order of the items; NumPy works without holding the interpreter's lock, and its libraries on
    one thread each: theirs would wait for one another."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(work, items))
