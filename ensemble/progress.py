"""How long work says how far it is, without knowing who is watching."""

from collections.abc import Callable, Generator, Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Label = str | Callable[[], str]


class Track(Protocol):
    """Passes items on, one by one, and shows how many of ``total`` are done; a label that changes is a function."""

    def __call__(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]: ...


def silent(items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
    """Shows nothing."""
    yield from items
