"""`ensemble data` judges as `ensemble train-base` does: the same refusals, the same doubts."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.shell import Ensemble

from cli.causes import by_cause

CONFIG = """
[data]
preset = "csv"
train = "posts.csv"
text = "text"
image = "image"
[data.tasks]
mood = ["sad", "glad"]
[run]
folder = "run"
cache = "cache"
[base.tfidf]
learner = "tfidf"
"""
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a table of so many posts, a column of them replaced, and its configuration."""
    (tmp_path / "images").mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")

    def table(rows: int = 40, config: str = CONFIG, **columns: Callable[[int], str]) -> None:
        made = {
            "id": lambda row: f"p{row}",
            "text": lambda row: f"words of post number {row}",
            "image": lambda row: f"images/{row % 4}.png",
            "mood": lambda row: ("sad", "glad")[row % 2],
        } | columns
        lines = [",".join(make(row) for make in made.values()) for row in range(rows)]
        (tmp_path / "posts.csv").write_text("\n".join([",".join(made), *lines]) + "\n")
        (tmp_path / "ensemble.toml").write_text(config)

    return table


@pytest.mark.parametrize(
    ("posts", "words"),
    [
        ({"rows": 0}, "There are no training posts"),
        ({"rows": 2}, "5 folds need at least 5 distinct training posts; there are 2"),
        ({"mood": lambda row: "sad"}, "Task 'mood' has only the class 'sad' in its 40 training rows"),
        ({"mood": lambda row: ""}, "Task 'mood' has no label in its 40 training rows"),
        ({"image": lambda row: f"https://host/{row}.jpg"}, "None of the 40 images names a file: the first is a web"),
        ({"id": lambda row: f"p\0{row}"}, "line 2 has id 'p\\x000', with a NUL byte in it"),
        ({"config": CONFIG.replace('"tfidf"', '"tfidff"')}, "Unknown learner 'tfidff'. Did you mean 'tfidf'?"),
        ({"config": CONFIG + "params = { wrds = 3 }"}, "Unknown base.tfidf.params key 'wrds'"),
        ({"config": CONFIG + '[base.t]\nlearner = "frozen"\nparams = { text = "./gone" }'}, "No such model folder"),
        ({"config": CONFIG + '[submit]\ntemplate = ""'}, "submit: template is empty"),
        ({"config": CONFIG + "[folds]\nk = 50"}, "50 folds need at least 50 distinct training posts; there are 40"),
    ],
)
def test_what_training_refuses_the_audit_refuses_in_the_same_words(
    ensemble: Ensemble, write: Write, posts: dict[str, object], words: str
) -> None:
    write(**posts)
    looked, trained = ensemble("data"), ensemble("train-base")
    assert looked.code == trained.code == 2
    assert words in looked.err
    assert looked.err.splitlines()[-1] == trained.err.splitlines()[-1]


def test_an_audit_leaves_no_run_behind_and_names_every_refusal(
    ensemble: Ensemble, write: Write, tmp_path: Path
) -> None:
    write(mood=lambda row: "sad", config=CONFIG.replace('"tfidf"', '"tfidff"'))
    looked = ensemble("data")
    assert "Unknown learner 'tfidff'" in looked.err and "! Task 'mood' has only the class 'sad'" in looked.out
    assert not (tmp_path / "run").exists()
    assert len(json.loads(ensemble("data", "--json").out)["refused"]) == 2


def test_doubts_are_said_before_training_and_by_the_audit(ensemble: Ensemble, write: Write) -> None:
    write(text=lambda row: "" if row % 2 else f"post {row}", mood=lambda row: "glad" if row < 2 else "sad")
    looked, trained = ensemble("data"), ensemble("train-base")
    assert looked.code == trained.code == 0
    said = [line for line in trained.err.splitlines() if line.startswith("! ")]
    heads = ["! texts are missi", "! mood: not every", "! mood: 4 distinc"]  # images, each on many posts
    assert [line[:17] for line in said] == heads
    printed = " ".join(looked.out.split())
    assert all(line in printed for line in said)


def test_a_hub_name_that_cannot_be_had_is_refused_once_and_before_the_first_job(
    ensemble: Ensemble, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    write(config=CONFIG + '[base.t]\nlearner = "textual"\nparams = { model = "nobody/has-this" }')
    for command in ("data", "train-base"):
        refused = ensemble(command)
        assert refused.code == 2
        assert refused.err.count("base.t: Cannot load model 'nobody/has-this': there is no folder") == 1
    assert not list((tmp_path / "run" / "base").glob("**/record.json"))
    assert ensemble("train-base", "-l", "tfidf").code == 0


def test_the_majority_class_stands_beside_the_learners(ensemble: Ensemble, write: Write) -> None:
    write(60, mood=lambda row: "glad" if row % 3 else "sad")
    trained = json.loads(ensemble("train-base", "--json").out)
    card = trained["baselines"]["mood"]
    assert card["metrics"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert card["metrics"]["macro_f1"]["value"] == pytest.approx(0.4)
    assert card["metrics"]["roc_auc"]["value"] == 0.5
    shown = ensemble("train-base").out
    assert "majority" in shown and ".400" in shown


def test_one_cause_is_one_line_that_names_what_it_hit() -> None:
    jobs = {f"v / mood / seed 0 / fold {fold}": "no weights" for fold in range(3)}
    jobs |= {f"v / {task} / seed 0 / fold 0": "no weights" for task in ("b", "c", "d")}
    other = {"t / mood / seed 0 / fold 1": "KeyError: 'a' (a bug; its traceback is in /x/failure.txt)"}
    bugs = {"t / mood / seed 0 / fold 2": "KeyError: 'a' (a bug; its traceback is in /y/failure.txt)"}
    hit = "v / mood / seed 0 / folds 0, 1, 2; v / b / seed 0 / fold 0; v / c / seed 0 / fold 0 and 1 more"
    assert by_cause(jobs | other | bugs) == [
        f"6 times, {hit}: no weights",
        "t / mood / seed 0 / folds 1, 2: KeyError: 'a' (a bug; its traceback is in /x/failure.txt)",
    ]
    assert by_cause({"trial 3": "diverged"}) == ["trial 3: diverged"]
