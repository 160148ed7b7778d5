"""A toy encoder of sequences that counts its passes, and small datasets of drawn clips."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from base_models.sequences.layers import Layer
from ensemble.blocks import Array, Ragged
from ensemble.data import Dataset
from ensemble.system.files import fingerprint


class ToySequences:
    """States that tell content, step and layer; so many steps as the name of the file says: "3.wav" has three."""

    modality = "audio"
    contents = "sounds"
    block = 4
    layers = 2
    width = 3
    seconds = max_seconds = 60.0

    def __init__(self, model: str = "toy", fail_after: int | None = None, plus: float = 0.0) -> None:
        self.model = model
        self.fail_after = fail_after
        self.plus = plus
        self.cut: dict[Path, bool] = {}
        self.passes: list[tuple[list[str], list[Layer]]] = []

    @property
    def key(self) -> str:
        return fingerprint(self.model)

    @property
    def encoded(self) -> list[str]:
        return [cell for cells, _ in self.passes for cell in cells]

    def encode(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        if self.fail_after is not None and len(self.passes) >= self.fail_after:
            raise KeyboardInterrupt
        cells = [str(data.cells(self.modality)[row]) for row in rows]
        self.passes.append((cells, list(layers)))
        return [Ragged.of([self._states(int(Path(cell).stem), layer) for cell in cells]) for layer in layers]

    def _states(self, steps: int, layer: Layer) -> Array:
        number = {"last": 10, "mean": 20}.get(layer, layer) if isinstance(layer, str) else layer
        states = np.arange(steps)[:, None] / 8 + np.arange(self.width) * steps + number
        return (states + self.plus).astype(np.float16)


def clips(cells: Sequence[str | None], root: Path = Path(), modality: str = "audio") -> Dataset:
    """Posts with a column of one modality; equal cells are equal contents."""
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(len(cells))], "part": "train"}, dtype=object)
    keys = [None if cell is None else fingerprint(cell) for cell in cells]
    return Dataset(frame.assign(**{modality: list(cells), f"{modality}_hash": keys}), root, ())
