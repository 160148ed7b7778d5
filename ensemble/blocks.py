"""Arrays by content, block by block: in memory, memory-mapped, of one shape or of many."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ensemble.system.open_files import kept_open

Features = npt.NDArray[np.float32]
Array = npt.NDArray[Any]


class Ragged:
    """Arrays of different shapes (pixels, tokens), one after the other in one flat array; an empty one is missing."""

    def __init__(self, flat: Array, shapes: npt.NDArray[np.int64]) -> None:
        self.flat = flat
        self.shapes = shapes
        self._ends = np.cumsum(np.prod(shapes, axis=1, dtype=np.int64))

    @classmethod
    def of(cls, arrays: Sequence[Array]) -> "Ragged":
        shapes = np.array([array.shape for array in arrays], dtype=np.int64)
        return cls(np.concatenate([array.reshape(-1) for array in arrays]), shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, row: int) -> Array:
        start = self._ends[row - 1] if row else 0
        return self.flat[start : self._ends[row]].reshape(self.shapes[row])

    def is_whole(self) -> bool:
        return len(self) > 0 and int(self._ends[-1]) == len(self.flat)


Block = Features | Ragged


def missing(block: Block) -> int:
    """How many contents have no features."""
    lost = (block.shapes == 0).any(axis=1) if isinstance(block, Ragged) else np.isnan(block).any(axis=1)
    return int(lost.sum())


@dataclass
class Blocks:
    """The blocks of one encoder that this process has opened: each content's block and row in it.

    ``full`` once a block did not fit the room it was given.
    """

    blocks: list[Block] = field(default_factory=list)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    full: bool = False

    def add(self, name: str, keys: Sequence[str], block: Block) -> None:
        self.names.add(name)
        self.places.update({key: (len(self.blocks), row) for row, key in enumerate(keys)})
        self.blocks.append(block)

    def find(self, key: str | None) -> Array | None:
        """The array of one content, or None where it is not here."""
        place = None if key is None else self.places.get(key)
        return None if place is None else self.blocks[place[0]][place[1]]

    def gather(self, keys: Sequence[str | None]) -> Features:
        """(rows, width) of contents that all have one width; NaN where a key is None."""
        matrices = cast(list[Features], self.blocks)
        width = matrices[0].shape[1] if matrices else 1
        features = np.full((len(keys), width), np.nan, dtype=np.float32)
        known = np.array([position for position, key in enumerate(keys) if key is not None], dtype=np.int64)
        places = np.array([self.places[key] for key in keys if key is not None], dtype=np.int64).reshape(-1, 2)
        for block in np.unique(places[:, 0]):
            here = places[:, 0] == block
            features[known[here]] = matrices[block][places[here, 1]]
        return features

    def refresh(self, folder: Path) -> None:
        """Map the blocks on disk that are not open yet; a damaged one counts as absent and is written again."""
        for path in sorted(folder.glob("*.ids.npy")):
            name = path.name.removesuffix(".ids.npy")
            if name not in self.names:
                self.map(folder, name)

    def map(self, folder: Path, name: str) -> None:
        """One block on disk, if it is whole. Raises StoreError where no more files may be open."""
        try:
            keys, block = kept_open(lambda: _read(folder, name))
        except (OSError, ValueError, EOFError):
            return
        if len(keys) == len(block) and (not isinstance(block, Ragged) or block.is_whole()):
            self.add(name, keys, block)


def name_of(keys: Sequence[str]) -> str:
    """A block is named by what it holds."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]


def block_files(keys: Sequence[str], block: Block) -> dict[str, bytes]:
    """What is to be written for a block, by file name; the values last, so that their presence means complete."""
    name = name_of(keys)
    files = {f"{name}.ids.npy": _npy(np.array(keys, dtype=np.bytes_))}
    if isinstance(block, Ragged):
        files[f"{name}.shapes.npy"] = _npy(block.shapes)
    return {**files, f"{name}.npy": _npy(block.flat if isinstance(block, Ragged) else block)}


def _read(folder: Path, name: str) -> tuple[list[str], Block]:
    keys = [key.decode() for key in _load(folder / f"{name}.ids.npy").tolist()]
    values = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    shapes = folder / f"{name}.shapes.npy"
    return keys, Ragged(values, _load(shapes)) if shapes.exists() else values


def _load(path: Path) -> Array:
    return np.asarray(np.load(path, allow_pickle=False))


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
