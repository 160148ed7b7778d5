"""Without torch, timm and transformers: what was trained elsewhere is imported, stacked, reported, handed in."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support import ROOT
from support.shell import Ensemble

pytestmark = pytest.mark.alone

ABSENT = """
import sys

class Absent:
    names = {"torch", "torchvision", "timm", "transformers", "peft", "accelerate", "onnx", "onnxscript", "onnxruntime",
             "optuna", "pretrainedmodels", "sacremoses", "sentencepiece", "h5py", "ray"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""
COMMANDS = (
    ["import", "bought", "--oof", "oof.csv", "--test", "test.csv", "-t", "sentiment"],
    ["stack", "-t", "sentiment", "--set", 'stack.learners=["text","both","network","bought"]'],
    ["status"],
)


def without(code: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABSENT + code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout


def test_commands_on_finished_base_predictions(
    ensemble: Ensemble, config: Path, encoders: dict[str, str], tmp_path: Path
) -> None:
    network = f'\n[base.network]\nlearner = "textual"\nparams = {{ model = "{encoders["text"]}", max_length = 16'
    config.write_text(config.read_text() + network + ", training = { epochs = 1 } }\n")
    names = ("text", "both", "network")
    chosen = [word for name in names for word in ("-l", name)]
    assert ensemble("train-base", *chosen, "-t", "sentiment", "--quiet").code == 0
    assert ensemble("folds", "--out", "plan.csv", "--quiet").code == 0
    plan = pd.read_csv(tmp_path / "plan.csv").assign(negative=0.2, neutral=0.3, positive=0.5)
    plan[plan["fold"] >= 0].to_csv(tmp_path / "oof.csv", index=False)
    plan[plan["fold"] < 0].to_csv(tmp_path / "test.csv", index=False)
    for command in COMMANDS:
        without(f"sys.argv = ['ensemble', *{command!r}]\nfrom cli.main import main\nmain()", tmp_path)
    assert (tmp_path / "run" / "stack" / "sentiment" / "test.parquet").is_file()


def test_a_notebook_on_words_alone(tmp_path: Path) -> None:
    code = """
import pandas as pd
import ensemble
good = [n % 3 > 0 for n in range(60)]
texts = [f"post {n} {'good' if is_good else 'bad'}" for n, is_good in enumerate(good)]
frame = pd.DataFrame({"text": texts, "label": good})
test = frame.head(9).drop(columns="label").assign(text="a new one")
posts = ensemble.Posts.from_frame(frame, {"label": ["True", "False"]}, test=test)
project = ensemble.Project.from_posts(posts, ["prior", "tfidf"], "run", folds={"k": 3})
project.train(n_jobs=1)
project.stack()
project.report()
project.submit()
assert len(project.predict(test)) == 9
"""
    without(code, tmp_path)
    assert (tmp_path / "run" / "report.html").is_file()
