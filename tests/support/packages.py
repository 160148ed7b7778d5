"""Packages of other people, installed for a test into a folder of its own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from ensemble.system.installed import version_of

Install = Callable[..., Path]
LEARNER = '''
from pathlib import Path

import numpy as np

from ensemble.data import Dataset, Task


class Share:
    """The classes' shares among the fit rows, to a power."""

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        labels = data.labels(task)
        counts = (np.bincount(labels[labels >= 0], minlength=len(task.classes)) + 1.0) ** self.power
        self.shares_ = counts / counts.sum()

    def predict_proba(self, data: Dataset) -> np.ndarray:
        return np.tile(self.shares_, (len(data), 1))

    def modalities(self) -> tuple[str, ...]:
        return ()

    def save(self, folder: Path) -> None:
        np.save(folder / "shares.npy", self.shares_)

    def load(self, folder: Path) -> None:
        self.shares_ = np.load(folder / "shares.npy")
'''


@contextmanager
def installing(folder: Path) -> Iterator[Install]:
    """``install("theirs", learners=SOURCE, version="1.0")``: a package ``theirs`` with a module ``learners``."""
    names: set[str] = set()
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("site.getsitepackages", lambda: [str(folder)])
        patch.syspath_prepend(str(folder))  # type: ignore[no-untyped-call]

        def install(name: str, version: str = "1.0", **modules: str) -> Path:
            (folder / name).mkdir(exist_ok=True)
            for module, source in {"__init__": "", **modules}.items():
                (folder / name / f"{module}.py").write_text(dedent(source))
            recorded = folder / f"{name}.dist-info"
            recorded.mkdir(exist_ok=True)
            (recorded / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            (recorded / "top_level.txt").write_text(name)
            names.add(name)
            forget(names)
            return folder / name

        yield install
    forget(names)


def forget(packages: set[str]) -> None:
    """As in a process that has not imported them."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]
    version_of.cache_clear()
    sys.path_importer_cache.clear()
