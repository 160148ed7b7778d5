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
    blurred = blur(right, 3)
    # the picture, a constant, the four ways it may move, and what is wanted: one product gives all sums of squares
    design = np.ones((pairs, 7, side, side), dtype=np.float32)
    seen, right_on, down, wanted = design[:, 0], design[:, 3], design[:, 5], design[:, 6]
    wanted[:] = blur(left, 3)
    flat = design.reshape(pairs, 7, side * side)
    ridge = np.eye(6, dtype=np.float32)
    for _ in range(rounds):
        seen[:] = crop(blurred, crops)[0]
        down[:], right_on[:] = np.gradient(seen, 2 / side, axis=(1, 2))
        np.multiply(right_on, across, out=design[:, 2])
        np.multiply(down, across[:, None], out=design[:, 4])
        products = flat[:, :6] @ flat.transpose(0, 2, 1)
        products[:, :, :6] += ridge * (RIDGE * np.trace(products, axis1=1, axis2=2)[:, None, None] + 1e-3)
        found = np.linalg.solve(products[:, :, :6], products[:, :, 6:])[:, :, 0]
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
    side, reach = pictures.shape[1], width // 2
    taken = np.clip(np.arange(side)[:, None] + np.arange(-reach, reach + 1), 0, side - 1)
    means = np.eye(side, dtype=np.float32)[taken].sum(axis=1) / np.float32(width)
    blurred: Greys = means @ (pictures @ means.T)
    return blurred


def shrink(pictures: npt.NDArray[np.uint8], side: int) -> Greys:
    """Means over squares, ``side`` of them in a row."""
    pairs, was, _ = pictures.shape
    step = was // side
    rows = pictures.reshape(pairs, side, step, was)
    sums = rows[:, :, 0].astype(np.float32)
    for place in range(1, step):
        sums += rows[:, :, place]
    means: Greys = sums @ np.repeat(np.eye(side, dtype=np.float32), step, axis=0)
    means /= np.float32(step * step)
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
    weights: Greys = np.clip(positions, 0, side - 1)[:, :, None] - np.arange(side, dtype=np.float32)
    np.abs(weights, out=weights)
    np.subtract(1, weights, out=weights)
    return np.maximum(weights, 0, out=weights)
