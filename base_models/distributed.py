"""How the processes of `torchrun` agree: on when to go on, and on what their first one decided."""

from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from ensemble.peers import Peers, rank_and_size

Decision = TypeVar("Decision")


def peers() -> Peers:
    """Joins the others; alone, there is nobody to join."""
    rank, size = rank_and_size()
    return Peers(rank, size, meet) if size > 1 else Peers()


def meet() -> None:
    """Wait for the others, if there are any."""
    if rank_and_size()[1] > 1:
        _state().wait_for_everyone()


def leads() -> bool:
    return rank_and_size()[0] == 0


def agree(decision: Decision) -> Decision:
    """What the first process decided: clocks and floating point differ between machines."""
    if rank_and_size()[1] == 1:
        return decision
    shared = [decision]
    _state()
    broadcast_object_list(shared)
    return shared[0]


def _state() -> PartialState:
    """On its own GPU each, else on CPUs."""
    return PartialState(cpu=not torch.cuda.is_available())
