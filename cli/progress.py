"""Progress bars on stderr: what is done, what is left, how long it took and will take."""

import sys
from collections.abc import Generator, Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ensemble.progress import Label

Item = TypeVar("Item")


class Bars:
    """Nested bars on a terminal; elsewhere one plain line at the end of each stretch of work."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress: Progress | None = None

    def __call__(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        shown = self._bar if total and self._console.is_terminal else self._line
        yield from shown(items, label, total)

    def _line(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        try:
            yield from items
        except GeneratorExit:  # the work ended before its time, such as a training that stopped early
            _print(label, f"of {total}")
            raise
        _print(label, str(total))

    def _bar(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        outermost = self._progress is None
        if self._progress is None:
            columns = (BarColumn(24), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console)
            self._progress.start()
        progress = self._progress
        bar = progress.add_task(_text(label), total=total)
        try:
            for item in items:
                yield item
                progress.update(bar, advance=1, description=_text(label))
        finally:
            if outermost:
                progress.stop()
                self._progress = None
            else:
                progress.remove_task(bar)


def _text(label: Label) -> str:
    return label if isinstance(label, str) else label()


def _print(label: Label, total: str) -> None:
    print(f"  {total} {_text(label)}", file=sys.stderr, flush=True)
