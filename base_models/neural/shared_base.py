"""One pretrained network per process: all that is trained on top of it shares its frozen weights.

Who borrows it gets modules of one's own over the same tensors, on which adapters may stand and parts may be trained:
the network that is shared never changes, and there is nothing to put back.
"""

import copy
import gc
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar, cast
from weakref import WeakSet

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)

log = logging.getLogger("ensemble")


@dataclass
class _Kept:
    """The network of this process; ``borrowed`` are those that share its weights and are still in use."""

    name: str
    key: str
    network: nn.Module
    borrowed: "WeakSet[nn.Module]" = field(default_factory=WeakSet)


_kept: list[_Kept] = []  # one at most


def borrow(
    name: str, key: str, load: Callable[[], Network], trained: Callable[[Network], Iterable[nn.Parameter]] | None = None
) -> Network:
    """The network that ``load`` gives, ready to predict, its parameters frozen; one's own modules over shared weights.

    It is loaded once for the same ``key``, a fingerprint of all that decides its weights; the one before goes first.
    Parameters that ``trained`` names are the borrower's own, too: in single precision, to be trained. Moved to a device
    the weights are there for all. ``name`` is for people.
    """
    if not _kept or _kept[0].key != key:
        if _kept:
            log.warning("%s is let go for %s.", _kept[0].name, name)
            _drop()
        _kept.append(_Kept(name, key, load().eval().requires_grad_(False)))
    kept = _kept[0]
    network = cast(Network, kept.network)
    borrowed = _over_the_same_weights(network, [] if trained is None else trained(network))
    kept.borrowed.add(borrowed)
    return borrowed


def train_only(network: nn.Module, parameters: Iterable[nn.Parameter]) -> None:
    """Freeze all of a network but these, which get single precision: in half of it small steps are lost."""
    network.requires_grad_(False)
    for parameter in parameters:
        parameter.data = parameter.data.float()
        parameter.requires_grad_(True)


def shares_weights(network: nn.Module) -> bool:
    """Whether frozen weights of a network are also those of others: they must not be written to."""
    return any(module in kept.borrowed for kept in _kept for module in network.modules())


def let_go(why: str = "Out of memory") -> bool:
    """Free the memory of the network that is kept, where nobody uses it; whether there was one."""
    gc.collect()  # what a finished job has left behind is no use
    if not _kept or len(_kept[0].borrowed):
        return False
    log.warning("%s: %s, kept for later jobs, is let go and will be loaded again.", why, _kept[0].name)
    _drop()
    return True


def _drop() -> None:
    _kept.clear()
    gc.collect()
    torch.cuda.empty_cache()


def _over_the_same_weights(network: Network, trained: Iterable[nn.Parameter]) -> Network:
    """A copy of modules and buffers, but of the ``trained`` parameters alone."""
    own = {id(parameter) for parameter in trained}
    shared: dict[int, object] = {id(one): one for one in network.parameters() if id(one) not in own}
    copied = copy.deepcopy(network, dict(shared))
    train_only(copied, [parameter for parameter in copied.parameters() if id(parameter) not in shared])
    return copied
