"""Threads of OpenMP wait passively, in the command and its workers, unless the user says otherwise."""

import subprocess
import sys
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor
from support.opened import Open, train_all

from ensemble.jobs.local import Local
from ensemble.system.threads import PASSIVE, WAITING, threads_of, waiting

COMMAND = """
import os, sys
from cli.main import main
assert not {"numpy", "torch"} & set(sys.modules), "too late"
sys.argv = ["ensemble", "--help"]
try: main()
except SystemExit: print(*(f"{name}={os.environ.get(name)}" for name in sys.stdin.read().split()))
"""


@pytest.fixture(autouse=True)
def unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has said how threads wait."""
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)


def variables_of_the_command() -> list[str]:
    command = [sys.executable, "-c", COMMAND]
    done = subprocess.run(command, input=" ".join(WAITING), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_the_command_says_it_before_a_numeric_library_is_loaded() -> None:
    assert variables_of_the_command() == ["OMP_WAIT_POLICY=PASSIVE", "KMP_BLOCKTIME=0", "GOMP_SPINCOUNT=None"]


def test_what_the_user_says_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert variables_of_the_command() == ["OMP_WAIT_POLICY=ACTIVE", "KMP_BLOCKTIME=None", "GOMP_SPINCOUNT=None"]
    assert waiting() == {"OMP_WAIT_POLICY": "ACTIVE"}, "and workers, wherever they are, are told the same"


def test_workers_know_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in threads_of(1).items():  # as the command has it when it starts them
        monkeypatch.setenv(name, value)
    get_reusable_executor().shutdown()  # processes of earlier tests have what these had
    opener = Open(tmp_path, (("environment", ()),))
    assert train_all(opener, Local(opener, 2, 1), folds=[0]) == []
    [written] = tmp_path.rglob("environment.txt")
    assert {f"{name}={value}" for name, value in PASSIVE.items()} <= set(written.read_text().splitlines())
