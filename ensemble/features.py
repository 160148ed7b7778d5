"""The feature cache: each encoder sees each content once, in fixed blocks of rows, and the disk remembers.

    <root>/<encoder>/<block>.ids.npy   content keys of the block, (rows,) fixed-width bytes
    <root>/<encoder>/<block>.npy       features, (rows, width) float32; written last, so its presence means complete

Blocks are cut from the order of the whole dataset, so a killed run continues with the same blocks and the same bits.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.files import write_atomic
from ensemble.locks import hold
from ensemble.progress import Track, silent

Features = npt.NDArray[np.float32]
Encode = Callable[[Sequence[int]], Features]


class FeatureCache:
    """Features by content, on disk below ``root`` and memory-mapped; without ``root`` nothing is kept."""

    def __init__(self, root: Path | None = None, track: Track = silent) -> None:
        self.root = root
        self.track = track
        self._opened: dict[str, dict[str, tuple[Features, int]]] = {}

    def get(self, encoder: str, keys: Sequence[str | None], encode: Encode, block: int, label: str) -> Features:
        """(rows, width) features of the contents named by ``keys``; NaN rows where a key is None.

        ``encode`` is called with positions into ``keys`` for contents not seen before, at most ``block`` at a time.
        """
        unique = {key: position for position, key in reversed(list(enumerate(keys))) if key is not None}
        order = sorted(unique, key=unique.__getitem__)
        known = self._open(encoder)
        if any(key not in known for key in order):
            self._fill(encoder, order, unique, encode, block, label)
        if not order:
            return np.full((len(keys), 1), np.nan, dtype=np.float32)
        width = known[order[0]][0].shape[1]
        features = np.full((len(keys), width), np.nan, dtype=np.float32)
        for position, key in enumerate(keys):
            if key is not None:
                values, row = known[key]
                features[position] = values[row]
        return features

    def _fill(
        self, encoder: str, order: list[str], positions: dict[str, int], encode: Encode, block: int, label: str
    ) -> None:
        known = self._open(encoder)
        blocks = [order[start : start + block] for start in range(0, len(order), block)]
        wanted = [keys for keys in blocks if any(key not in known for key in keys)]
        if len(wanted) < len(blocks):
            label = f"{label} ({len(blocks) - len(wanted)} cached)"
        for keys in self.track(wanted, label, len(wanted)):
            with nullcontext() if self.root is None else hold(self.root / encoder):
                self._refresh(encoder)  # another process may have been faster
                missing = [key for key in keys if key not in known]
                if missing:
                    features = encode([positions[key] for key in missing])
                    self._keep(encoder, missing, np.ascontiguousarray(features, dtype=np.float32))

    def _keep(self, encoder: str, keys: list[str], features: Features) -> None:
        if self.root is not None:
            name = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
            folder = self.root / encoder
            write_atomic(folder / f"{name}.ids.npy", _npy(np.array(keys, dtype=np.bytes_)))
            write_atomic(folder / f"{name}.npy", _npy(features))
        self._opened[encoder].update({key: (features, row) for row, key in enumerate(keys)})

    def _open(self, encoder: str) -> dict[str, tuple[Features, int]]:
        if encoder not in self._opened:
            self._opened[encoder] = {}
            self._refresh(encoder)
        return self._opened[encoder]

    def _refresh(self, encoder: str) -> None:
        """Map the blocks on disk that are not open yet; a damaged one counts as absent and is written again."""
        if self.root is None:
            return
        known = self._opened[encoder]
        for path in sorted((self.root / encoder).glob("*.ids.npy")):
            try:
                keys = [key.decode() for key in np.load(path, allow_pickle=False).tolist()]
                if keys and keys[0] not in known:
                    values = np.load(path.with_name(path.name.replace(".ids", "")), mmap_mode="r", allow_pickle=False)
                    known.update({key: (values, row) for row, key in enumerate(keys)})
            except (OSError, ValueError, EOFError):
                continue


def _npy(array: npt.NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
