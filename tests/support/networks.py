"""Toy networks and what feeds them: vectors that lean towards their label, and a device whose memory is small."""

import atexit
import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import torch
from torch import nn

from base_models.neural.hyperparameters import Training
from base_models.neural.sampling import Batch, Drawn, seed_of
from base_models.neural.train_val_split import TrainValSplit
from base_models.neural.training import Trained, train
from base_models.objectives.objective import objective_of
from ensemble.data import Dataset
from ensemble.learner import TrainingContext
from ensemble.system.progress import Label, Track, silent
from support.world import SENTIMENT, toy_table

WIDTH, HIDDEN, CLASSES = 6, 8, len(SENTIMENT.classes)
NORMS = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d}


class Vectors:
    """Examples: a vector per label; training adds ``noise`` to it. ``drawn`` is what training has seen."""

    def __init__(self, labels: np.ndarray, noise: float = 0.3) -> None:
        random = np.random.default_rng(7)
        leaning = random.normal(size=(CLASSES, WIDTH))[labels] / 2
        self.values = torch.tensor(leaning + random.normal(size=(len(labels), WIDTH)), dtype=torch.float32)
        self.noise = noise
        self.drawn: list[Drawn] = []

    @property
    def lengths(self) -> None:
        """All rows are alike."""

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, rows: Sequence[int]) -> Batch:
        return {"vectors": self.values[list(rows)]}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        self.drawn += drawn
        noise = [torch.randn(WIDTH, generator=torch.Generator().manual_seed(seed_of(one))) for one in drawn]
        return {"vectors": self.values[[row for _, _, row in drawn]] + self.noise * torch.stack(noise)}


class Net(nn.Module):
    """Two layers, always the same at first, on a device that may be full.

    A training pass over more than ``room`` rows, or the one numbered ``full_at``, or another pass over more than
    ``eval_room`` rows runs out of memory: after normalisation has updated its statistics and dropout has drawn.
    """

    def __init__(
        self,
        norm: str = "batch",
        dropout: float = 0.0,
        room: int | None = None,
        full_at: int | None = None,
        eval_room: int | None = None,
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            self.body = nn.Sequential(nn.Linear(WIDTH, HIDDEN), NORMS[norm](HIDDEN), nn.ReLU(), nn.Dropout(dropout))
            self.head = nn.Linear(HIDDEN, CLASSES)
        self.room, self.full_at, self.eval_room = room, full_at, eval_room
        self.passes = self.refused = 0

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        hidden = self.body(vectors)
        self.passes += self.training
        room = self.room if self.training else self.eval_room
        if (room is not None and len(vectors) > room) or (self.training and self.passes == self.full_at):
            self.refused += 1
            raise torch.OutOfMemoryError("the toy device is full")
        return self.head(hidden)


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


def killed_after(steps: int) -> Track:
    """Ends the process at the end of a step, before it is saved; one of more steps, when its training is over."""

    def track(items: Iterable[int], label: Label, total: int) -> Iterator[int]:
        try:
            for done, item in enumerate(chain(items, repeat(0))):
                if done == steps:
                    raise Killed
                yield item
        except GeneratorExit:
            raise Killed from None

    return track


def toy_problem(rows: int = 28, share: float = 0.0, noise: float = 0.3) -> TrainValSplit:
    """Three unbalanced classes."""
    data = toy_table(rows)
    return split_of(data, Vectors(data.codes(SENTIMENT), noise), share, 0)


def split_of(data: Dataset, examples: Vectors, share: float, seed: int) -> TrainValSplit:
    objective = objective_of(SENTIMENT, data.labels(SENTIMENT))
    return TrainValSplit.of(SENTIMENT, objective, examples, data, share, seed)


def quick(**changed: object) -> Training:
    return Training.model_validate(
        {"epochs": 3, "batch": 8, "lr": 0.05, "precision": "float32", "workers": 0, **changed}
    )


def fit(
    network: Net,
    problem: TrainValSplit,
    training: Training,
    folder: Path | None = None,
    track: Track = silent,
    memory: Path | None = None,
    seed: int = 3,
) -> Trained:
    freeze_imports()
    with one_core():
        return train(network, problem, training, seed, TrainingContext(folder, memory, "toy", track))


@contextmanager
def one_core() -> Iterator[None]:
    """Where several cores would only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def freeze_imports() -> None:
    """Every training collects garbage; that what was imported is none need not be found out anew, 0.4 seconds each."""
    import base_models.neural.loop  # noqa: F401

    gc.collect()
    gc.freeze()


atexit.register(gc.unfreeze)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Bit for bit, buffers too."""
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def assert_close_weights(one: nn.Module, other: nn.Module, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    theirs = other.state_dict()
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor.cpu(), theirs[name].cpu(), rtol=rtol, atol=atol)


def curve(trained: Trained) -> list[dict[str, float]]:
    """The learning curve without its clock."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in trained.state.curve]


def column(trained: Trained, name: str) -> list[float]:
    return [row[name] for row in trained.state.curve]
