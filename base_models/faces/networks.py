"""MTCNN: three small networks that look for faces, each surer than the one before (Zhang et al. 2016).

Names and layouts of their weights are those of facenet-pytorch, whose published weights load as they are.
"""

from functools import lru_cache
from typing import NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from base_models.weights import checkpoint_file
from ensemble.errors import LearnerError
from ensemble.system.files import known_hash

Found = tuple[Tensor, Tensor]  # (n, ...) probability of a face; (n, 4, ...) by what share of its sides a box is moved
LARGE = 20_000_000  # bytes: the networks have 2 MB


class ProposalNet(nn.Module):
    """P-Net, fully convolutional: of (n, 3, height, width) at least 12 x 12, one answer per cell of a stride of 2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, pixels: Tensor) -> Found:
        maps = _pool(self.prelu1(self.conv1(pixels)), 2)
        maps = self.prelu3(self.conv3(self.prelu2(self.conv2(maps))))
        return self.conv4_1(maps).softmax(1)[:, 1], self.conv4_2(maps)


class RefineNet(nn.Module):
    """R-Net: of (n, 3, 24, 24)."""

    side = 24

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, pixels: Tensor) -> Found:
        maps = _pool(self.prelu1(self.conv1(pixels)), 3)
        maps = _pool(self.prelu2(self.conv2(maps)), 3)
        hidden = self.prelu4(self.dense4(_flat(self.prelu3(self.conv3(maps)))))
        return self.dense5_1(hidden).softmax(1)[:, 1], self.dense5_2(hidden)


class OutputNet(nn.Module):
    """O-Net: of (n, 3, 48, 48). ``dense6_3`` would say where eyes, nose and mouth are, which nobody asks here."""

    side = 48

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, pixels: Tensor) -> Found:
        maps = _pool(self.prelu1(self.conv1(pixels)), 3)
        maps = _pool(self.prelu2(self.conv2(maps)), 3)
        maps = _pool(self.prelu3(self.conv3(maps)), 2)
        hidden = self.prelu5(self.dense5(_flat(self.prelu4(self.conv4(maps)))))
        return self.dense6_1(hidden).softmax(1)[:, 1], self.dense6_2(hidden)


class MTCNN(nn.Module):
    """The three networks as one, so that one file holds them."""

    def __init__(self) -> None:
        super().__init__()
        self.pnet, self.rnet, self.onet = ProposalNet(), RefineNet(), OutputNet()


def _pool(maps: Tensor, size: int) -> Tensor:
    return F.max_pool2d(maps, size, 2, ceil_mode=True)


def _flat(maps: Tensor) -> Tensor:
    """In the order width, height, channel, in which the published weights were trained."""
    return maps.permute(0, 3, 2, 1).flatten(1)


def load_networks(path: str) -> MTCNN:
    """The networks of a safetensors file, for inference, each file loaded once.

    Raises LearnerError where the file is not there, or holds anything but the weights of these networks.
    """
    return _load(path, known_hash(checkpoint_file(path)))


@lru_cache(maxsize=2)
def _load(path: str, _: str) -> MTCNN:
    file = checkpoint_file(path)
    if file.stat().st_size > LARGE:
        _refuse(path, "it is too large for them")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise LearnerError(f"Cannot load the face detector {path!r}: it is no safetensors file.") from error
    networks = MTCNN().eval().requires_grad_(False)
    wanted = {name: tuple(tensor.shape) for name, tensor in networks.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if name not in wanted or wanted[name] != found.get(name):
            _refuse(path, f"{name} is {found.get(name, 'not there')} and should be {wanted.get(name, 'not there')}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        _refuse(path, "some are no numbers")
    networks.load_state_dict(tensors, strict=True)
    return networks


def _refuse(path: str, why: str) -> NoReturn:
    raise LearnerError(
        f"Cannot load the face detector {path!r}: it does not hold the weights of MTCNN's pnet, rnet and onet ({why})."
    )
