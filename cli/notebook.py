"""Progress in notebooks: one small table under the cell, drawn anew as work goes on; needs no widgets."""

import html
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ensemble.system.progress import Label

Item = TypeVar("Item")
PAUSE = 0.2  # seconds between two drawings


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this; nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


@dataclass
class _Row:
    label: Label
    total: int
    done: int = 0


class NotebookBars:
    """Nested bars: the outermost stays with what it has done, those within come and go. ``others`` says how far jobs in
    other processes are."""

    def __init__(self, others: Callable[[], Mapping[str, tuple[str, int, int]]] | None = None) -> None:
        self._others = others
        self._rows: list[_Row] = []  # of each bar, the outermost first
        self._handle: Any = None
        self._drawn, self._began = 0.0, 0.0

    def __call__(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        if not self._rows:
            self._handle, self._drawn, self._began = None, 0.0, time.monotonic()
        row = _Row(label, total)
        self._rows.append(row)
        try:
            self._draw()
            for item in items:
                yield item
                row.done += 1
                self._draw()
        finally:
            if self._rows[0] is row:
                self._draw(last=True)
            self._rows.remove(row)

    def _draw(self, last: bool = False) -> None:
        if not last and time.monotonic() - self._drawn < PAUSE:
            return
        self._drawn = time.monotonic()
        rows = self._rows[:1] if last else self._rows
        lines = [_line(row.label, row.done, row.total) for row in rows]
        if self._others is not None and not last:
            lines += [_line(f"{name}: {label}", done, total) for name, (label, done, total) in self._others().items()]
        page = f"{'<br>'.join(lines)} {time.monotonic() - self._began:.0f} s"
        from IPython.display import HTML, display

        if self._handle is None:
            self._handle = display(HTML(page), display_id=True)
        else:
            self._handle.update(HTML(page))


def _line(label: Label, done: int, total: int) -> str:
    text = html.escape(label if isinstance(label, str) else label())
    return f'<progress value="{done}" max="{max(total, 1)}"></progress> {done}/{total} {text}'
