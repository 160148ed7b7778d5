"""Whether one small move may explain how two pictures differ: what rules out most of those that are alike from afar."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensemble.content.alignment import blur, shrink
from ensemble.content.thumbnails import Thumbnails
from ensemble.modalities import Pairs
from ensemble.system.parts import on_all_cores, parts

SIDE = 32
EDGE = 1  # pixel around, with that of the slopes two: a crop may have cut them off
FLAT = 2.0  # with less contrast (in grey levels) there is nothing to see
CHUNK = 128  # pictures at a time: what is worked on stays in a core's cache


@dataclass(frozen=True)
class SmallPictures:
    """``levels`` (rows, 30, 30), each picture about its mean and as wide as a byte holds; ``scale`` (rows,) makes them
    of length one; ``contrast`` (rows,) in grey levels."""

    levels: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]
    contrast: npt.NDArray[np.float32]


def small_pictures(thumbnails: Thumbnails) -> SmallPictures:
    """Of (rows, side, side) thumbnails, read once and in parts."""
    side = SIDE - 2 * EDGE
    levels = np.empty((len(thumbnails), side, side), dtype=np.int8)
    scale, contrast = np.empty((2, len(thumbnails)), dtype=np.float32)

    def fill(part: slice) -> None:
        grey = blur(shrink(thumbnails[part], SIDE), 3)[:, EDGE:-EDGE, EDGE:-EDGE]
        grey = grey - grey.mean(axis=(1, 2), keepdims=True)
        contrast[part] = grey.std(axis=(1, 2))
        levels[part] = np.rint(grey * (127 / np.maximum(np.abs(grey).max(axis=(1, 2), keepdims=True), 1e-3)))
        scale[part] = 1 / np.maximum(np.linalg.norm(levels[part].astype(np.float32), axis=(1, 2)), 1e-3)

    on_all_cores(fill, parts(len(thumbnails), CHUNK))
    return SmallPictures(levels, scale, contrast)


def unexplained(pictures: SmallPictures, pairs: Pairs) -> npt.NDArray[np.float32]:
    """(pairs,) how much of the contrast differs once the best move, to first order, is taken off.

    Moves are linear about the mean of both pictures, which makes them good to second order: Benhimane and Malis,
    Real-time image-based tracking of planes using efficient second-order minimization, 2004.
    """
    left, right = pairs.T
    a, b = (pictures.levels[rows].astype(np.float32) for rows in (left, right))
    a *= pictures.scale[left][:, None, None]
    b *= pictures.scale[right][:, None, None]
    both = a + b
    across = np.linspace(-1, 1, both.shape[1], dtype=np.float32)[1:-1]
    # a constant, contrast, the four ways a picture may move, and what is to be explained: one product gives the sums
    design = np.empty((len(pairs), 7, len(across), len(across)), dtype=np.float32)
    design[:, 0] = 1 / SIDE
    design[:, 1] = both[:, 1:-1, 1:-1]
    np.subtract(both[:, 1:-1, 2:], both[:, 1:-1, :-2], out=design[:, 2])
    np.multiply(design[:, 2], across, out=design[:, 3])
    np.subtract(both[:, 2:, 1:-1], both[:, :-2, 1:-1], out=design[:, 4])
    np.multiply(design[:, 4], across[:, None], out=design[:, 5])
    np.subtract(a[:, 1:-1, 1:-1], b[:, 1:-1, 1:-1], out=design[:, 6])
    flat = design.reshape(len(pairs), 7, -1)
    products = (flat[:, :6] @ flat.transpose(0, 2, 1)).astype(np.float64)
    wanted = products[:, :, 6:]
    moves = np.linalg.solve(products[:, :, :6] + 1e-5 * np.eye(6), wanted)
    differs = np.einsum("np,np->n", flat[:, 6], flat[:, 6]) - (moves * wanted).sum(axis=(1, 2))
    contrast = np.minimum(pictures.contrast[left], pictures.contrast[right])
    share: npt.NDArray[np.float32] = np.sqrt(np.maximum(differs, 0)) * np.minimum(contrast / FLAT, 1)
    return share
