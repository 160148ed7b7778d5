"""Clips are decoded in threads of their own while others are encoded."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 2  # files: an undecoded one is small, a minute of frames 100 MB

File = TypeVar("File")
Decoded = TypeVar("Decoded")


def ahead(decode: Callable[[File], Decoded], files: Sequence[File]) -> Iterator[Decoded]:
    """What ``decode`` makes of each file, in order, the next ones decoding while one is used."""
    waiting: deque[Future[Decoded]] = deque()
    with ThreadPoolExecutor(AHEAD) as pool:
        for file in files:
            waiting.append(pool.submit(decode, file))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
