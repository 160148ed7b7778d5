"""How long work says how far it is, without knowing who is watching."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Track(Protocol):
    """Passes items on, one by one, and shows how many of ``total`` are done."""

    def __call__(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]: ...


def silent(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """Shows nothing."""
    yield from items
