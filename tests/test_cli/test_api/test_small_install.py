"""Without torch, timm and transformers: what was trained elsewhere is imported, stacked, reported, handed in."""

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pandas as pd
import pytest
from support import ROOT
from support.shell import Ensemble

pytestmark = pytest.mark.alone

NAMES = {"torch", "torchvision", "timm", "transformers", "peft", "accelerate", "onnx", "onnxscript", "onnxruntime"}
NAMES |= {"optuna", "pretrainedmodels", "sacremoses", "sentencepiece", "h5py", "ray"}
ABSENT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NAMES}:
            raise ModuleNotFoundError("No module named " + name, name=name)

sys.meta_path.insert(0, Absent())
"""
COMMANDS = (
    ["import", "bought", "--oof", "oof.csv", "--test", "test.csv", "-t", "sentiment"],
    ["stack", "-t", "sentiment", "--set", 'stack.learners=["text","both","network","bought"]'],
    ["status"],
)


def test_its_packages_are_some_of_the_whole_and_none_of_the_absent() -> None:
    settings = ConfigParser(inline_comment_prefixes=None)
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    whole = settings["options"]["install_requires"].splitlines()
    lines = (ROOT / "requirements-small.txt").read_text(encoding="utf-8").splitlines()
    small = [line for line in lines if not line.startswith("#")]
    assert set(small) < set(whole)
    absent = {re.split("[>;]", line)[0].strip().replace("-", "_") for line in set(whole) - set(small) if line}
    assert absent - {"six  # pretrainedmodels imports it and does not say so"} <= NAMES


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
