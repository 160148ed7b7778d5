"""What it takes to find near-copies among many pictures, and whether those are found that comparing all finds.

    python benchmarks/near_copies.py screens          # 20,000, half of them white screens, and comparing all plainly
    python benchmarks/near_copies.py photos           # 100,000 as alike as photos are; also in cells, as above 300,000
    python benchmarks/near_copies.py mapped FOLDER    # 1,000,000 in a file of 9 GB in FOLDER, read in parts
    python benchmarks/near_copies.py mapped FOLDER --rows 200000

Pictures are drawn: noise whose spectrum falls as that of photos, lit from above as these; of twenty one is a copy of
another, cropped, brightened and noisy. A line a way: seconds, CPU seconds, peak memory of the process so far, pairs.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.content import neighbours
from ensemble.content.alignment import crop
from ensemble.content.copies import near_pairs, show_the_same
from ensemble.content.neighbours import ALIKE, LENGTH, NEIGHBOURS
from ensemble.content.thumbnails import SIDE, Thumbnails
from ensemble.modalities import Pairs

PART = 200  # pictures drawn at a time
COPIES = 20  # one in so many
ROWS = {"screens": 20_000, "photos": 100_000, "mapped": 1_000_000}


def draw(pictures: Thumbnails, seed: int = 0) -> None:
    """Fill (rows, SIDE, SIDE)."""
    for start in range(0, len(pictures), PART):
        part = pictures[start : start + PART]
        part[:] = photos(len(part), np.random.default_rng((seed, start)))


def photos(count: int, random: np.random.Generator) -> Thumbnails:
    def drawn(low: float, high: float) -> npt.NDArray[np.float32]:
        return random.uniform(low, high, (count, 1, 1)).astype(np.float32)

    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)) + 1 / SIDE
    noise = random.standard_normal((count, *frequency.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    grey = np.fft.irfft2(noise * (frequency ** -random.uniform(1.2, 2)).astype(np.float32), (SIDE, SIDE))
    grey /= grey.std(axis=(1, 2), keepdims=True)
    grey += np.linspace(1, -1, SIDE, dtype=np.float32)[:, None] * drawn(-0.6, 1.8)
    grey = np.clip(drawn(80, 170) + drawn(15, 50) * grey, 0, 255)
    again = np.arange(COPIES - 1, count, COPIES)
    crops = random.uniform(-0.04, 0.04, (len(again), 4)).astype(np.float32)
    altered = crop(grey[again - 1], crops)[0] * random.uniform(0.8, 1.1, (len(again), 1, 1))
    grey[again] = altered + random.normal(0, 2, altered.shape)
    thumbnails: Thumbnails = np.rint(grey.clip(0, 255)).astype(np.uint8)
    return thumbnails


def white_screens(count: int) -> Thumbnails:
    """White, but for a faint line of one of ten kinds on most of them."""
    random = np.random.default_rng(1)
    screens = np.full((count, SIDE, SIDE), 255, dtype=np.uint8)
    for screen, kind in zip(screens, random.integers(-4, 10, count), strict=True):
        if kind >= 0:
            screen[8 * kind : 8 * kind + 6] = 250
    return screens


def compared_plainly(thumbnails: Thumbnails) -> Pairs:
    """All with all, every row sorted; every pair that is near looked at closely."""
    means = thumbnails.reshape(-1, 8, 12, 8, 12).mean(axis=(2, 4), dtype=np.float32).reshape(-1, 64).astype(np.float64)
    means -= means.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(means, axis=1, keepdims=True)
    whole = np.where(norm > 1e-3, np.rint(LENGTH * means / np.maximum(norm, 1e-3)), 0).astype(np.float32)
    found = []
    for row in range(0, len(whole), 500):
        alike = whole[row : row + 500] @ whole.T
        alike[np.arange(len(alike)), np.arange(row, row + len(alike))] = -1
        near = np.argsort(-alike, axis=1, kind="stable")[:, :NEIGHBOURS]
        left, place = np.nonzero(np.take_along_axis(alike, near, axis=1) >= ALIKE * LENGTH**2)
        found.append(np.sort(np.column_stack([left + row, near[left, place]]), axis=1))
    pairs = np.unique(np.concatenate(found), axis=0)
    chunks = np.array_split(pairs, max(1, len(pairs) // 256))
    return np.concatenate([each[show_the_same(*(thumbnails[each[:, side]] for side in (0, 1)))] for each in chunks])


def measured(name: str, look: Callable[[], npt.NDArray[np.int64]]) -> tuple[Pairs, float]:
    """What is found, and the CPU seconds that it took."""
    wall, cpu = time.monotonic(), time.process_time()
    pairs = look()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  {name:<40}{wall:8.1f} s{cpu:8.1f} s of CPU{peak:7.2f} GiB{len(pairs):10,} pairs", flush=True)
    return pairs, cpu


def screens(rows: int) -> None:
    thumbnails = np.empty((rows, SIDE, SIDE), dtype=np.uint8)
    draw(thumbnails[: rows // 2])
    thumbnails[rows // 2 :] = white_screens(rows - rows // 2)
    thumbnails = np.random.default_rng(2).permutation(thumbnails)
    found, cpu = measured("near_pairs", lambda: near_pairs(np.arange(rows), thumbnails))
    plain, plain_cpu = measured("all compared, all looked at closely", lambda: compared_plainly(thumbnails))
    same = "equal" if np.array_equal(found, plain) else "DIFFERENT"
    print(f"  pairs: {same} ({len(found):,} and {len(plain):,}); CPU {plain_cpu / cpu:.1f} times less", flush=True)


def many(thumbnails: Thumbnails, exactly: bool) -> None:
    rows = np.arange(len(thumbnails))
    ways = {"all compared": len(rows), "in cells": 0} if exactly else {"in cells": 0}
    found: dict[str, set[tuple[int, int]]] = {}
    for name, most in ways.items():
        neighbours.ALL = most
        pairs, _ = measured(f"near_pairs, {name}", lambda: near_pairs(rows, thumbnails))
        found[name] = {(left, right) for left, right in pairs.tolist()}
    later = [row for part in range(0, len(rows), PART) for row in range(part + COPIES - 1, part + PART, COPIES)]
    drawn = {(row - 1, row) for row in later if row < len(rows)}
    for name, there in found.items():
        print(f"  {name}: {len(there & drawn) / len(drawn):.2%} of {len(drawn):,} copies that were drawn")
    if exactly:
        share = len(found["in cells"] & found["all compared"]) / len(found["all compared"])
        print(f"  in cells: {share:.2%} of the pairs that comparing all finds")


def mapped(folder: Path, rows: int) -> Thumbnails:
    """Drawn once; what was not drawn to its end has no name yet."""
    file = folder / f"thumbnails-{rows}.npy"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part")
        draw(np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(rows, SIDE, SIDE)))
        unfinished.replace(file)
    thumbnails: Thumbnails = np.load(file, mmap_mode="r", allow_pickle=False)
    return thumbnails


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=ROWS)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    rows = options.rows or ROWS[options.mode]
    if options.mode == "mapped" and options.folder is None:
        parser.error(f"mapped needs a FOLDER for a file of {rows * SIDE**2 / 1e9:.1f} GB")
    print(f"{rows:,} pictures on {os.cpu_count()} cores", flush=True)
    if options.mode == "screens":
        screens(rows)
    elif options.mode == "mapped":
        many(mapped(options.folder, rows), exactly=False)
    else:
        thumbnails = np.empty((rows, SIDE, SIDE), dtype=np.uint8)
        draw(thumbnails)
        many(thumbnails, exactly=True)


if __name__ == "__main__":
    main()
