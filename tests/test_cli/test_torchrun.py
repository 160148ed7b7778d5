"""Two processes on one training learn what one process learns."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.alone

CONFIG = """
[data]
preset = "csv"
root = "{root}"
train = "posts.csv"
test = "test.csv"
id = "name"
text = "caption"
image = "file"
images = "images"
[data.tasks]
sarcasm = ["0", "1"]
[folds]
k = 4
[run]
cache = "cache"
threads = 1
[base.tfidf]
learner = "tfidf"
[base.vit]
learner = "visual"
[base.vit.params]
model = "test_vit"
pretrained = false
size = 32
views = 2
[base.vit.params.training]
epochs = 2
batch = 8
optimizer = "adamw"
validation = 0.2
patience = 1
checkpoint_minutes = 0
"""


def run(folder: Path, name: str, *launcher: str) -> pd.DataFrame:
    """The learning curve of the second fold."""
    command = [*launcher, "-m", "cli.main", "train-base", "--quiet", "--set", f"run.folder={name}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("out-of-fold") == 1, "one process prints, the others only add their gradients"
    return pd.read_csv(folder / name / "base" / "vit" / "sarcasm" / "seed-0" / "fold-1" / "curve.csv")


def test_two_processes_on_one_training_learn_what_one_learns(memes: Path, tmp_path: Path) -> None:
    (tmp_path / "ensemble.toml").write_text(CONFIG.format(root=memes))
    alone = run(tmp_path, "alone", sys.executable)
    torchrun = shutil.which("torchrun", path=Path(sys.executable).parent.as_posix())
    assert torchrun is not None
    together = run(tmp_path, "together", torchrun, "--nproc-per-node", "2")
    np.testing.assert_allclose(together["loss"], alone["loss"], rtol=1e-3)
    np.testing.assert_allclose(together["validation_loss"], alone["validation_loss"], rtol=1e-3)
    assert not list((tmp_path / "together").rglob("training")), "nothing unfinished stays"
