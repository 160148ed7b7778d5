"""`ensemble tune` as a user types it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.shell import SOFT, Ensemble

SPACE = 'tune.tfidf.space={ balance = [0.5, 1.0], "min_documents" = { low = 1, high = 2 } }'
TUNE = ("tune", "tfidf", "--task", "sentiment", "--set", SPACE)
TUNED = ("--set", "base.tfidf.tuned=true", "--task", "sentiment")


def test_tuned_learners_are_trained_stacked_and_marked(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    found = ensemble(*TUNE)
    assert found.code == 0, found.err
    assert "  1/4 trial 0: " in found.err and "(best " in found.err and "fold 0: done" not in found.err
    assert "fold 0 of the run was not looked at" in found.out and "as configured" in found.out
    assert "majority class" in found.out
    assert max(map(len, found.out.splitlines())) <= 100
    best = json.loads((tmp_path / "run" / "tune" / "tfidf" / "sentiment" / "best.json").read_text())
    trained = ensemble("train-base", "-l", "tfidf", "-l", "prior", *TUNED)
    assert trained.code == 0 and "tfidf †" in trained.out and "on fold 0 it has" in trained.out
    record = json.loads((tmp_path / "run" / "base" / "tfidf" / "sentiment" / "report.json").read_text())
    assert record["made_of"]["params.balance"] == best["params"]["balance"]
    stacked = ensemble("stack", *TUNED, *SOFT)
    assert stacked.code == 0 and "tfidf †" in stacked.out and "on fold 0 it has" in stacked.out
    assert "stack †" in stacked.out and "! the stack: the parameters of tfidf were chosen" in stacked.out
    again = json.loads(ensemble(*TUNE, "--json").out)["tasks"][0]
    assert len(again["trials"]) == 4 and again["unseen"] == [0]


def test_kept_trials_are_stacked_and_marked(ensemble: Ensemble, config: Path) -> None:
    refused = ensemble(*TUNE, "--keep-trials", 2)
    assert refused.code == 2 and "tune.tfidf.folds = 'all'" in refused.err
    kept = json.loads(ensemble(*TUNE, "--keep-trials", 2, "--set", "tune.tfidf.folds=all", "--json").out)["tasks"][0]
    assert len(kept["kept"]) == 2 and kept["unseen"] == []
    learners = json.dumps(kept["kept"])
    stacked = ensemble("stack", "--task", "sentiment", "--set", f"stack.learners={learners}", *SOFT[2:])
    assert stacked.code == 0 and f"{kept['kept'][0]} †" in stacked.out and "these very rows" in stacked.out


def test_a_name_with_a_dot_can_be_tuned(ensemble: Ensemble, config: Path) -> None:
    dotted = config.read_text().replace("[base.tfidf]", '[base."my.tfidf"]')
    config.write_text(dotted)
    found = ensemble("tune", "my.tfidf", "--task", "sentiment", "--trials", "2", "--json")
    assert found.code == 0 and len(json.loads(found.out)["tasks"][0]["trials"]) == 2


def test_a_study_whose_trials_all_fail_is_shown_and_ends_as_training_does(
    ensemble: Ensemble, config: Path, encoders: dict[str, str], tmp_path: Path
) -> None:
    wrong = ("--task", "sentiment", "--set", f"base.text.params.text={encoders['image']}")
    found = ensemble("tune", "text", *wrong, "--set", "tune.text.space={ balance = [0.1, 0.9] }")
    trained = ensemble("train-base", "-l", "text", *wrong)
    assert found.code == trained.code == 2
    said = " ".join(found.out.split())
    assert "macro_f1 of 3 trials" in said and "failed: 3 times, trial 0; trial 1; trial 2: " in said
    assert "neither an encoder nor a decoder of texts" in said and "a bug" not in said
    assert not list((tmp_path / "run").rglob("best.json"))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("tfidff",), "Unknown base learner 'tfidff'. Did you mean 'tfidf'?"),
        (("prior",), "base.prior: the learner 'prior' has no parameters to tune"),
        (("tfidf", "--set", "tune.tfidf.storage=$NOWHERE"), "the environment variable $NOWHERE is not set"),
        (("tfidf", "--set", "tune.tfidf.trails=3"), "Unknown tune.tfidf key 'trails'. Did you mean 'trials'?"),
        (("tfidf", "--set", "tune.tfidff.trials=3"), "tune.tfidff: Unknown base learner"),
        (("tfidf", "--set", "tune.tfidf.folds=most"), "tune.tfidf.folds: must be 'nested', 'all', or a number"),
        (("tfidf", "--set", "tune.tfidf.folds=9"), "folds = 9, and the run has 4"),
        (
            ("tfidf", "--set", "tune.tfidf.space.words={ low = 3, high = 1 }"),
            "words must be a list of different values",
        ),
        (("tfidf", "--set", "tune.tfidf.space.word=[1, 2]"), "Unknown tune.tfidf.space key 'word'. Did you mean 'word"),
    ],
)
def test_mistakes_are_one_line(ensemble: Ensemble, config: Path, arguments: tuple[str, ...], line: str) -> None:
    outcome = ensemble("tune", "--quiet", *arguments)
    assert outcome.code == 2 and line in outcome.err and len(outcome.err.strip().splitlines()) == 1


def test_training_a_learner_that_is_to_be_tuned_names_the_command(ensemble: Ensemble, config: Path) -> None:
    outcome = ensemble("train-base", "-l", "tfidf", *TUNED)
    assert outcome.code == 2 and "run `ensemble tune --set base.tfidf.tuned=true tfidf --task sentiment`" in outcome.err


def test_training_in_turn_loads_neither_optuna_nor_ray(config: Path) -> None:
    program = (
        "import sys; sys.argv = ['ensemble', 'train-base', '-l', 'prior', '--quiet']\n"
        "from cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'numpy' in sys.modules\n"
        "sys.exit(str({'optuna', 'ray'} & set(sys.modules) or ''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=config.parent, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""


def test_a_password_in_the_storage_is_not_written_down(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    outcome = ensemble(*TUNE, "--set", "tune.tfidf.storage='nobase://me:secret@there/x'")
    assert outcome.code == 2 and "the storage cannot be opened" in outcome.err and "secret" not in outcome.err
    assert "secret" not in (tmp_path / "run" / "run.json").read_text()
