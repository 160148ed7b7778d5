"""A learner and a layout of another package, from the configuration to new posts."""

import logging
from pathlib import Path

import pandas as pd
import pytest
from support.packages import LEARNER, Install
from support.shell import Ensemble

import ensemble as door
from ensemble.errors import ConfigError

CONFIG = """
[data]
preset = "theirs.layouts:read"
root = "."
rows = 40
[folds]
k = 3
[base.share]
learner = "theirs.learners:Share"
params = { power = 0.5 }
[stack]
estimators = ["soft_vote"]
"""
LAYOUT = """
from pathlib import Path

import pandas as pd

from ensemble.data import Dataset, Task


def read(root: Path, rows: int) -> Dataset:
    moods = ["good" if row % 3 else "bad" for row in range(rows)]
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(rows)], "text": [f"words {row}" for row in range(rows)]})
    return Dataset(frame.assign(part="train", mood=moods).astype(object), root, (Task("mood", ("bad", "good")),))
"""


@pytest.fixture
def finished(install: Install, ensemble: Ensemble, tmp_path: Path) -> Path:
    """A run of theirs alone."""
    install("theirs", learners=LEARNER, layouts=LAYOUT)
    (tmp_path / "ensemble.toml").write_text(CONFIG)
    (tmp_path / "new.csv").write_text("text\nnice\nawful\n")
    for command in ("train-base", "stack", "report"):
        outcome = ensemble(command, "--quiet")
        assert outcome.code == 0, outcome.err
    return tmp_path / "artifacts" / "run"


def test_a_configuration_may_name_them_and_a_run_folder_only_what_is_allowed(
    finished: Path, ensemble: Ensemble, install: Install, tmp_path: Path
) -> None:
    (tmp_path / "ensemble.toml").unlink()
    asked = ("predict", "new.csv", "--run", finished, "--out", "-", "--quiet")
    refused = ensemble(*asked)
    assert refused.code == 2 and refused.err.count("\n") == 1
    assert "Where you trust theirs as it is installed here: --allow theirs" in refused.err
    assert "code of another package" in ensemble(*asked, "--allow", "others").err
    allowed = ensemble(*asked, "--allow", "others", "--allow", "theirs")
    assert allowed.code == 0 and allowed.out.startswith("id,mood,"), allowed.err
    assert ensemble("report", "-c", finished, "--quiet").code == 2
    assert ensemble("report", "-c", finished, "--quiet", "--allow", "theirs").code == 0
    install("theirs", "2.0", learners=LEARNER, layouts=LAYOUT)
    assert "is stale: code was 'theirs 1.0" in ensemble(*asked, "--allow", "theirs").err


def test_the_interface_of_python_asks_for_the_same(finished: Path, caplog: pytest.LogCaptureFixture) -> None:
    for open_it in (door.load, door.open):
        with pytest.raises(ConfigError, match=r"as it is installed here: allow=\['theirs'\]$"):
            open_it(finished)
    frame = pd.DataFrame({"text": ["nice", "awful"]})
    caplog.set_level(logging.ERROR)
    given = door.load(finished, allow=["theirs"]).predict(frame)
    assert given["mood"].tolist() == ["good", "good"]
    assert door.open(finished, allow=["theirs"], progress=False).predict(frame).equals(given)


def test_what_a_user_writes_down_in_python_is_trusted(install: Install, tmp_path: Path) -> None:
    install("theirs", learners=LEARNER)
    posts = door.Posts.from_frame(
        pd.DataFrame({"text": [f"words {row}" for row in range(30)], "label": ["a", "b", "b"] * 10}), root=tmp_path
    )
    project = door.Project.from_posts(
        posts, {"share": "theirs.learners:Share"}, tmp_path / "run", folds={"k": 3}, progress=False
    )
    project.train()
    project.stack()
    assert set(project.predict(pd.DataFrame({"text": ["new"]}))["label"]) == {"b"}


def test_strange_code_is_refused_in_one_line(ensemble: Ensemble, install: Install, tmp_path: Path) -> None:
    install("theirs", learners=LEARNER, layouts=LAYOUT)
    (tmp_path / "lying.py").write_text(LEARNER)
    cases = {
        "os:system": "os is not an installed package",
        "subprocess:getoutput": "subprocess is not an installed package",
        "builtins:eval": "builtins is not an installed package",
        "lying:Share": "lying is not an installed package",
        "theirs.layouts:read": "is of type 'function'; a base learner is a class",
        "theirs.learners": "Unknown learner 'theirs.learners'",
        "theirs:learners:Share": "must be of the form 'my_package.module:Name'",
    }
    for place, words in cases.items():
        (tmp_path / "ensemble.toml").write_text(CONFIG.replace("theirs.learners:Share", place))
        outcome = ensemble("train-base", "--quiet")
        assert outcome.code == 2 and words in outcome.err and outcome.err.count("\n") == 1, outcome.err
