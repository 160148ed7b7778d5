"""Toy clips, whose texts, sounds and videos are numbers, and encoders that make sequences of them without a network."""

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

from base_models.sequences.layers import Layer, numbered
from base_models.uegd.uegd import Uegd
from ensemble.blocks import Ragged
from ensemble.data import Dataset
from support.regressions import MOOD

NAMES = ("text", "audio", "video")
DECISIVE = "audio"  # whose number the label is; the others' are of chance
LAYERS, WIDTH = 3, 16
TINY = {"hidden_width": 16, "width": 8, "heads": 2}


def clips(rows: int, seed: int = 0, missing: float = 0.0) -> Dataset:
    """With a mood to learn; each modality of each clip is missing with that probability."""
    random = np.random.default_rng(seed)
    numbers = random.uniform(-3, 3, size=(rows, len(NAMES)))
    there = random.random(size=numbers.shape) >= missing
    frame = pd.DataFrame({"id": [f"{seed}_{row}" for row in range(rows)], "part": "train"})
    for at, name in enumerate(NAMES):
        frame[name] = [
            f"{number:.4f}" if seen else None for number, seen in zip(numbers[:, at], there[:, at], strict=True)
        ]
        if name != "text":
            frame[f"{name}_hash"] = frame[name]
    return Dataset(frame.assign(mood=numbers[:, NAMES.index(DECISIVE)]), Path("."), (MOOD,))


class ToyEncoder:
    """Three to nine steps of noise of the content's own, its number in the first feature; layer 2 shows it best."""

    contents = "toys"
    block = 8
    layers, width = LAYERS, WIDTH

    def __init__(self, modality: str) -> None:
        self.modality = modality
        self.model = f"toy {modality}"
        self.encoded = 0

    @property
    def key(self) -> str:
        return self.model

    def encode(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        cells = data.cells(self.modality)
        self.encoded += len(rows)
        layers = [numbered(layer, LAYERS, self.model) for layer in layers]
        return [Ragged.of([_states(cells[row] or "", layer) for row in rows]) for layer in layers]


def _states(cell: str, layer: Layer) -> np.ndarray:
    steps = 3 + crc32(cell.encode()) % 7
    random = np.random.default_rng([crc32(cell.encode()), 99 if isinstance(layer, str) else layer])
    states = random.normal(size=(steps, WIDTH))
    states[:, 0] += float(cell) * (3 if layer == 2 else 1)
    return states.astype(np.float16)


class ToyUegd(Uegd):
    """The learner over toy encoders."""

    def _encoder(self, modality: str) -> ToyEncoder:
        return ToyEncoder(modality)
