"""Progress bars on stderr: what is done, what is left, how long it took and will take."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")


class Bars:
    """Nested bars on a terminal; elsewhere one plain line at the end of each stretch of work."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress: Progress | None = None

    def __call__(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        if total == 0 or not self._console.is_terminal:
            yield from items
            print(f"  {total} {label}", file=sys.stderr, flush=True)
            return
        yield from self._shown(items, label, total)

    def _shown(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        outermost = self._progress is None
        if self._progress is None:
            columns = (BarColumn(24), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console)
            self._progress.start()
        progress = self._progress
        bar = progress.add_task(label, total=total)
        try:
            for item in items:
                yield item
                progress.advance(bar)
        finally:
            if outermost:
                progress.stop()
                self._progress = None
            else:
                progress.remove_task(bar)
