"""What is to hold on a GPU: a batch in pieces is the whole batch, bfloat16 says what float32 says, a killed training
ends like one that was left in peace."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gpu_measure import Case, Row, case_of, kept_memory, little_memory, peak, probabilities
from gpu_models import posts

from base_models.visual.finetuned import Visual, VisualTraining
from ensemble.datasets.mvsa import SENTIMENT
from ensemble.learner import TrainingContext
from ensemble.system.progress import Item, Label

BATCH, STEPS, KILLED_AT = 16, 12, 7


def halved(name: str, case: Case, memory: Path) -> Row:
    """One epoch whole, one under a limit, one more that remembers what fits; from the same weights."""
    trained = {of for of, parameter in case.network.named_parameters() if parameter.requires_grad}
    trained |= {of for of, _ in case.network.named_buffers()}
    start = {of: tensor.detach().cpu().clone() for of, tensor in case.network.state_dict().items() if of in trained}
    with peak() as most:
        whole = case.train(epochs=1).state.curve[-1]["loss"]
    limit = kept_memory(case.network) + 0.45 * (most() - kept_memory(case.network))
    row: Row = {"network": name, "batch": case.how.batch, "GiB whole": most(), "GiB allowed": limit, "loss": whole}
    for note in ("halved", "remembered"):
        case.network.load_state_dict(start, strict=False)
        with little_memory(case.network, max(1, case.how.batch // 2), limit):
            again = case.train(TrainingContext(memory=memory), epochs=1)
        row[f"rows at once, {note}"] = again.info.get("micro_batch", case.how.batch)
        row[f"steps repeated, {note}"] = again.info.get("steps_repeated", 0)
        row[f"loss, {note}"] = again.state.curve[-1]["loss"]
    return row


def precise(name: str, case: Case) -> Row:
    """Probabilities of the same weights: the greatest difference and the mean, and what rows differ by at all."""
    case.train(epochs=1)
    half = probabilities(case.predict("bfloat16"))
    case.network.float()
    single = probabilities(case.predict("float32"))
    apart = np.abs(half - single)
    same = float((half.argmax(axis=1) == single.argmax(axis=1)).mean())
    largest, mean, spread = float(apart.max()), float(apart.mean()), float(single.std(axis=0).mean())
    return {"network": name, "rows": len(half), "largest": largest, "mean": mean, "same class": same, "sd": spread}


def kill_and_go_on(folder: Path, tiny: bool, absent: list[str]) -> Row:
    """A row of the table."""
    peace = run(folder / "peace", tiny)
    command = [sys.executable, str(Path(__file__).with_name("gpu_parts.py")), "--doomed", str(folder / "killed")]
    command += ["--tiny"] * tiny + ["--without", *absent] * bool(absent)
    code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    checkpoints = len(list((folder / "killed").glob("checkpoint-*")))
    again = run(folder / "killed", tiny).state_dict()
    differences = [float((value - again[name]).abs().max()) for name, value in peace.state_dict().items()]
    return {
        "network": "ResNet-18, augmented",
        "steps": STEPS,
        "killed after": KILLED_AT,
        "exit code": code,
        "checkpoints left": checkpoints,
        "largest difference of weights": max(differences),
        "equal to the bit": not any(differences),
    }


def run(folder: Path, tiny: bool, killed_at: int | None = None) -> torch.nn.Module:
    """Trains the same network on the same posts, going on from what ``folder`` holds."""
    torch.backends.cudnn.deterministic = True
    training = VisualTraining(epochs=2, batch=BATCH, checkpoint_minutes=0, workers=0)
    with tempfile.TemporaryDirectory() as drawn:
        data = posts(Path(drawn), BATCH * STEPS // 2, tiny)
        learner = Visual("test_resnet" if tiny else "resnet18", False, training=training)
        case = case_of(learner, data, SENTIMENT, where=torch.device("cpu"))  # of its seed in every process
        case.train(TrainingContext(folder, track=Counted(killed_at)))
    return case.network.cpu()


@dataclass(frozen=True)
class Counted:
    """A track that ends the process after so many steps."""

    killed_at: int | None

    def __call__(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        for number, item in enumerate(items):
            if number == self.killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield item
