"""The feature cache: each encoder sees each content once, in fixed blocks of rows, and the disk remembers.

    <root>/<encoder>/<block>.ids.npy   content keys of the block, (rows,) fixed-width bytes
    <root>/<encoder>/<block>.npy       features, (rows, width) float32; written last, so its presence means complete

Blocks are cut from the order of the whole dataset, so a killed run continues with the same blocks and the same bits.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.errors import LearnerError
from ensemble.files import write_atomic
from ensemble.locks import hold
from ensemble.progress import Track, silent

Features = npt.NDArray[np.float32]
Encode = Callable[[Sequence[int]], Features]


@dataclass
class Opened:
    """The blocks of one encoder that this process has mapped: each content's block and row in it."""

    blocks: list[Features] = field(default_factory=list)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def add(self, name: str, keys: Sequence[str], features: Features) -> None:
        self.names.add(name)
        self.places.update({key: (len(self.blocks), row) for row, key in enumerate(keys)})
        self.blocks.append(features)

    def gather(self, keys: Sequence[str | None]) -> Features:
        """(rows, width), NaN where a key is None."""
        width = self.blocks[0].shape[1] if self.blocks else 1
        features = np.full((len(keys), width), np.nan, dtype=np.float32)
        known = np.array([position for position, key in enumerate(keys) if key is not None], dtype=np.int64)
        places = np.array([self.places[key] for key in keys if key is not None], dtype=np.int64).reshape(-1, 2)
        for block in np.unique(places[:, 0]):
            here = places[:, 0] == block
            features[known[here]] = self.blocks[block][places[here, 1]]
        return features


class FeatureCache:
    """Features by content, on disk below ``root`` and memory-mapped; without ``root`` nothing is kept on disk."""

    def __init__(self, root: Path | None = None, track: Track = silent) -> None:
        self.root = root
        self.track = track
        self._opened: dict[str, Opened] = {}

    @property
    def exports(self) -> Path | None:
        """Where encoders keep what they were compiled to."""
        return None if self.root is None else self.root / "onnx"

    def get(self, encoder: str, keys: Sequence[str | None], encode: Encode, block: int, label: str) -> Features:
        """(rows, width) features of the contents named by ``keys``; NaN rows where a key is None."""
        self.fill(encoder, keys, encode, block, label)
        return self._opened[encoder].gather(keys)

    def fill(self, encoder: str, keys: Sequence[str | None], encode: Encode, block: int, label: str) -> None:
        """Encode what has not been seen before: ``encode`` gets positions into ``keys``, at most ``block`` at a time.

        Raises LearnerError where a content gets no features: it could be read when it was scanned.
        """
        first = {key: position for position, key in reversed(list(enumerate(keys))) if key is not None}
        order = sorted(first, key=first.__getitem__)
        opened = self._opened.setdefault(encoder, Opened())
        if any(key not in opened.places for key in order):
            self._refresh(encoder, opened)
        blocks = [order[start : start + block] for start in range(0, len(order), block)]
        wanted = [keys for keys in blocks if any(key not in opened.places for key in keys)]
        if not wanted:
            return
        if len(wanted) < len(blocks):
            label = f"{label} ({len(blocks) - len(wanted)} cached)"
        for missing in self.track(wanted, label, len(wanted)):
            self._encode(encoder, opened, missing, lambda names: encode([first[name] for name in names]))

    def _encode(self, encoder: str, opened: Opened, keys: list[str], encode: Callable[[list[str]], Features]) -> None:
        with nullcontext() if self.root is None else hold(self.root / encoder):
            self._refresh(encoder, opened)  # another process may have been faster
            missing = [key for key in keys if key not in opened.places]
            if not missing:
                return
            features = np.ascontiguousarray(encode(missing), dtype=np.float32)
            lost = int(np.isnan(features).any(axis=1).sum())
            if lost and self.root is not None:  # a passing fault must not be remembered as a fact
                raise LearnerError(f"{lost} files could be read when scanned and cannot be now; run the command again.")
            name = hashlib.sha256("\n".join(missing).encode()).hexdigest()[:16]
            if self.root is not None:
                write_atomic(self.root / encoder / f"{name}.ids.npy", _npy(np.array(missing, dtype=np.bytes_)))
                write_atomic(self.root / encoder / f"{name}.npy", _npy(features))
            opened.add(name, missing, features)

    def _refresh(self, encoder: str, opened: Opened) -> None:
        """Map the blocks on disk that are not open yet; a damaged one counts as absent and is written again."""
        for path in sorted((self.root / encoder).glob("*.ids.npy")) if self.root is not None else ():
            name = path.name.removesuffix(".ids.npy")
            if name in opened.names:
                continue
            try:
                keys = [key.decode() for key in np.load(path, allow_pickle=False).tolist()]
                values = np.load(path.with_name(f"{name}.npy"), mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
            if len(keys) == len(values):
                opened.add(name, keys, values)


def _npy(array: npt.NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
