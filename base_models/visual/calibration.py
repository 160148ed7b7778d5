"""Batch normalisation that an export has folded into the convolutions: restored, so that training starts from it.

Folded layers have mean 0, variance 1 and scale 1. In evaluation they do nothing, which is right; in training they would
standardise what was never meant to be, and the pretrained function would be gone with the first batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from base_models.visual.pixels import ImageExamples
from ensemble.learner import TrainingInfo

CALIBRATION_PIXELS = 256 * 128 * 128  # what a forward pass holds without trouble, and more than statistics need
Layer = torch.nn.modules.batchnorm._BatchNorm
TOLERANCE = 1e-3


def restore_folded(network: torch.nn.Module, examples: ImageExamples) -> TrainingInfo:
    """Restore the statistics of a network of images where they are folded away; what the job's record says of it."""
    if not is_folded(network):
        return {}
    height, width = examples.size
    rows = min(len(examples), max(CALIBRATION_PIXELS // (height * width), 2))
    restore_statistics(network, examples.batch(range(rows))["pixels"][:, 0])
    return {"batch_norm_restored": f"folded in the weights; statistics of {rows} images"}


def is_folded(network: torch.nn.Module) -> bool:
    """Whether there is batch normalisation and all of it is as an export leaves it; so are random weights."""
    layers = _layers(network)
    return bool(layers) and all(_is_identity(layer) for layer in layers)


@torch.no_grad()
def restore_statistics(network: torch.nn.Module, pixels: torch.Tensor) -> None:
    """Give every layer the statistics of its input over ``pixels`` (rows, height, width, 3), and the scale and shift
    with which it computes in evaluation what it did before."""
    network.eval()
    with _input_statistics(_layers(network)) as statistics:
        network(pixels=pixels)
    for layer, (mean, variance) in statistics.items():
        if layer.running_mean is None or layer.running_var is None:
            continue
        # y = (x - m) / sqrt(v + eps) * weight + bias must stay the same function of x with the new m and v: its slope
        # ``scale`` is that of the old ones, and the new weight and bias follow from it.
        scale = layer.weight / torch.sqrt(layer.running_var + layer.eps)
        layer.bias.add_((mean - layer.running_mean) * scale)
        layer.weight.copy_(scale * torch.sqrt(variance + layer.eps))
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)


@contextmanager
def _input_statistics(layers: list[Layer]) -> Iterator[dict[Layer, tuple[torch.Tensor, torch.Tensor]]]:
    """Mean and variance by channel of what goes into each layer."""
    statistics: dict[Layer, tuple[torch.Tensor, torch.Tensor]] = {}

    def note(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(layer, Layer)
        channels = inputs[0].transpose(0, 1).flatten(1)
        statistics[layer] = (channels.mean(dim=1), channels.var(dim=1))

    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        yield statistics
    finally:
        for hook in hooks:
            hook.remove()


def _is_identity(layer: Layer) -> bool:
    """Up to the small number under the root."""
    if layer.running_mean is None or layer.running_var is None or not layer.affine:
        return False
    ones = torch.cat([layer.running_var, layer.weight])
    return bool((layer.running_mean == 0).all() and ((ones - 1).abs() < TOLERANCE).all())


def _layers(network: torch.nn.Module) -> list[Layer]:
    return [module for module in network.modules() if isinstance(module, Layer)]
