"""Tuning in processes: killed ones lose nothing, several share a study and do no trial twice."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.toys import TOYS, MortalDial
from support.world import SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.local import Local
from ensemble.learner import Trial
from ensemble.run import Run
from ensemble.store import Store
from ensemble.tuning.search import TuneSettings
from ensemble.tuning.study import Plan, Study
from ensemble.tuning.trials import tune

SETTINGS = TuneSettings(trials=3, folds="all", prune=False)


@dataclass(frozen=True)
class Open:
    """A run of a toy with a dial over 30 posts, three folds."""

    root: Path

    def __call__(self) -> Run:
        data = toy_table(30)
        plan = make_plan(data, np.arange(30), FoldSettings(k=3))
        return Run(Store(self.root), plan.with_groups(data), plan, TOYS, (LearnerSpec("x", "mortal_dial"),))


def tune_toy(root: Path, lives: int = 0, pause: float = 0.0) -> dict[str, Any]:
    MortalDial.lives, MortalDial.pause = lives, pause
    return tune(Open(root)(), "x", SENTIMENT, SETTINGS)


def start(root: Path, lives: int = 0, pause: float = 0.0) -> "subprocess.Popen[bytes]":
    folder = Path(__file__).parent
    program = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(folder.parent)!r}]; from pathlib import Path\n"
    program += f"from test_tuning_processes import tune_toy; tune_toy(Path({str(root)!r}), {lives}, {pause})"
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)


def fits(root: Path) -> list[list[str]]:
    """Per trial what was begun: a fold and a process a line."""
    return [path.read_text().splitlines() for path in root.rglob("fits.txt")]


def left_over(root: Path) -> list[Path]:
    return [*root.rglob("claim.json"), *root.rglob(".*.tmp"), *root.rglob("progress.json")]


def scores(found: dict[str, Any]) -> list[tuple[float, str]]:
    return [(row["score"], str(row["params"])) for row in found["trials"]]


def test_killed_trials_are_done_once_and_all_are_those_of_an_undisturbed_tuning(tmp_path: Path) -> None:
    killed, alone = tmp_path / "killed", tmp_path / "alone"
    for _ in range(2):
        process = start(killed, lives=1)
        errors = process.communicate()[1]
        assert process.returncode == -signal.SIGKILL, errors.decode()
    found = tune_toy(killed)
    begun = [Counter(line.split()[0] for line in lines) for lines in fits(killed)]
    twice, once = Counter({"fold-0": 1, "fold-1": 2, "fold-2": 1}), Counter({"fold-0": 1, "fold-1": 1, "fold-2": 1})
    assert sorted(begun, key=str) == sorted([twice, twice, once], key=str)
    assert [row["state"] for row in found["trials"]] == ["done"] * 3 and not left_over(killed)
    assert scores(found) == scores(tune_toy(alone))


def test_processes_share_a_study_and_do_no_trial_twice(tmp_path: Path) -> None:
    processes = [start(tmp_path, pause=0.5) for _ in range(2)]
    for process in processes:
        errors = process.communicate()[1]
        assert process.returncode == 0, errors.decode()
    lines = fits(tmp_path)
    assert [len(one) for one in lines] == [3] * 3
    assert {line.split()[1] for one in lines for line in one} == {str(process.pid) for process in processes}
    assert len(set(scores(tune_toy(tmp_path)))) == 3 and not left_over(tmp_path)


def test_a_trial_of_somebody_who_dies_is_taken_over_by_who_is_still_there(tmp_path: Path) -> None:
    other = start(tmp_path, pause=60)
    while not list(tmp_path.rglob("trials/*/base/x/sentiment/seed-0/fold-0/claim.json")):
        assert other.poll() is None
        time.sleep(0.05)
    threading.Timer(2.0, other.kill).start()
    found = tune_toy(tmp_path)
    other.communicate()
    assert other.returncode == -signal.SIGKILL
    assert [row["state"] for row in found["trials"]] == ["done"] * 3 and not left_over(tmp_path)
    assert {row["trial"] for row in found["trials"]} == {1, 2, 3}  # the first was begun anew


def test_folds_of_a_trial_may_be_trained_in_processes(tmp_path: Path) -> None:
    shared, alone = Open(tmp_path / "shared"), Open(tmp_path / "alone")
    settings = TuneSettings(trials=2)
    found = tune(shared(), "x", SENTIMENT, settings, engine=Local(shared, 2, 1), at_once=2)
    assert scores(found) == scores(tune(alone(), "x", SENTIMENT, settings))
    assert len({line.split()[1] for one in fits(shared.root) for line in one}) == 2 and not left_over(shared.root)


def test_a_trial_that_was_killed_while_it_was_proposed_is_proposed_again(tmp_path: Path) -> None:
    def whole(trial: Trial) -> dict[str, Any]:
        return {name: trial.suggest_float(name, 0.0, 1.0) for name in ("one", "other")}

    def half(trial: Trial) -> dict[str, Any]:
        raise KeyboardInterrupt(trial.suggest_float("one", 0.0, 1.0))

    killed, alone = (Study(tmp_path / name, "x/y/1", greater_is_better=True) for name in ("killed", "alone"))
    with pytest.raises(KeyboardInterrupt):
        killed.begin(Plan(half, 1))
    begun, undisturbed = (study.begin(Plan(whole, 1)) for study in (killed, alone))
    assert begun is not None and undisturbed is not None and begun.found == undisturbed.found
    assert len(list((tmp_path / "killed").rglob("claim.json"))) == 1


def test_half_a_line_at_the_end_of_the_journal_is_cut_off(tmp_path: Path) -> None:
    before = Study(tmp_path, "x/y/1", greater_is_better=True)
    journal = tmp_path / "journal.log"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"wor')
    again = Study(tmp_path, "x/y/2", greater_is_better=True)
    assert before.trials() == again.trials() == []
    assert journal.read_bytes().startswith(whole) and b'"wor{' not in journal.read_bytes()
    assert Study(tmp_path, "x/y/2", greater_is_better=True).best() is None
