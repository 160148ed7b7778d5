"""What sets one kind of language model that sees apart, and the kind that does not see.

Images are squares of one size, so each image stands for the same number of placeholder tokens. Nothing here needs
weights or a tokenizer: a family is known by its configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import torch
from torch import nn

Connected = tuple[torch.Tensor, Mapping[str, Any]]


@dataclass(frozen=True)
class Traits:
    """What all networks of a family have in common.

    ``parts``: names of modules by part, "vision", "connector" and the parts of it; what none has is of the language
    model. ``wrapped``: special tokens before and behind the placeholders of an image. Where ``images_first``, images
    stand before the whole text. A tower of ``any_size`` is shown squares; the others see the one size they were made
    for. Where ``both_ways``, the tokens of an image see each other, which the model above the decoder takes care of.
    """

    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    wrapped: tuple[Sequence[str], Sequence[str]] = ((), ())
    images_first: bool = False
    any_size: bool = False
    both_ways: bool = False


class Family(Protocol):
    """One network's, by its configuration."""

    @property
    def traits(self) -> Traits: ...

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

    def decoder(self, model: Any) -> Any:
        """The language model without its head."""
        ...

    def tower(self, model: Any) -> Any:
        """What sees."""
        ...

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        """(images, positions, width) before the connector, of (images, 3, side, side) normalised."""
        ...

    def connect(self, model: Any, states: torch.Tensor, images: torch.Tensor) -> Connected:
        """(images, run, width of the language model) of what is seen; and what the language model gets beside it.
        ``images`` (rows, tokens) is true where placeholders stand."""
        ...


@dataclass(frozen=True)
class TextAlone:
    """A decoder without eyes, such as SmolLM2."""

    config: Any

    traits: ClassVar = Traits()
    side, run, grid = 0, 0, None

    def decoder(self, model: Any) -> Any:
        return model.get_decoder()

    def tower(self, model: Any) -> Any:
        raise AssertionError("it sees nothing")

    def see(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        raise AssertionError("it sees nothing")

    def connect(self, model: Any, states: torch.Tensor, images: torch.Tensor) -> Connected:
        raise AssertionError("it sees nothing")


@contextmanager
def entering(modules: Sequence[nn.Module]) -> Iterator[list[torch.Tensor]]:
    """What enters these modules, in their order, once they have been called."""
    found: dict[nn.Module, torch.Tensor] = {}
    states: list[torch.Tensor] = []

    def keep(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        found[module] = given[0]

    hooks = [module.register_forward_pre_hook(keep) for module in modules]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()
    states += [found[module] for module in modules]


def connected_by(module: nn.Module, states: torch.Tensor) -> torch.Tensor:
    """What a connector makes of states in whatever precision they were kept."""
    connected: torch.Tensor = module(states.to(next(module.parameters()).dtype))
    return connected


def squares(side: int, patch: int, merged: int) -> int:
    """How many merged patches stand in a row."""
    if side % (patch * merged):
        raise ValueError(f"an image of {side} pixels has no whole patches of {patch} pixels by {merged}")
    return side // (patch * merged)
