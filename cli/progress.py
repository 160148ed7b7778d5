"""Progress bars on stderr: what is done, what is left, how long it took and will take."""

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cli.notebook import NotebookBars, in_notebook
from ensemble.system.progress import EVERY, Label, Track

Item = TypeVar("Item")
OtherJobs = Callable[[], Mapping[str, tuple[str, int, int]]]


class Bars:
    """Nested bars on a terminal; elsewhere one plain line at the end of each stretch of work, and of each job.

    ``others`` says how far jobs in other processes are, by name: what it does, how much is done, of how much.
    """

    def __init__(self, others: OtherJobs | None = None) -> None:
        self._console = Console(stderr=True)
        self._progress: Progress | None = None
        self._others = others

    def __call__(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        shown = self._bar if total and self._console.is_terminal else self._line
        yield from shown(items, label, total)

    def _line(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        known: set[str] = set()
        try:
            for number, item in enumerate(items, start=1):
                if hasattr(item, "describe"):  # an outcome
                    print(f"  {number}/{total} {item.describe(known)}", file=sys.stderr, flush=True)
                yield item
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
            self._show_others(self._progress)
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

    def _show_others(self, progress: Progress) -> None:
        """A bar for each job in another process, as long as ``progress`` is shown."""
        if self._others is not None:
            threading.Thread(target=_refresh, args=(progress, self._others), daemon=True).start()


def _refresh(progress: Progress, others: OtherJobs) -> None:
    shown: dict[str, TaskID] = {}
    while progress.live.is_started:
        now = others()
        for name in shown.keys() - now.keys():
            progress.remove_task(shown.pop(name))
        for name, (label, done, total) in now.items():
            if name not in shown:
                shown[name] = progress.add_task("", total=total)
            progress.update(shown[name], completed=done, total=total, description=escape(f"{name}: {label}"))
        time.sleep(EVERY)


def _text(label: Label) -> str:
    return label if isinstance(label, str) else label()


def _print(label: Label, total: str) -> None:
    print(f"  {total} {_text(label)}", file=sys.stderr, flush=True)


def bars_where(progress: bool | None) -> Callable[[OtherJobs | None], Track] | None:
    """Of the Python interface: with None bars where they can be drawn, on a terminal or in a notebook; with True also
    lines elsewhere."""
    if progress is not False and in_notebook():
        return NotebookBars
    return Bars if progress or (progress is None and Console(stderr=True).is_terminal) else None
