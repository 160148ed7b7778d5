"""`ensemble predict`: new posts in, labels out, from a run folder and nothing else; what has no model is warned of."""

import csv
import io
import json
import shlex
from pathlib import Path

import pandas as pd
import pytest
from support.shell import SOFT, Ensemble


@pytest.fixture
def finished(ensemble: Ensemble, finished_config: Path) -> Ensemble:
    """A finished run of two learners, and its configuration gone."""
    finished_config.unlink()
    return lambda *arguments: ensemble("predict", *arguments, "--run", "run")


def test_new_posts_laid_out_as_the_runs_own_are_labelled(finished: Ensemble, memes: Path, tmp_path: Path) -> None:
    outcome = finished(memes / "test.csv", "--images", memes / "images")
    assert outcome.code == 0, outcome.err
    file = tmp_path / "run" / "predictions.csv"
    assert str(file) in outcome.out.replace("\n", "") and "15 posts" in outcome.out
    made = pd.read_csv(file, dtype={"sarcasm": str})
    stacked = pd.read_parquet(tmp_path / "run" / "stack" / "sentiment" / "test.parquet").set_index("id").loc[made["id"]]
    for name in ("negative", "neutral", "positive"):
        assert made[f"sentiment:{name}"].to_numpy() == pytest.approx(stacked[name].to_numpy(), abs=1e-9)
    assert set(made["sarcasm"]) <= {"0", "1"}
    assert {"sentiment|prior", "sentiment|tfidf", "sarcasm|tfidf"} <= set(made)


def test_other_columns_other_formats_and_one_task(
    finished: Ensemble, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "new.tsv").write_text("tweet\tseen\nwhat a great day\tno\n\tyes\nhate it\tno\n")
    printed = finished("new.tsv", "--column", "text=tweet", "-t", "sentiment", "-o", "-")
    assert printed.code == 0, printed.err
    header, *rows = csv.reader(io.StringIO(printed.out))
    assert header[:2] == ["id", "sentiment"] and [row[0] for row in rows] == ["1", "2", "3"]
    assert "1 posts have no text" in caplog.text and "fold models asked" in printed.err
    written = finished("new.tsv", "--column", "text=tweet", "-t", "sentiment", "-o", "deep/answers.jsonl", "--quiet")
    assert written.code == 0, written.err
    lines = [json.loads(line) for line in (tmp_path / "deep" / "answers.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["1", "2", "3"]
    assert lines[0]["tasks"]["sentiment"]["label"] == rows[0][1]
    assert not (tmp_path / "run" / "predictions.csv").exists()


def test_images_are_left_out_where_no_stacked_learner_looks_at_them(
    finished: Ensemble, memes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "thief.csv").write_text("caption,file\ngreat,../secret.png\n")
    for arguments in (["thief.csv"], [memes / "test.csv"], [memes / "test.csv", "--images", "nowhere"]):
        caplog.clear()
        outcome = finished(*arguments)
        assert outcome.code == 0, outcome.err
        assert caplog.messages[:1] == ["No stacked learner looks at images, so they are left out."]


def test_mistakes_are_one_line_that_says_what_would_be_right(
    finished: Ensemble, ensemble: Ensemble, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("caption\ngreat\n")
    (tmp_path / "empty.csv").write_text("caption\n")
    (tmp_path / "blank.csv").write_text("id,caption\n1,\n2,\n")
    (tmp_path / "thief.csv").write_text("caption,file\na,../secret.png\n")
    cases = {
        ("none.csv",): ("No such file", "none.csv"),
        ("empty.csv",): ("has no rows",),
        ("blank.csv",): ("None of the 2 posts has a text;",),
        ("thief.csv", "--column", "photo=x"): ("Unknown kind of column 'photo'", "id, image, text"),
        ("new.csv", "--column", "caption"): ("must be KIND=NAME", "id, text, image"),
        ("new.csv", "--column", "text=capton"): ("Did you mean 'caption'",),
        ("new.csv", "--task", "sentimant"): ("Unknown task 'sentimant'", "Did you mean 'sentiment'"),
        ("new.csv", "--format", "json"): ("Unknown format", "Did you mean 'jsonl'"),
        ("new.csv", "--out", "answers.xlsx"): ("Unknown format", "'xlsx'"),
        ("new.csv", "--out", "run"): ("Cannot write", "it is a folder"),
    }
    for arguments, words in cases.items():
        outcome = finished(*arguments)
        line = outcome.err.splitlines()[-1]
        assert outcome.code == 2 and line.startswith("ensemble: "), outcome.err
        assert all(word in line for word in words), line
    elsewhere = ensemble("predict", "new.csv", "--run", "runs")
    assert elsewhere.code == 2 and "runs does not exist" in elsewhere.err
    nowhere = ensemble("predict", "new.csv")
    assert nowhere.code == 2 and "There is no ensemble.toml here; --run FOLDER" in nowhere.err


def test_without_a_named_run_it_is_that_of_the_configuration_here(
    ensemble: Ensemble, finished_config: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("caption\ngreat\n")
    assert ensemble("predict", "new.csv").code == 0
    assert (tmp_path / "run" / "predictions.csv").is_file()


def test_what_was_trained_elsewhere_on_the_written_plan_comes_in_is_warned_of_and_goes_again(
    ensemble: Ensemble, finished_config: Path, memes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert "4 folds of" in ensemble("folds", "--out", "plan.csv").out
    plan = pd.read_csv(tmp_path / "plan.csv").assign(negative=0.2, neutral=0.3, positive=0.5)
    plan[plan["fold"] >= 0].to_csv(tmp_path / "oof.csv", index=False)
    plan[plan["fold"] < 0].to_csv(tmp_path / "test.csv", index=False)
    files = ("--oof", "oof.csv", "--test", "test.csv", "-t", "sentiment")
    assert ensemble("import", "bought").err.startswith("ensemble: --oof FILE must name")
    assert "import bought --undo" in ensemble("import", "bought", *files).out
    chosen = ("--set", 'stack.learners=["tfidf", "bought"]', *SOFT[2:], "-t", "sentiment")
    warned = next(line for line in ensemble("stack", *chosen).err.splitlines() if line.startswith("! "))
    assert "of 'bought' there are probabilities of this run's posts and no model" in warned
    command = shlex.split(warned.partition("stack without: ")[2])
    assert command[:2] == ["ensemble", "stack"] and 'stack.learners=["tfidf"]' in command
    assert ensemble(*command[1:]).code == 0
    assert ensemble("import", "bought", "--undo").out.startswith("Removed bought, imported for sentiment.")
    caplog.clear()
    assert ensemble("predict", memes / "posts.csv", "-t", "sentiment", "-o", "out.csv").code == 0
    assert "posts have ids of training posts" in caplog.text
    lost = ensemble("predict", "out.csv", "--column", "text=sentiment", "-t", "sentiment", "-o", "out.csv")
    assert lost.code == 2 and "--out out.csv is POSTS itself, which would be lost" in lost.err
    kept = ensemble("folds", "--out", memes / "posts.csv")
    assert kept.code == 2 and "is a file that the configuration reads and would be lost" in kept.err
