"""What sets one kind of language model that sees apart, and the kind that does not see.

Images are squares of one size, so each image stands for the same number of placeholder tokens. Nothing here needs
weights or a tokenizer: a family is known by its configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import nn

Connected = tuple[torch.Tensor, Sequence[torch.Tensor]]
Parts = Mapping[str, Sequence[str]]


class Family(Protocol):
    """What sets one kind of network apart."""

    @property
    def config(self) -> Any: ...

    @property
    def side(self) -> int:
        """Of an image, in pixels; 0 where the network sees none."""
        ...

    @property
    def run(self) -> int:
        """Placeholder tokens of an image."""
        ...

    @property
    def grid(self) -> int | None:
        """Where an image's positions count as a square of ``grid`` x ``grid`` that is ``grid`` long; None where each of
        its tokens has a position of its own."""
        ...

    @property
    def parts(self) -> Parts:
        """Names of modules by part, ``connector`` and the parts of it; what none has is of the language model."""
        ...

    def decoder(self, model: Any) -> Any:
        """The language model without its head."""
        ...

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(images, positions, width) before the connector, of (images, 3, side, side) normalised."""
        ...

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        """(images, run, width of the language model) of what is seen; and what is added to it behind the first layers
        of the language model, in the same shape each."""
        ...


@dataclass(frozen=True)
class TextAlone:
    """A decoder without eyes, such as SmolLM2."""

    config: Any

    side, run, grid = 0, 0, None
    parts: ClassVar[Parts] = {}

    def decoder(self, model: Any) -> Any:
        return model.get_decoder()

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        raise AssertionError("it sees nothing")

    def connect(self, model: Any, states: torch.Tensor) -> Connected:
        raise AssertionError("it sees nothing")


@contextmanager
def entering(modules: Sequence[nn.Module]) -> Iterator[list[torch.Tensor]]:
    """What enters these modules, in their order, once they have been called."""
    found: dict[nn.Module, torch.Tensor] = {}
    states: list[torch.Tensor] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, given: found.update({module: given[0]})) for module in modules
    ]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()
    states += [found[module] for module in modules]


def squares(side: int, patch: int, merged: int) -> int:
    """How many merged patches stand in a row."""
    if side % (patch * merged):
        raise ValueError(f"an image of {side} pixels has no whole patches of {patch} pixels by {merged}")
    return side // (patch * merged)
