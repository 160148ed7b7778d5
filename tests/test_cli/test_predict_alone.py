"""`ensemble predict` of one post in a process of its own: it imports nothing that takes seconds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from support.shell import Ensemble

pytestmark = pytest.mark.alone

HEAVY = {"torch", "torchvision", "transformers", "timm", "skops", "xgboost", "optuna", "pytest", "_pytest"}
PROGRAM = f"""
import sys
from cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert not (found := {HEAVY} & set(sys.modules)), found
"""


def test_one_unseen_post_needs_no_library_that_trains(
    ensemble: Ensemble, config: Path, memes: Path, tmp_path: Path
) -> None:
    assert ensemble("train-base", "-l", "tfidf", "-l", "both").code == 0
    only = ("--set", 'stack.learners=["tfidf", "both"]', "--set", 'stack.estimators=["soft_vote"]')
    assert ensemble("stack", *only).code == 0
    picture = next((memes / "images").iterdir()).name
    (tmp_path / "new.csv").write_text(f"caption,file\nnever seen before,{picture}\n")
    arguments = ["predict", "new.csv", "--run", "run", "--images", str(memes / "images"), "--out", "-", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert len(done.stdout.splitlines()) == 2
