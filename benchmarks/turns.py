"""Ways of doing the same work take turns on a noisy machine and are compared round by round: the benchmarks' clock."""

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from base_models.neural.inference import device
from ensemble.system.progress import Item, Label


@dataclass
class Steps:
    """Notes when each step ends: as the ``TrainingContext.track`` of a learner, or by ``tick``."""

    count: int
    ends: list[float] = field(default_factory=list)

    def tick(self) -> None:
        if device().type == "cuda" and len(self.ends) in (0, self.count - 1):
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())

    def __call__(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        for item in items:
            yield item
            self.tick()

    def around(self, items: Iterable[Item], label: Label, total: int) -> Generator[Item, None, None]:
        """A track that notes only when the first step begins and when the last one ends."""
        self.tick()
        yield from items
        self.tick()


def in_turns(ways: Mapping[str, Callable[[Steps], object]], rounds: int, count: int = 2) -> dict[str, list[float]]:
    """Seconds per step of every way, round by round, counted from the end of the first of ``count`` steps."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            steps = Steps(count)
            ways[name](steps)
            seconds[name].append((steps.ends[-1] - steps.ends[0]) / (len(steps.ends) - 1))
    return seconds


def taken(work: Callable[[], object], steps: Steps | None = None) -> float:
    """Seconds of ``work``, noted in ``steps`` as its start and its end."""
    steps = steps or Steps(2)
    steps.tick()
    work()
    steps.tick()
    return steps.ends[1] - steps.ends[0]


def quartiles(values: Sequence[float]) -> str:
    low, middle, high = (
        f"{value:.3f}" if value < 100 else f"{value:.0f}" for value in np.percentile(values, [25, 50, 75])
    )
    return f"{middle} [{low}, {high}]"


def print_speeds(seconds: Mapping[str, list[float]], counts: Mapping[str, int], *against: str) -> None:
    """So many of each unit took so long; speed as a share of that of the ways named."""
    header = "".join(f"{unit + '/s':>12}" for unit in counts) + "".join(f"{'/ ' + name:>24}" for name in against)
    print(f"{'':26}{'seconds':>9}{header}")
    for name, own in seconds.items():
        ratios = [[b / a for a, b in zip(own, seconds[other], strict=True)] for other in against]
        line = f"{name:26}{np.median(own):9.3f}"
        line += "".join(f"{count / np.median(own):12.2f}" for count in counts.values())
        print(line + "".join(f"{quartiles(ratio):>24}" for ratio in ratios))
