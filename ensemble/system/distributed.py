"""The processes that train one network together, as `torchrun` starts them. Knows who leads; not how they talk."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from ensemble.errors import ConfigError


@dataclass(frozen=True)
class DistributedContext:
    """The first of ``size`` processes is the main one: it predicts and writes. The workers only add their gradients.

    ``barrier`` returns once every process has called it.
    """

    rank: int = 0
    size: int = 1
    barrier: Callable[[], None] = lambda: None

    @property
    def is_worker(self) -> bool:
        return self.rank > 0


def rank_and_size() -> tuple[int, int]:
    """What torchrun put into the environment; (0, 1) where it did not start this process."""
    try:
        return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError as error:
        raise ConfigError(f"RANK and WORLD_SIZE must be whole numbers, as torchrun sets them: {error}.") from error
