"""A training that is killed by the system and goes on, beside the same one left in peace."""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ensemble.system.progress import Item, Label

BATCH, STEPS, KILLED_AT = 16, 12, 7


def kill_and_go_on(folder: Path, tiny: bool, absent: list[str]) -> dict[str, Any]:
    """A row of the table."""
    peace = run(folder / "peace", tiny)
    how = multiprocessing.get_context("spawn")
    process = how.Process(target=doomed, args=(folder / "killed", tiny, absent))
    process.start()
    process.join()
    checkpoints = len(list((folder / "killed").glob("checkpoint-*")))
    again = run(folder / "killed", tiny).state_dict()
    differences = [float((value - again[name]).abs().max()) for name, value in peace.state_dict().items()]
    return {
        "network": "ResNet-18, augmented",
        "steps": STEPS,
        "killed after": KILLED_AT,
        "exit code": process.exitcode,
        "checkpoints left": checkpoints,
        "largest difference of weights": max(differences),
        "equal to the bit": not any(differences),
    }


def doomed(folder: Path, tiny: bool, absent: list[str]) -> None:
    """In a process of its own, which does not see the end of it."""
    from stand_ins import install

    install(absent)
    run(folder, tiny, KILLED_AT)


def run(folder: Path, tiny: bool, killed_at: int | None = None) -> torch.nn.Module:
    """Trains the same network on the same posts, going on from what ``folder`` holds."""
    from gpu_measure import Case, case_of
    from gpu_models import posts

    from base_models.visual.finetuned import Visual, VisualTraining
    from ensemble.datasets.mvsa import SENTIMENT
    from ensemble.learner import TrainingContext

    torch.backends.cudnn.deterministic = True
    training = VisualTraining(epochs=2, batch=BATCH, checkpoint_minutes=0, workers=0)
    with tempfile.TemporaryDirectory() as drawn:
        data = posts(Path(drawn), BATCH * STEPS // 2, tiny)
        learner = Visual("test_resnet" if tiny else "resnet18", False, training=training)
        case: Case = case_of(learner, data, SENTIMENT, where=torch.device("cpu"))  # of its seed in every process
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
