"""Layers of an encoder by name: which there are, and what each gives."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from ensemble.errors import LearnerError

if TYPE_CHECKING:
    import torch

# A number n: as states leave block n, counted from 1, before any norm that follows the blocks; 0: as they enter the
# first; negative: from the end. "last": what the network itself gives, after its last norm where it has one. "mean": of
# all numbered layers, with "last" in the place of the highest, as libraries list hidden states.
Layer = int | Literal["last", "mean"]


def numbered(layer: Layer, layers: int, where: str) -> Layer:
    """The same layer, counted from the beginning; raises LearnerError for one that an encoder of so many ``layers``
    does not have. ``where`` says who asks, and of which encoder."""
    if isinstance(layer, str):
        return layer
    if not -layers - 1 <= layer <= layers:
        right = f'0 to {layers}, -1 for the highest, "last" or "mean"' if layers else '"last", its only one'
        raise LearnerError(f"{where}: there is no layer {layer}; set {right}.")
    return layer if layer >= 0 else layers + 1 + layer


@contextmanager
def watched(
    blocks: Iterable["torch.nn.Module"], keep: Callable[["torch.Tensor"], "torch.Tensor"]
) -> Iterator[list["torch.Tensor"]]:
    """A list that fills, when the network is run, with what enters the first of its blocks and what leaves each; of
    each what ``keep`` makes of it.

    Not what the network lists as hidden states: whether the last of them is taken before or after the norm that follows
    the blocks differs between networks, and between versions of transformers.
    """
    states: list[torch.Tensor] = []

    def entered(block: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        states.append(keep(arguments[0] if arguments else named["hidden_states"]))

    def left(block: Any, arguments: Any, output: Any) -> None:
        states.append(keep(output[0] if isinstance(output, tuple) else output))

    run = list(blocks)
    hooks = [block.register_forward_hook(left) for block in run]
    hooks += [block.register_forward_pre_hook(entered, with_kwargs=True) for block in run[:1]]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()


def of_layers(
    states: Sequence["torch.Tensor"], last: "torch.Tensor", layers: Sequence[Layer], where: str
) -> list["torch.Tensor"]:
    """What each of ``layers`` gives, from what ``watched`` has seen and what the network gave; raises LearnerError for
    one there is not."""
    import torch

    top = max(0, len(states) - 1)
    if "mean" in layers and len({state.shape for state in [*states[:-1], last]}) > 1:
        raise LearnerError(f'{where}: its layers differ in width and have no mean; set a number, or "last".')
    found = []
    for layer in layers:
        place = numbered(layer, top, where)
        if place == "mean":
            found.append(torch.stack([*states[:-1], last]).mean(dim=0))
        else:
            found.append(last if place == "last" or not states else states[int(place)])
    return found
