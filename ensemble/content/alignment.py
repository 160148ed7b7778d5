"""Pictures brought into line before they are compared: which crop of the one shows what the other shows."""

from typing import Any

import numpy as np
import numpy.typing as npt

Greys = npt.NDArray[np.floating[Any]]  # (pairs, side, side) grey levels
Crops = npt.NDArray[np.float32]  # (pairs, 4): stretch and shift across, stretch and shift down; 0 is the whole picture

MAX_CROP = 0.13  # 5 % off each side stretch a picture by a tenth
MAX_STEP = 0.08
MIN_GAIN = 0.2
RIDGE = 1e-6


def align(left: Greys, right: Greys, crops: Crops, rounds: int) -> Crops:
    """The crops of ``right`` that are nearest to ``left`` up to brightness and contrast, found from ``crops`` on.

    Gauss-Newton, as Lucas and Kanade's registration of images: every round solves for the six numbers of a pair.
    """
    pairs, side, _ = left.shape
    across = _centres(side)
    wanted, blurred = blur(left, 3).reshape(pairs, side * side, 1), blur(right, 3)
    ridge = np.eye(6, dtype=np.float32)
    for _ in range(rounds):
        seen = crop(blurred, crops)[0]
        down, right_on = (slope * (side / 2) for slope in np.gradient(seen, axis=(1, 2)))
        columns = [seen, np.ones_like(seen), right_on * across, right_on, down * across[:, None], down]
        design = np.stack(columns, axis=-1).reshape(pairs, side * side, 6)
        turned = design.transpose(0, 2, 1)
        normal = turned @ design
        normal += ridge * (RIDGE * np.trace(normal, axis1=1, axis2=2)[:, None, None] + 1e-3)
        found = np.linalg.solve(normal, turned @ wanted)[:, :, 0]
        gain = np.where(np.abs(found[:, :1]) < MIN_GAIN, MIN_GAIN, found[:, :1])
        crops = np.clip(crops + np.clip(found[:, 2:] / gain, -MAX_STEP, MAX_STEP), -MAX_CROP, MAX_CROP)
    return crops


def crop(pictures: Greys, crops: Crops) -> tuple[Greys, npt.NDArray[np.bool_]]:
    """``(crops, inside)`` of the same shape, edges repeated outside; ``inside`` says where a picture had pixels."""
    side = pictures.shape[1]
    across, down = (_positions(crops[:, start : start + 2], side) for start in (0, 2))
    inside_across, inside_down = ((at > -0.6) & (at < side - 0.4) for at in (across, down))
    cropped = _weights(down) @ pictures @ _weights(across).transpose(0, 2, 1)
    return cropped, inside_down[:, :, None] & inside_across[:, None, :]


def blur(pictures: Greys, width: int) -> Greys:
    """Means over squares of an odd ``width``, edges repeated."""
    for axis in (1, 2):
        margins = [(0, 0)] * 3
        margins[axis] = (width // 2 + 1, width // 2)
        sums = np.moveaxis(np.cumsum(np.pad(pictures, margins, mode="edge"), axis=axis, dtype=np.float32), axis, 0)
        pictures = np.moveaxis((sums[width:] - sums[:-width]) / np.float32(width), 0, axis)
    return pictures


def shrink(pictures: npt.NDArray[np.generic], side: int) -> Greys:
    """Means over squares, ``side`` of them in a row."""
    pairs, was, _ = pictures.shape
    step = was // side
    means: Greys = pictures.astype(np.float32).reshape(pairs, side, step, side, step).mean(axis=(2, 4))
    return means


def _centres(side: int) -> npt.NDArray[np.float32]:
    """Of pixels, from -1 to 1."""
    return ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)


def _positions(stretch_and_shift: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """(pairs, side) where each pixel of a crop is taken from, in pixels."""
    at = _centres(side) * (1 + stretch_and_shift[:, :1]) + stretch_and_shift[:, 1:]
    return ((at + 1) / 2 * side - 0.5).astype(np.float32)


def _weights(positions: npt.NDArray[np.float32]) -> Greys:
    """(pairs, side, side) shares of the pixels between which a position lies."""
    side = positions.shape[1]
    distance = np.abs(np.clip(positions, 0, side - 1)[:, :, None] - np.arange(side, dtype=np.float32))
    weights: Greys = np.clip(1 - distance, 0, None)
    return weights
