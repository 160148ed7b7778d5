"""Boxes around faces: which of them are one face, moved to where it is, made square.

Boxes are (n, 4) x1, y1, x2, y2 in pixels, float32; figures such as the added pixel are facenet-pytorch's.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.ops import nms

Boxes = npt.NDArray[np.float32]


def best_of_each(boxes: Tensor, scores: Tensor, pictures: Tensor, overlap: float) -> Tensor:
    """Positions of the boxes that stay, in each picture the surest first, where of two whose intersection is over
    ``overlap`` of their union the surer one stays (non-maximum suppression)."""
    kept = [pictures.new_zeros(0)]
    for picture in sorted(set(pictures.tolist())):
        here = (pictures == picture).nonzero().flatten()
        kept.append(here[nms(boxes[here], scores[here], overlap)])
    return torch.cat(kept)


def not_within(boxes: Boxes, scores: npt.NDArray[np.float32], overlap: float) -> list[int]:
    """The same for boxes of one picture, where the intersection is measured by the smaller of the two: a box within
    another one goes."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    area = sides[:, 0] * sides[:, 1]
    left, kept = np.argsort(scores), []
    while len(left):
        best, left = left[-1], left[:-1]
        kept.append(int(best))
        shared = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(boxes[best, :2], boxes[left, :2]) + 1
        inside = np.prod(np.maximum(shared, 0), axis=1) / np.minimum(area[best], area[left])
        left = left[inside <= overlap]
    return kept


def moved(boxes: Tensor, shares: Tensor, added: int) -> Tensor:
    """Each side moved by its share of the box's width or height, which have ``added`` pixels more than the difference
    of the sides."""
    sides = (boxes[:, 2:] - boxes[:, :2] + added).repeat(1, 2)
    return boxes + shares * sides


def squared(boxes: Tensor) -> Tensor:
    """The smallest squares around boxes that have their centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(dim=1, keepdim=True).values
    corners = boxes[:, :2] + sides * 0.5 - longest * 0.5
    return torch.cat([corners, corners + longest], dim=1)


def pixels_of(boxes: Tensor, width: int, height: int) -> Tensor:
    """(n, 4) first column and row, and those behind the last, of what lies inside the picture; the last are not above
    the first where nothing does."""
    whole = boxes.trunc().long()
    return torch.cat([whole[:, :2].clamp(min=1) - 1, whole[:, 2:].minimum(whole.new_tensor([width, height]))], dim=1)
