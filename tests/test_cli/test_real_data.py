"""Slices of about 300 published posts through the whole pipeline; whole datasets are run by benchmarks/pipeline.py."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from support import SHARED
from support.shell import Ensemble

pytestmark = pytest.mark.real_data


def test_posts_of_mvsa_end_in_a_file_for_its_test_rows(ensemble: Ensemble, real_config: Path) -> None:
    audit = json.loads(ensemble("data", "--json").out)
    assert audit["rows"] == {"train": 280, "test": 20}
    assert audit["texts"]["encodings"]["gb18030"] > 20
    trained = ensemble("train-base")
    assert trained.code == 0, trained.err
    assert ensemble("stack").code == 0
    handed = json.loads(ensemble("submit", "--json").out)
    lines = (real_config.parent / handed["file"]).read_text().splitlines()
    wanted = (real_config.parent / "mvsa" / "test_without_label.txt").read_text().splitlines()
    assert lines[0] == "guid,tag"
    assert [line.split(",")[0] for line in lines[1:]] == [line.split(",")[0] for line in wanted[1:]]


def test_all_nine_columns_of_memotion_end_in_a_valid_answer(ensemble: Ensemble, memotion_config: Path) -> None:
    assert ensemble("train-base").code == 0
    stacked = json.loads(ensemble("stack", "--json").out)
    assert set(stacked["subtasks"]) == {"A", "B", "C"} and len(stacked["tasks"]) == 8
    handed = json.loads(ensemble("submit", "--json").out)
    lines = (memotion_config.parent / handed["file"]).read_text().splitlines()
    assert len(lines) == 20
    for line in lines:
        assert re.fullmatch(r"-?[01]_[01]{4}_[0-3]{4}", line)
        _, binary, degree = line.rsplit("_", 2)
        assert all((b == "1") == (c > "0") for b, c in zip(binary, degree, strict=True))


def test_a_pretrained_text_network_learns_from_published_posts(ensemble: Ensemble, real_config: Path) -> None:
    with real_config.open("a") as config:
        config.write(
            f'[base.fine]\nlearner = "textual"\n[base.fine.params]\nmodel = "{SHARED / "weights" / "minilm-l6"}"\n'
            "[base.fine.params.training]\nepochs = 2\nlr = 5e-5\npatience = 0\nvalidation = 0\n"
        )
    trained = ensemble("train-base", "--learner", "fine", "--fold", "0", "--keep-models", "none")
    assert trained.code == 0, trained.err
    (done,) = real_config.parent.glob("artifacts/**/base/fine/**/done.json")
    facts = json.loads(done.read_text())
    assert facts["fit_texts"]["rows"] + facts["predicted_texts"]["rows"] == 300
    first, second = pd.read_csv(done.with_name("curve.csv"))["loss"]
    assert second < first


def test_the_recipe_of_ravdess_keeps_actors_together_and_says_that_texts_tell_nothing(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    ensemble("init", "ravdess", "--root", SHARED / "data" / "ravdess")
    config = tmp_path / "ensemble.toml"
    encoder = str(SHARED / "weights" / "whisper-tiny.en-encoder")
    config.write_text(config.read_text().replace("openai/whisper-tiny.en", encoder))
    said = json.loads(ensemble("data", "--json").out)
    assert said["rows"] == {"train": 600, "test": 120}
    assert any("2 distinct texts in 600 training posts, each with every class" in doubt for doubt in said["doubts"])
    assert not any("flatter" in note for note in said["notes"])
    actors = pd.read_csv(SHARED / "data" / "ravdess" / "labels.csv", index_col="file")["actor"]
    without = ("--set", "data.group=", "--set", "run.folder=without")
    for options, folds in ((), 1), (without, 5):
        plan = tmp_path / f"{folds}.csv"
        assert ensemble("folds", "--out", plan, *options).code == 0
        held = pd.read_csv(plan, index_col="id")["fold"]
        assert held[held >= 0].groupby(actors).nunique().max() == folds
    notes = json.loads(ensemble("data", "--json", *without).out)["notes"]
    assert any("'actor' has 20 values" in note for note in notes)
    commands = ("train-base", "--learner", "prior", "--learner", "tfidf"), ("stack",), ("submit", "-o", "mine.csv")
    handed = [ensemble(*words, "--set", 'stack.learners=["prior","tfidf"]') for words in commands]
    assert [outcome.code for outcome in handed] == [0, 0, 0]
    assert (tmp_path / "mine.csv").read_text().splitlines()[0] == "file,emotion"
