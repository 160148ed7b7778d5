"""A transformer by depth: which lower layers stay as they are, which learn slowly, which are computed twice."""

from collections.abc import Iterable
from functools import partial
from itertools import chain, groupby
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from base_models.neural.optimization import ParameterGroup

Depths = list[list[nn.Parameter]]
BATCH_NORM = nn.modules.batchnorm._BatchNorm


def by_depth(body: nn.Module, layers: nn.ModuleList, head: nn.Module) -> Depths:
    """The parameters of the embeddings, of each layer, of the head. What follows the last layer counts to it."""
    depth_of: dict[int, int] = {}
    for depth, layer in enumerate(layers, start=1):
        for parameter in layer.parameters():
            depth_of.setdefault(id(parameter), depth)
    depths: Depths = [[] for _ in range(len(layers) + 2)]
    shared = {id(parameter) for parameter in body.parameters(recurse=False)}  # by layers, but defined first
    depth = 0
    for parameter in body.parameters():  # in the order of the network, each once
        own = depth_of.get(id(parameter), depth)
        depths[own].append(parameter)
        depth = depth if id(parameter) in shared else own
    depths[-1] = list(head.parameters())
    return depths


def freeze(depths: Depths, frozen: int | None) -> None:
    """Leave the ``frozen`` lowest layers and the embeddings below them as they are; None: none of them."""
    for parameter in chain(*depths[: 0 if frozen is None else frozen + 1]):
        parameter.requires_grad_(False)


def decayed(depths: Depths, lr: float, decay: float, head_rate: float = 1.0) -> list[ParameterGroup]:
    """What an optimizer trains: the learning rate of each layer is ``decay`` times that of the layer above it; the
    head's is ``head_rate`` times ``lr``. Neighbours of one rate share a group."""
    rates = [lr * decay**below for below in reversed(range(1, len(depths)))] + [lr * head_rate]
    trained = [[parameter for parameter in parameters if parameter.requires_grad] for parameters in depths]
    groups = groupby(zip(rates, trained, strict=True), key=lambda pair: pair[0])
    found = [(list(chain(*(params for _, params in pairs))), rate) for rate, pairs in groups]
    return [{"params": params, "lr": rate} for params, rate in found if params]


def repeated_layers(network: nn.Module) -> list[nn.Module]:
    """The layers, alike, that stand one above the other anywhere in a network; not those that stand within them, and
    none with batch normalisation, which would count twice what it sees twice."""
    layers = list(network.children())
    if isinstance(network, nn.ModuleList | nn.Sequential) and _alike(layers):
        return layers
    found = chain.from_iterable(map(repeated_layers, layers))
    return list({id(layer): layer for layer in found}.values())


def _alike(layers: list[nn.Module]) -> bool:
    parts = list(chain.from_iterable(layer.modules() for layer in layers))
    return (
        len(layers) > 1
        and len({type(layer) for layer in layers}) == 1
        and len(parts) > len(layers)  # made of others: of a linear layer nothing is kept but what it is given
        and not any(isinstance(part, BATCH_NORM) for part in parts)
    )


def checkpoint_layers(layers: Iterable[nn.Module]) -> None:
    """Compute the activations of these layers twice in training instead of keeping them."""
    for layer in layers:
        if getattr(layer.forward, "func", None) is not _recomputed:
            layer.forward = partial(_recomputed, layer, layer.forward)


def _recomputed(layer: nn.Module, forward: Any, *arguments: Any, **options: Any) -> Any:
    if not layer.training or not torch.is_grad_enabled():
        return forward(*arguments, **options)
    return checkpoint(forward, *arguments, use_reentrant=False, **options)
