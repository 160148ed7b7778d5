"""Progress in notebooks, drawn by a toy of IPython's display."""

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest

import cli.notebook
from cli.notebook import NotebookBars, in_notebook
from cli.progress import Bars, bars_where


class Cell:
    """Under a cell of a notebook: what was displayed, and each state of it."""

    def __init__(self) -> None:
        self.displays, self.states = 0, list[str]()

    def display(self, page: str, display_id: bool) -> "Cell":
        assert display_id
        self.displays += 1
        self.states.append(page)
        return self

    def update(self, page: str) -> None:
        self.states.append(page)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    made, ipython, display = Cell(), ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.HTML, display.display = str, made.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(cli.notebook, "PAUSE", 0.0)
    return made


def test_in_a_notebook_nested_work_is_one_display_that_changes(cell: Cell) -> None:
    bars = NotebookBars(lambda: {"other": ("folds <1>", 1, 3)})
    for _ in bars(range(2), "learners", 2):
        assert list(bars(range(3), lambda: "posts", 3)) == [0, 1, 2]
    assert cell.displays == 1
    inner = next(state for state in cell.states if "posts" in state)
    assert "learners" in inner and "other: folds &lt;1&gt;" in inner
    assert "2/2 learners" in cell.states[-1] and "posts" not in cell.states[-1] and "other" not in cell.states[-1]
    list(bars(range(1), "more", 1))
    assert cell.displays == 2, "other work gets its own"


def test_work_that_is_given_up_leaves_no_bar_behind(cell: Cell) -> None:
    bars = NotebookBars()
    work: Iterator[int] = bars(range(5), "epochs", 5)
    next(work)
    work.close()  # type: ignore[attr-defined]
    assert "0/5 epochs" in cell.states[-1]
    list(bars(range(1), "next", 1))
    assert "epochs" not in cell.states[-1]


def test_where_there_is_neither_notebook_nor_terminal_nothing_is_shown_unless_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    assert bars_where(None) is None and bars_where(False) is None and bars_where(True) is Bars


def test_a_notebook_is_told_from_a_shell(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_notebook() and bars_where(None) is NotebookBars and bars_where(False) is None
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace())
    assert not in_notebook(), "IPython in a terminal"
