"""How near UEGD's training comes to a bare loop, and what memory it takes to read states of many layers from disk.

    python benchmarks/uegd.py
    python benchmarks/uegd.py --only training --frames 35 --layers 1 --pairs 9
    python benchmarks/uegd.py --only memory --clips 500            small; 20,000 clips are 12 GB on disk

"training": the steps of the learner at the widths of MOSEI (three modalities of 1,024 features), against a plain loop
over the same batches, ready in memory, and against one that makes its batches as the learner does. They take turns,
every other round in reverse order; a ratio is the median of the rounds' ratios, with quartiles.

"memory": synthetic clips of 48 states of 256 numbers in 25 layers are written to the cache as a run does, then read by
a training of one epoch over their weighted sum and a prediction. Printed is the most anonymous memory (what is no page
of a file) that the process had meanwhile, sampled ten times a second, beside what it had before. The goal is 2 GiB.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F
from turns import Steps, in_turns, print_speeds, taken

from base_models.faces.preparation import Faces
from base_models.neural.inference import device, predict_logits
from base_models.neural.optimization import make_optimizer
from base_models.neural.sampling import Batch, EpochSampler
from base_models.neural.train_val_split import TrainValSplit
from base_models.neural.training import train
from base_models.objectives.objective import objective_of
from base_models.sequences.layers import Layer
from base_models.sequences.states import SequenceStates
from base_models.uegd.examples import SequenceSource
from base_models.uegd.masks import Masks
from base_models.uegd.network import States, UegdNetwork, UegdShape
from base_models.uegd.uegd import UegdTraining
from ensemble.blocks import Ragged
from ensemble.data import Dataset, Task
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext

MOOD = Task("mood", kind="regression")
MODALITIES = ("text", "audio", "video")


class Synthetic:
    """States without an encoder: pieces of one array of noise."""

    contents, block = "synthetic clips", 64

    def __init__(self, modality: str, layers: int, width: int, frames: int) -> None:
        self.modality, self.layers, self.width, self.frames = modality, layers, width, frames
        self.model = self.key = f"{modality} {layers} {width} {frames}"
        self.noise = np.random.default_rng(0).normal(size=(64 + frames, width)).astype(np.float16)

    def encode(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        pieces = [self.noise[row % 64 : row % 64 + self.frames] for row in rows]
        return [Ragged.of(pieces) for _ in layers]


def drawn(rows: int) -> Dataset:
    cells = {name: [f"{name} {row}" for row in range(rows)] for name in MODALITIES}
    hashes = {f"{name}_hash": cells[name] for name in MODALITIES}
    moods = np.random.default_rng(1).normal(size=rows)
    frame = pd.DataFrame({"id": np.arange(rows).astype(str), "part": "train", **cells, **hashes, "mood": moods})
    return Dataset(frame, Path("."), (MOOD,))


def source_of(encoders: Sequence[Synthetic], cache: FeatureCache) -> SequenceSource:
    states = {one.modality: SequenceStates(one, tuple(range(1, one.layers + 1)), cache) for one in encoders}
    return SequenceSource(states, Masks(), Faces("none", None, 3.0, cache), published_rows=False)


def problem_of(source: SequenceSource, data: Dataset) -> TrainValSplit:
    objective = objective_of(MOOD, data.labels(MOOD))
    return TrainValSplit.of(MOOD, objective, source.examples(data, 1, training=True), data, 0, 0)


def network_of(source: SequenceSource) -> UegdNetwork:
    fed = {name: States(len(states.layers), states.encoder.width) for name, states in source.states.items()}
    return UegdNetwork(fed, 1, UegdShape(), seed=0)


def measure_training(ask: argparse.Namespace) -> None:
    """On a cache in memory: what is read from disk is the system's, and the same for all."""
    how = UegdTraining(epochs=1, warmup=0, batch=ask.batch, validation=0)
    data = drawn(ask.batch * ask.steps)
    source = source_of([Synthetic(name, ask.layers, 1024, ask.frames) for name in MODALITIES], FeatureCache())
    problem, network = problem_of(source, data), network_of(source)
    size = sum(parameter.numel() for parameter in network.parameters())
    sampler = EpochSampler(problem.training, problem.labels, ask.batch, 0, lengths=problem.examples.lengths)
    targets = torch.from_numpy(problem.objective.targets(how, problem.labels, None))
    batches = [(rows, targets[[row for *_, row in rows]].to(device())) for rows in sampler]

    def making() -> Iterator[tuple[Batch, torch.Tensor]]:
        for rows, labels in batches:
            yield {name: part.to(device()) for name, part in problem.examples.augmented(rows).items()}, labels

    ready = list(making())

    ways = {
        "learner": partial(train_learner, network, problem, how),
        "bare loop": lambda steps: train_bare(network, iter(ready), how, steps),
        "bare loop, making batches": lambda steps: train_bare(network, making(), how, steps),
    }
    in_turns(ways, 1)  # warms up
    print(f"\nTraining, {size:,} parameters, {ask.layers} layers, {ask.frames} frames, batch {ask.batch}")
    print(f"{ask.steps} steps a run, the goal is 0.95 of the bare loop, {ask.pairs} rounds")
    print_speeds(in_turns(ways, ask.pairs), {"clips": len(data), "steps": ask.steps}, *list(ways)[1:])


def train_learner(network: UegdNetwork, problem: TrainValSplit, how: UegdTraining, steps: Steps) -> None:
    train(deepcopy(network), problem, how, 0, TrainingContext(track=steps.around))


def train_bare(
    network: UegdNetwork, batches: Iterator[tuple[Batch, torch.Tensor]], how: UegdTraining, steps: Steps
) -> None:
    copy = deepcopy(network).to(device()).train()
    optimizer = make_optimizer(copy, how)

    def run() -> None:
        for batch, labels in batches:
            loss = F.l1_loss(copy(**batch)[:, 0], labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()

    taken(run, steps)


def measure_memory(ask: argparse.Namespace) -> None:
    encoder = Synthetic("video", ask.depth, ask.width, ask.long)
    data = drawn(ask.clips)
    with tempfile.TemporaryDirectory(dir=ask.folder) as folder:
        cache = FeatureCache(Path(folder), image_bytes=10**15)
        source = source_of([encoder], cache)
        print(f"\nMemory, {ask.clips:,} clips, {ask.depth} layers of {ask.long} x {ask.width} float16")
        with watched("written"):
            source.fill(data)
        print(f"{cache.used('states-'):,} bytes on disk")
        source = source_of([encoder], FeatureCache(Path(folder), image_bytes=0))
        network, how = network_of(source), UegdTraining(epochs=1, warmup=0, validation=0)
        with watched("trained on, one epoch"):
            problem = problem_of(source, data)
            train(network, problem, how, 0, TrainingContext())
        with watched("predicted"):
            predict_logits(network, problem.examples, range(len(data)), 16)


@contextmanager
def watched(what: str) -> Iterator[None]:
    """Prints the most anonymous memory that the process has within, and what it has before."""
    before = most = anonymous()
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.1):
            most = max(most, anonymous())

    thread, began = threading.Thread(target=watch, daemon=True), time.perf_counter()
    thread.start()
    yield
    done.set()
    thread.join()
    most, seconds = max(most, anonymous()), time.perf_counter() - began
    print(f"{what:24}{most / 2**30:6.2f} GiB of anonymous memory at most, {before / 2**30:.2f} before, {seconds:.0f} s")


def anonymous() -> int:
    """Bytes; Linux only."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=("training", "memory"), default=("training", "memory"))
    parser.add_argument("--folder", type=Path, help="where the states are written for a while; default: the system's")
    numbers = {"pairs": 9, "batch": 16, "steps": 20, "frames": 35, "layers": 1}
    numbers |= {"clips": 20_000, "depth": 25, "long": 48, "width": 256}
    helps = {"layers": " of each modality in training", "depth": " layers", "long": " states", "width": " numbers"}
    for name, number in {**numbers, "threads": torch.get_num_threads()}.items():
        parser.add_argument(f"--{name}", type=int, default=number, help=f"default: {number}{helps.get(name, '')}")
    return parser.parse_args()


def main() -> None:
    ask = parse()
    torch.set_num_threads(ask.threads)
    print(f"{device()}, {ask.threads} threads")
    if "training" in ask.only:
        measure_training(ask)
    if "memory" in ask.only:
        measure_memory(ask)


if __name__ == "__main__":
    main()
