"""A project in Python does what the commands do: the same run folder, the same bits; results are frames."""

import logging
import os
from pathlib import Path

import pandas as pd
import pytest
from support.frames import COLUMNS, SETTINGS, TASKS
from support.shell import Ensemble

import ensemble
from ensemble.errors import ConfigError, FoldError, LearnerError, StoreError

CONFIG = """
[data]
preset = "csv"
root = "{memes}"
train = "posts.csv"
test = "test.csv"
id = "name"
text = "caption"
image = "file"
images = "images"
[data.tasks]
sentiment = ["negative", "neutral", "positive"]
sarcasm = ["0", "1"]
[folds]
k = 3
[run]
folder = "run"
cache = "cache"
threads = 1
[base.prior]
learner = "prior"
[base.tfidf]
learner = "tfidf"
[base.both]
learner = "frozen"
params = {{ text = "{text}", image = "{image}", max_length = 64, views = 1 }}
[stack]
estimators = ["soft_vote"]
"""


def tables(folder: Path) -> dict[str, bytes]:
    """The predictions of learners and stacks, by place."""
    found = [path for kind in ("base", "stack") for path in sorted((folder / kind).rglob("*.parquet"))]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_frame_and_a_configuration_give_the_same_bits(
    finished: ensemble.Project, ensemble: Ensemble, memes: Path, encoders: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "ensemble.toml").write_text(CONFIG.format(memes=memes, **encoders))
    for command in ("train-base", "stack", "submit"):
        assert ensemble(command, "--quiet").code == 0
    ours, theirs = tables(finished.folder), tables(tmp_path / "run")
    assert ours == theirs and {"base/both/sarcasm/oof.parquet", "stack/sentiment/test.parquet"} <= ours.keys()
    assert finished.submit().read_bytes() == (tmp_path / "run" / "submission" / "submission.csv").read_bytes()


def test_what_a_frame_began_commands_go_on_with(
    finished: ensemble.Project, ensemble: Ensemble, frame: pd.DataFrame, memes: Path, tmp_path: Path
) -> None:
    folder = finished.folder
    status = ensemble("status", "--run", folder)
    assert status.code == 0 and "done" in status.out
    assert ensemble("report", "-c", folder, "--out", "report.html", "--quiet").code == 0
    assert "sentiment" in (tmp_path / "report.html").read_text()
    frame.drop(columns=list(TASKS)).head(5).to_csv(tmp_path / "new.csv", index=False)
    asked = ensemble("predict", "new.csv", "--run", folder, "--images", memes / "images", "-o", "-", "--quiet")
    assert asked.code == 0 and len(asked.out.splitlines()) == 6
    again = ensemble("train-base", "--run", folder, "--json")
    assert again.code == 0 and "12 already done" not in again.err


def test_results_are_frames(finished: ensemble.Project, posts: ensemble.Posts) -> None:
    folds = finished.folds()
    assert list(folds) == ["id", "fold", "group"] and set(folds["fold"]) == {-1, 0, 1, 2}
    plan = finished.plan()
    assert set(plan["learner"]) == {"prior", "tfidf", "both"} and plan["done"].tolist() == [3] * 6
    trained = finished.train()
    assert trained.query("task == 'sarcasm'")["name"].tolist() == ["prior", "tfidf", "both", "majority class"]
    assert trained["score"].between(trained["low"], trained["high"]).all()
    stacked = finished.stack(["sentiment"])
    assert set(stacked.query("member")["kind"]) == {"candidate"}
    assert set(stacked["kind"]) == {"learner", "candidate", "stack", "baseline"}
    oof = finished.predictions("sentiment")
    assert len(oof) == len(posts) and oof.filter(like="sentiment:").sum(axis=1).to_numpy() == pytest.approx(1)
    assert len(finished.predictions("sentiment", "tfidf", test=True)) == 15
    assert finished.report().name == "report.html"


def test_the_run_folder_opens_as_a_project_and_nothing_is_done_again(finished: ensemble.Project) -> None:
    opened = ensemble.open(finished.folder)
    before = tables(finished.folder)
    times = [path.stat().st_mtime_ns for path in finished.folder.rglob("record.json")]
    pd.testing.assert_frame_equal(opened.train(), finished.train())
    assert tables(finished.folder) == before
    assert times == [path.stat().st_mtime_ns for path in finished.folder.rglob("record.json")]


def test_neither_folder_nor_threads_nor_streams_are_touched(
    posts: ensemble.Posts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    project = ensemble.Project.from_posts(posts, ["prior"], "run", **SETTINGS)
    project.train()
    project.stack()
    assert dict(os.environ) == before and Path.cwd() == tmp_path
    assert capfd.readouterr() == ("", "")


def test_two_jobs_at_a_time_open_what_the_last_call_left(
    posts: ensemble.Posts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes stay from call to call and must not remember an older run of the same folder."""
    monkeypatch.chdir(tmp_path)
    for names in (["prior"], ["prior", "tfidf"]):
        project = ensemble.Project.from_posts(posts, names, "run", **SETTINGS)
        assert set(names) <= set(project.train(n_jobs=2)["name"])


def test_mistakes_are_one_line(
    posts: ensemble.Posts, frame: pd.DataFrame, memes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make = ensemble.Project.from_posts
    with pytest.raises(ConfigError, match=r"folds\.k = 'three': must be a whole number"):
        make(posts, ["prior"], folds={"k": "three"})
    with pytest.raises(ConfigError, match=r"Unknown run key 'seed'\. Did you mean 'seeds'"):
        make(posts, ["prior"], run={"seed": 1})
    for wrong in ("prior", 5):
        with pytest.raises(ConfigError, match="must be a list of names"):
            make(posts, wrong)
    with pytest.raises(ConfigError, match=r"folds=5 must be a mapping, as the table \[folds\]"):
        make(posts, ["prior"], folds=5)
    with pytest.raises(ConfigError, match=r"Unknown learner 'tfidff'\. Did you mean 'tfidf'"):
        make(posts, ["tfidff"]).plan()
    with pytest.raises(StoreError, match="is not finished; run `ensemble train-base"):
        make(posts, ["prior"], **SETTINGS).predictions("sentiment")
    for jobs in (0, "two"):
        with pytest.raises(ConfigError, match=f"n_jobs = {jobs!r}: must be at least 1"):
            make(posts, ["prior"]).train(n_jobs=jobs)
    for wrong in ({"learners": "prior"}, {"tasks": "sentiment"}, {"folds": 1}, {"budget": 30}):
        with pytest.raises(ConfigError, match=r"must be a list of .*, such as \["):
            make(posts, ["prior"]).train(**wrong)
    with pytest.raises(ConfigError, match="No such file: nowhere"):
        ensemble.open("nowhere.toml")
    with pytest.raises(ConfigError, match="No such file or folder: nowhere; name a run folder"):
        ensemble.open("nowhere")
    with pytest.raises(ConfigError, match="is no run folder"):
        ensemble.open(tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        ensemble.load("nowhere")
    make(posts, ["prior"], "begun", **SETTINGS).train()
    fewer = ensemble.Posts.from_frame(frame.head(60), TASKS, **COLUMNS, root=memes / "images")
    with pytest.raises(FoldError, match="not the one this run's folds were made for"):
        make(fewer, ["prior"], "begun", **SETTINGS).train()


def test_jobs_that_fail_are_raised_with_their_cause_and_the_others_are_done(
    frame: pd.DataFrame, encoders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    posts = ensemble.Posts.from_frame(frame, {"sarcasm": ["0", "1"]}, text="caption", id="name")
    bad = {"learner": "frozen", "params": {"text": encoders["text"], "text_layer": 99, "max_length": 64}}
    project = ensemble.Project.from_posts(posts, {"bad": bad, "prior": "prior"}, "run", **SETTINGS)
    with pytest.raises(LearnerError, match="3 jobs failed: bad / sarcasm / seed 0 / folds 0, 1, 2: frozen: text_layer"):
        project.train()
    assert project.train(["prior"])["name"].tolist() == ["prior", "majority class"]
    assert project.plan().set_index("learner")["done"].to_dict() == {"bad": 0, "prior": 3}


def test_what_is_to_be_known_is_logged(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, logger="ensemble"):
        ensemble.Posts.from_frame(frame, ["sarcasm"], text="caption", id="name")
    assert caplog.messages == ["sarcasm: classes 0, 1."]


def test_posts_that_came_later_get_folds_and_old_ones_stay_in_theirs(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": [f"words {row}" for row in range(45)], "label": ["a", "b", "b"] * 15})

    def project(rows: int) -> ensemble.Project:
        posts = ensemble.Posts.from_frame(frame.head(rows), {"label": ["a", "b"]}, root=tmp_path)
        return ensemble.Project.from_posts(posts, ["prior"], tmp_path / "run", folds={"k": 3}, progress=False)

    first = project(30)
    first.train()
    before = first.folds().set_index("id")["fold"]
    grown = project(45)
    with pytest.raises(FoldError, match=r"15 rows new .* --extend-folds` keeps the folds of the others"):
        grown.train()
    grown.train(extend_folds=True)
    after = grown.folds().set_index("id")["fold"]
    assert len(after) == 45 and after[before.index].equals(before)


def test_an_operating_point_is_chosen_in_python_and_left_out_where_it_is_not_wanted(tmp_path: Path) -> None:
    words = ["awful bad day", "great good day", "great day", "bad day"] * 12
    frame = pd.DataFrame({"text": [f"{text} {row}" for row, text in enumerate(words)], "label": [*"abbb"] * 12})
    posts = ensemble.Posts.from_frame(frame, {"label": ["a", "b"]}, root=tmp_path)
    stack = {"estimators": ["soft_vote"]}
    project = ensemble.Project.from_posts(
        posts, ["tfidf"], tmp_path / "run", folds={"k": 3, "copies": "ignore"}, stack=stack, progress=False
    )
    project.train()
    project.stack()
    found = project.thresholds(review=0.25).set_index("name")
    assert list(found) == ["value", "low", "high", "in_sample"] and 0 < found.loc["review", "value"] < 0.6
    new = pd.DataFrame({"text": ["nobody has heard of this"]})
    assert project.predict(new)["label"].tolist() == ["review"]
    assert ensemble.load(project.folder, operating_points=False).predict(new)["label"].tolist() != ["review"]
    with pytest.raises(ConfigError, match=r"^precision= must be above 0 and up to 1"):
        project.thresholds(precision=2.0)
