"""Learners and layouts of other packages: checked before they are called, part of what results are made of, and
imported for a run folder only where that is allowed."""

from pathlib import Path

import numpy as np
import pytest
from support.finished import REGISTRY, finish
from support.packages import LEARNER, Install
from support.world import SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec, bind_learner
from ensemble.datasets.adapters import bind_adapter
from ensemble.errors import ConfigError, DataError, LearnerError, StoreError
from ensemble.jobs.finished import find_models
from ensemble.jobs.job import list_work
from ensemble.jobs.run_record import RunRecord
from ensemble.learner_factory import make_learner
from ensemble.run import Run
from ensemble.search_space import space_of

SHARE = "theirs.learners:Share"
RAN = "\nfrom pathlib import Path\ndef called():\n    Path(__file__).with_suffix('.called').touch()\n"


@pytest.fixture
def run(install: Install, tmp_path: Path) -> Run:
    install("theirs", learners=LEARNER)
    return finish(tmp_path / "run", toy_table(24, test_rows=4), {"share": (SHARE, {"power": 0.5})})


def test_a_learner_of_another_package_is_made_with_checked_parameters(install: Install) -> None:
    install("theirs", learners=LEARNER)
    assert vars(make_learner(REGISTRY, SHARE, {"power": 2}, "base.x.params")) == {"power": 2.0}
    with pytest.raises(ConfigError, match=r"base\.x\.params\.power = 'much': must be a number"):
        make_learner(REGISTRY, SHARE, {"power": "much"}, "base.x.params")
    with pytest.raises(ConfigError, match=r"Unknown base\.x\.params key 'powr'\. Did you mean 'power'"):
        make_learner(REGISTRY, SHARE, {"powr": 1}, "base.x.params")


NO_CLASS = {
    "def Share(power: float = 1.0) -> None:\n    called()\n": "is of type 'function'; a base learner is a class",
    "import json\nShare = json\n": "is of type 'module'",
    "Share = 3\n": "is of type 'int'",
    "class Share: ...\n": "class Share has no method 'fit'",
    "from sklearn.svm import LinearSVC as Share\n": "has arguments|does not say of which type|must be callable",
    "from ensemble.learner import BaseLearner as Share\n": "is an abstract class",
    LEARNER.replace("power: float", "power"): "does not say of which type its argument 'power' is",
    LEARNER.replace("power: float = 1.0", "**power: float"): r"takes \*\*power: float; it may only take keyword",
    LEARNER.replace("power: float = 1.0", "power: float, /"): "takes power: float; it may only take keyword",
    LEARNER.replace("power: float", "power: 'Nothing'"): "cannot be checked: name 'Nothing' is not defined",
    LEARNER.replace("def load(", "def lood("): "has a method 'lood'; did you mean 'load'",
    LEARNER.replace("task: Task, seed: int)", "task: Task)"): r"'fit' must be callable as fit\(data, task, seed\)",
}


@pytest.mark.parametrize("source", NO_CLASS)
def test_what_is_no_learner_is_refused_before_it_is_called(install: Install, source: str) -> None:
    folder = install("theirs", learners=RAN + source)
    for ask in (
        lambda: make_learner(REGISTRY, SHARE, {}, "base.x.params"),
        lambda: space_of(REGISTRY, SHARE, "x", {}),
    ):
        with pytest.raises(ConfigError, match=NO_CLASS[source]) as caught:
            ask()
        assert str(caught.value).startswith("base.x: ") and "\n" not in str(caught.value)
    assert not (folder / "learners.called").exists()


def test_a_constructor_that_fails_is_one_line(install: Install) -> None:
    install("theirs", learners=LEARNER.replace("self.power = power", "self.power = power / 0"))
    with pytest.raises(LearnerError, match=rf"base\.x: '{SHARE}' failed: ZeroDivisionError: .* \(line 13 of "):
        bind_learner(REGISTRY, LearnerSpec("x", SHARE), Path())


def test_its_results_are_stale_once_its_code_or_version_is_another(run: Run, install: Install) -> None:
    def is_done() -> bool:
        again = Run(run.store, run.data, run.plan, REGISTRY, run.specs)
        return all(
            run.store.job(one.job).is_done(one.provenance) for one in list_work(again, run.specs, [SENTIMENT], ())
        )

    assert is_done()
    install("theirs", "1.1", learners=LEARNER)
    assert not is_done()
    install("theirs", learners=LEARNER)
    assert is_done()
    install("theirs", learners=LEARNER + "\n# other\n")
    assert not is_done()
    opened = RunRecord.read(run.store.root).open(REGISTRY, allow=["theirs"])
    with pytest.raises(StoreError, match=r"is stale: code was 'theirs 1.0, source .*', is now 'theirs 1.0, source "):
        find_models(opened, "share", SENTIMENT, [])


def test_a_run_folder_that_names_one_is_opened_only_where_it_is_allowed(run: Run, install: Install) -> None:
    record = RunRecord.read(run.store.root)
    folder = install("theirs", learners=RAN + "called()\n")
    for allow in ((), ("others",), ("learners",)):
        with pytest.raises(ConfigError, match=rf"names base.share.learner = '{SHARE}', .* --allow theirs$"):
            record.open(REGISTRY, allow=allow)
    assert not (folder / "learners.called").exists(), "nothing was imported"
    install("theirs", learners=LEARNER)
    opened = record.open(REGISTRY, allow=["theirs"])
    assert np.isclose(vars(opened.learners.make(opened.specs[0]))["power"], 0.5)


def test_a_module_in_the_run_folder_is_never_imported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = run.store.record.read_text().replace(SHARE, "evil.learners:Share")
    run.store.record.write_text(text)
    (run.store.root / "evil").mkdir()
    (run.store.root / "evil" / "learners.py").write_text(RAN + "called()\n" + LEARNER)
    monkeypatch.chdir(run.store.root)
    monkeypatch.syspath_prepend(str(run.store.root))  # type: ignore[no-untyped-call]
    opened = RunRecord.read(run.store.root).open(REGISTRY, allow=["evil"])
    with pytest.raises(ConfigError, match="evil is not an installed package"):
        opened.learners.make(opened.specs[0])
    assert not [*run.store.root.rglob("*.called")]


ADAPTER = """
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd

from ensemble.data import Dataset, Task


def read(root: Path, rows: int = 3, part: Literal["train", "test"] = "train") -> Dataset:
    frame = pd.DataFrame({"id": list("abcdef")[:rows], "text": "words", "part": part, "mood": None}, dtype=object)
    return Dataset(frame, root, (Task("mood", ("bad", "good")),))
"""


def test_an_adapter_of_another_package_reads_with_checked_options(install: Install, tmp_path: Path) -> None:
    install("theirs", layouts=ADAPTER)
    assert len(bind_adapter("theirs.layouts:read", {"rows": 2})(root=tmp_path)) == 2
    with pytest.raises(ConfigError, match=r"data\.part = 'all': must be 'train' or 'test'"):
        bind_adapter("theirs.layouts:read", {"part": "all"})
    with pytest.raises(ConfigError, match=r"Unknown preset 'cvs'\. Did you mean 'csv'"):
        bind_adapter("cvs", {})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "class read:\n    def __init__(self, root: str): called()\n",
            "is of type 'type', and must be",
        ),
        ("def read(root: Path, rows=3):\n    called()\n", "does not say of which type its argument 'rows' is"),
        ("def read(root: Path, *rows: int):\n    called()\n", "may only take keyword"),
        ("def read(root: Path) -> None:\n    called()\n", r"an adapter is `read\(root: Path, ...\) -> Dataset`"),
        ("def read(path: Path):\n    called()\n", r"an adapter is `read\(root: Path, ...\) -> Dataset`"),
        ("from shutil import rmtree as read\n", "does not say of which type|is of type"),
    ],
)
def test_what_is_no_adapter_is_refused_before_it_is_called(install: Install, source: str, words: str) -> None:
    folder = install("theirs", layouts=RAN + source)
    with pytest.raises(ConfigError, match=words) as caught:
        bind_adapter("theirs.layouts:read", {})
    assert str(caught.value).startswith("data.preset: ") and not (folder / "layouts.called").exists()


def test_an_adapter_that_fails_or_gives_something_else_is_one_line(install: Install, tmp_path: Path) -> None:
    install("theirs", layouts=ADAPTER.replace("frame = ", "frame = {}['x']\n    frame = "))
    with pytest.raises(DataError, match=r"'theirs.layouts:read' failed: KeyError: 'x' \(line 11 of "):
        bind_adapter("theirs.layouts:read", {})(root=tmp_path)
    install("theirs", layouts=ADAPTER.replace("return Dataset(", "return (lambda *_: 7)("))
    with pytest.raises(DataError, match="gave an object of type 'int', and no Dataset"):
        bind_adapter("theirs.layouts:read", {})(root=tmp_path)
