"""Looking for faces in pictures of one size: proposals on a pyramid of sizes, then refined twice.

The steps and their constants are those of facenet-pytorch's MTCNN, so that the published weights give its boxes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from base_models.faces.boxes import Boxes, best_of_each, moved, not_within, pixels_of, squared
from base_models.faces.networks import MTCNN, OutputNet, ProposalNet, RefineNet

MIN_FACE = 20  # pixels of the smallest face that is looked for
FACTOR = 0.709  # from one size of the pyramid to the next: half the area
THRESHOLDS = (0.6, 0.7, 0.7)  # least probabilities of the three networks
CELL, STRIDE = 12, 2  # pixels that P-Net sees at a time, and from one cell to the next
CROPS_AT_ONCE = 512


class Candidates(NamedTuple):
    """``boxes`` (n, 4) with their ``scores`` (n,), by what ``shares`` (n, 4) of their sides they are to be moved, and
    of which of the ``pictures`` (n,) they are."""

    boxes: Tensor
    scores: Tensor
    shares: Tensor
    pictures: Tensor

    def take(self, rows: Tensor) -> "Candidates":
        return Candidates(*(each[rows] for each in self))

    def best(self, overlap: float) -> "Candidates":
        return self.take(best_of_each(self.boxes, self.scores, self.pictures, overlap))


@torch.inference_mode()
def find_faces(networks: MTCNN, pictures: Sequence[Image.Image]) -> list[Boxes]:
    """Of each RGB picture (faces, 5), the largest first: x1, y1, x2, y2 in pixels, of which a part may lie outside the
    picture, and the probability. All pictures have one size, width and height."""
    where = next(networks.parameters()).device
    stacked = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):  # last digits move boxes
        last = _last(networks, stacked.to(where).permute(0, 3, 1, 2).float())
    boxes = torch.cat([moved(last.boxes, last.shares, added=1), last.scores[:, None]], dim=1).cpu().numpy()
    belongs = last.pictures.cpu().numpy()
    return [_largest_first(boxes[belongs == number], pictures[number].size) for number in range(len(pictures))]


def _last(networks: MTCNN, pixels: Tensor) -> Candidates:
    """What all three networks take for faces."""
    proposed = _propose(networks.pnet, pixels).best(0.7)
    squares = squared(moved(proposed.boxes, proposed.shares, added=0))
    refined = _refine(networks.rnet, pixels, squares, proposed.pictures, THRESHOLDS[1]).best(0.7)
    squares = squared(moved(refined.boxes, refined.shares, added=1))
    return _refine(networks.onet, pixels, squares, refined.pictures, THRESHOLDS[2])


def _propose(network: ProposalNet, pixels: Tensor) -> Candidates:
    """What looks like a face in one of the sizes of the pyramid."""
    height, width = pixels.shape[2:]
    scale, found = CELL / MIN_FACE, [_cells(pixels.new_zeros(1, 0, 0), pixels.new_zeros(1, 4, 0, 0), 1.0)]
    while min(height, width) * scale >= CELL:
        size = (int(height * scale + 1), int(width * scale + 1))
        scores, shares = network(_scaled(F.interpolate(pixels, size, mode="area")))
        found.append(_cells(scores, shares, scale).best(0.5))
        scale *= FACTOR
    return Candidates(*map(torch.cat, zip(*found, strict=True)))


def _cells(scores: Tensor, shares: Tensor, scale: float) -> Candidates:
    """The cells of P-Net that are likely enough, in pixels of the picture, rounded down as published."""
    pictures, rows, columns = likely = (scores >= THRESHOLDS[0]).nonzero(as_tuple=True)
    corners = STRIDE * torch.stack([columns, rows], dim=1).float()
    boxes = torch.cat([(corners + 1) / scale, (corners + CELL) / scale], dim=1).floor()
    return Candidates(boxes, scores[likely], shares.permute(0, 2, 3, 1)[likely], pictures)


def _refine(
    network: RefineNet | OutputNet, pixels: Tensor, squares: Tensor, pictures: Tensor, threshold: float
) -> Candidates:
    """The squares in which the network is surer than ``threshold`` that there is a face."""
    height, width = pixels.shape[2:]
    sides = pixels_of(squares, width, height)
    inside = (sides[:, 2:] > sides[:, :2]).all(dim=1)
    size = (network.side, network.side)
    crops = [pixels.new_zeros(0, 3, *size)]
    for picture, (left, upper, right, lower) in zip(pictures[inside].tolist(), sides[inside].tolist(), strict=True):
        crops.append(F.interpolate(pixels[picture : picture + 1, :, upper:lower, left:right], size, mode="area"))
    answers = [network(part) for part in torch.split(_scaled(torch.cat(crops)), CROPS_AT_ONCE)]
    scores, shares = (torch.cat(each) for each in zip(*answers, strict=True))
    return Candidates(squares[inside], scores, shares, pictures[inside]).take(scores > threshold)


def _scaled(pixels: Tensor) -> Tensor:
    return (pixels - 127.5) * 0.0078125


def _largest_first(faces: Boxes, size: tuple[int, int]) -> Boxes:
    """The faces of one picture, each once; what lies outside it is none."""
    faces = faces[not_within(faces[:, :4], faces[:, 4], 0.7)]
    shown = np.minimum(faces[:, 2:4], size) - np.maximum(faces[:, :2], 0)
    faces = faces[(shown >= 1).all(axis=1)]
    return faces[np.argsort(-np.prod(faces[:, 2:4] - faces[:, :2], axis=1), kind="stable")]
