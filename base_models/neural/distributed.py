"""How the processes of `torchrun` agree: on when to go on, and on what their first one decided."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, reduce

from ensemble.system.distributed import DistributedContext, rank_and_size

Decision = TypeVar("Decision")


def distributed_context() -> DistributedContext:
    """Joins the others; alone, there is nobody to join."""
    rank, size = rank_and_size()
    return DistributedContext(rank, size, barrier) if size > 1 else DistributedContext()


def barrier() -> None:
    """Wait for the others, if there are any."""
    if rank_and_size()[1] > 1:
        _state().wait_for_everyone()


def is_main_process() -> bool:
    return rank_and_size()[0] == 0


def broadcast(decision: Decision) -> Decision:
    """What the first process decided: clocks and floating point differ between machines."""
    if rank_and_size()[1] == 1:
        return decision
    shared = [decision]
    _state()
    broadcast_object_list(shared)
    return shared[0]


def mean_over_processes(values: Sequence[torch.Tensor]) -> list[float]:
    """Element by element."""
    if values and rank_and_size()[1] > 1:
        return [float(value) for value in reduce(torch.stack(list(values)), "mean")]
    return [float(value) for value in values]


def _state() -> PartialState:
    """On its own GPU each, else on CPUs. The first may predict for long while the others wait."""
    return PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(days=1))
