"""Face detectors without a download: one of random weights, and one by hand that takes bright squares for faces."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from base_models.faces.networks import MTCNN


def write_random_detector(path: Path, seed: int = 0) -> Path:
    """It sees faces in many places, and moves boxes about."""
    torch.manual_seed(seed)
    networks = MTCNN()
    with torch.no_grad():
        for surely in _sure(networks):
            surely.bias[1] += 1.0
        for moved in (networks.pnet.conv4_2, networks.rnet.dense5_2, networks.onet.dense6_2):
            moved.bias.normal_(std=0.5)
    save_file(networks.state_dict(), path)
    return path


def write_bright_detector(path: Path, threshold: float = 0.2) -> Path:
    """Each network takes the mean brightness, -1 to 1, and says face where it is over ``threshold``; boxes stay."""
    networks = MTCNN()
    with torch.no_grad():
        for name, weights in networks.named_parameters():
            weights.fill_(1.0 if "prelu" in name else 0.0)
            if name.endswith("weight") and name.rpartition(".")[0].endswith(("conv1", "conv2", "conv3", "conv4")):
                seen = weights[0] if "conv1" in name else weights[0, :1]
                seen.fill_(1 / seen.numel())
        for dense, channels in ((networks.rnet.dense4, 64), (networks.onet.dense5, 128)):
            dense.weight[0, ::channels] = channels / dense.in_features
        for surely in _sure(networks):
            surely.weight[1, 0], surely.bias[1] = 20.0, -20.0 * threshold
    save_file(networks.state_dict(), path)
    return path


def _sure(networks: MTCNN) -> tuple[nn.Conv2d | nn.Linear, ...]:
    return networks.pnet.conv4_1, networks.rnet.dense5_1, networks.onet.dense6_1
