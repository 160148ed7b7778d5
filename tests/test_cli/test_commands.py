"""The commands in the order a user types them, on drawn memes."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.shell import SOFT, Ensemble

import cli.demo
from base_models import LEARNERS
from base_models.tiny import FAMILIES
from ensemble.learner_factory import make_learner

FAST = ("--set", "base.both.params.views=1", "--set", "base.image.params.views=1")


def test_help_is_printed_without_loading_anything_heavy() -> None:
    program = (
        "import sys; sys.argv = ['ensemble', '--help']\n"
        "from cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'torch', 'sklearn', 'rich', 'xgboost', 'timm', 'optuna', 'ray'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ensemble demo" in done.stdout and "train-base" in done.stdout


@pytest.mark.parametrize(
    "command",
    ["demo", "init", "data", "plan", "train-base", "tune", "import", "stack", "submit", "predict", "status", "clean"],
)
def test_every_command_teaches_by_example(ensemble: Ensemble, command: str) -> None:
    outcome = ensemble(command, "--help")
    assert outcome.code == 0
    assert f"\n  ensemble {command}" in outcome.out


def test_the_whole_way_from_posts_to_a_submission(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    audit = json.loads(ensemble("data", "--json", *FAST).out)
    assert audit["rows"]["test"] == 15 and audit["duplicates"]["groups"] > 0
    assert sum(audit["texts"]["languages"].values()) + audit["texts"]["missing"] == sum(audit["rows"].values())
    assert json.loads(ensemble("status", "--json", *FAST).out)["jobs"] == {"missing": 40}
    trained = json.loads(ensemble("train-base", "--json", *FAST).out)
    assert {entry["learner"] for entry in trained["learners"]} == {"prior", "tfidf", "text", "image", "both"}
    assert trained["failures"] == []
    assert json.loads(ensemble("status", "--json", *FAST).out)["jobs"] == {"done": 40}
    few = (*FAST, "--set", 'stack.estimators=["soft_vote", "logistic_regression"]')
    stacked = ensemble("stack", *few)
    assert stacked.code == 0 and "plain mean" in stacked.out
    assert stacked.out.count("majority class") >= 3  # of each task, and of the subtasks
    assert max(map(len, stacked.out.splitlines())) <= 100
    handed = ensemble("submit", "-o", "mine.csv", *few)
    assert handed.code == 0 and "out of fold" in handed.out and "majority class" in handed.out
    lines = (tmp_path / "mine.csv").read_text().splitlines()
    assert lines[0] == "name,sentiment,sarcasm" and len(lines) == 16


def test_a_second_run_of_the_same_command_trains_nothing(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    only = ("--learner", "tfidf", "--task", "sentiment")
    ensemble("train-base", *only)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "base").rglob("*.parquet")}
    assert len(written) == 4 * 2 + 2
    outcome = ensemble("train-base", *only)
    assert outcome.code == 0
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_one_fold_is_trained_when_one_fold_is_asked_for(ensemble: Ensemble, config: Path) -> None:
    ensemble("train-base", "--learner", "prior", "--fold", "1")
    jobs = json.loads(ensemble("status", "--json").out)["learners"]["prior"]["sentiment"]
    assert jobs == {"done": 1, "missing": 3}


def test_probabilities_from_elsewhere_are_stacked_and_marked(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    import pandas as pd

    ensemble("train-base", "--learner", "tfidf", "--task", "sentiment")
    base = tmp_path / "run" / "base" / "tfidf" / "sentiment"
    for part in ("oof", "test"):
        pd.read_parquet(base / f"{part}.parquet").to_csv(tmp_path / f"{part}.csv", index=False)
    ours = ("--oof", base / "oof.parquet", "--test", base / "test.parquet")
    known = ensemble("import", "again", *ours, "-t", "sentiment")
    assert known.code == 0 and "folds: run" in known.out
    refused = ensemble("import", "other", "--oof", "oof.csv", "--test", "test.csv", "-t", "sentiment")
    assert refused.code == 2 and "--unknown-folds" in refused.err
    marked = ensemble("import", "other", "--oof", "oof.csv", "--test", "test.csv", "-t", "sentiment", "--unknown-folds")
    assert marked.code == 0 and "folds: unknown" in marked.out
    learners = ("--set", 'stack.learners=["tfidf", "again", "other"]')
    stacked = ensemble("stack", "-t", "sentiment", *learners, *SOFT[2:])
    assert stacked.code == 0 and "other *" in stacked.out and "optimistic" in stacked.out


def test_init_writes_a_recipe_that_loads(ensemble: Ensemble, tmp_path: Path) -> None:
    from importlib.resources import files

    from ensemble.config import load_config
    from ensemble.datasets import ADAPTERS

    for recipe in files("cli.recipes").iterdir():
        if recipe.name.endswith(".toml"):
            preset = recipe.name.removesuffix(".toml")
            assert ensemble("init", preset, "--root", ".", "--out", f"{preset}.toml").code == 0
            config = load_config(tmp_path / f"{preset}.toml")
            assert config.data.preset in ADAPTERS
            for name, base in config.base.items():
                make_learner(LEARNERS, base.learner, base.params, name)


def test_every_recipe_is_named_where_init_explains_itself(ensemble: Ensemble) -> None:
    from importlib.resources import files

    explained = " ".join(ensemble("init", "--help").out.split())
    presets = [entry.name.removesuffix(".toml") for entry in files("cli.recipes").iterdir() if "toml" in entry.name]
    assert len(presets) >= 8 and all(preset in explained.replace("- ", "-") for preset in presets)


def test_what_is_commented_out_in_recipes_is_valid() -> None:
    import tomllib
    from importlib.resources import files

    learners = {}
    for name in ("memotion2020", "flava-mvsa", "vlm-2026"):
        recipe = (files("cli.recipes") / f"{name}.toml").read_text(encoding="utf-8")
        commented = recipe[recipe.index("# [base.") :].partition("\n[")[0]
        learners |= tomllib.loads(re.sub(r"^# ?", "", commented, flags=re.MULTILINE))["base"]
    assert len(learners) == 10
    for name, base in learners.items():
        make_learner(LEARNERS, base["learner"], base["params"], name)


def test_the_demo_ends_in_a_submission(ensemble: Ensemble, tmp_path: Path) -> None:
    outcome = ensemble("demo", "demo", "--posts", "60")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "demo" / "run" / "submission" / "submission.csv").exists()
    for command in ("data", "train-base", "stack", "submit"):
        assert f"$ ensemble {command}" in outcome.out


def test_the_full_demo_trains_every_kind_of_text_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.demo, "_show", lambda *command: None)
    cli.demo.run_demo(tmp_path / "short", 60)
    cli.demo.run_demo(tmp_path / "full", 60, full=True)
    short, full = (tomllib.loads((tmp_path / demo / "ensemble.toml").read_text())["base"] for demo in ("short", "full"))
    assert set(full) - set(short) == set(FAMILIES) - {"bert"} and {"network", "bert"} <= set(short)
    assert all((tmp_path / "full" / full[family]["params"]["model"]).exists() for family in FAMILIES)


def test_the_demo_of_clips_ends_in_predictions(
    ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cli.demo, "CLIPS", cli.demo.CLIPS.replace("epochs = 30", "epochs = 4").replace("k = 4", "k = 3")
    )
    outcome = ensemble("demo", "--clips", "demo", "--posts", "60", "--informative", "tone")
    assert outcome.code == 0, outcome.err
    run = tmp_path / "demo" / "run"
    assert len((run / "submission" / "submission.csv").read_text().splitlines()) == 11
    assert len((run / "predictions.csv").read_text().splitlines()) == 13
    for command in ("data", "train-base", "stack", "report", "submit", "predict"):
        assert f"$ ensemble {command}" in outcome.out
    cards = {path.parent.parent.name: json.loads(path.read_text()) for path in run.glob("base/*/sentiment/report.json")}
    assert set(cards) == {"prior", "words", "face", "tone", "together", "gates"}
    scores = {name: card["oof"]["metrics"]["mae"]["value"] for name, card in cards.items()}
    assert scores["tone"] < min(scores["words"], scores["face"], scores["prior"]) - 0.2


def test_learners_are_listed_with_their_parameters(ensemble: Ensemble) -> None:
    listed = ensemble("learners")
    assert listed.code == 0 and "frozen" in listed.out and "views" in listed.out
