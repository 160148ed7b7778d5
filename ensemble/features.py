"""The feature cache: each encoder sees each content once, in fixed blocks of rows, and the disk remembers.

    <root>/<encoder>/<block>.ids.npy      content keys of the block, (rows,) fixed-width bytes
    <root>/<encoder>/<block>.shapes.npy   where contents differ in shape (pixels, tokens): (rows, dimensions)
    <root>/<encoder>/<block>.npy          (rows, width), or all contents one after the other
    <root>/<encoder>/<block>.seconds      how long it took, so that who finds it there can say what it cost

Blocks are cut from the order of the whole dataset, so a killed run continues with the same blocks and the same bits.
"""

import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path

import numpy as np

from ensemble.blocks import Array, Block, Blocks, Features, Ragged, block_files, missing, name_of
from ensemble.errors import LearnerError
from ensemble.system.files import write_atomic
from ensemble.system.locks import hold
from ensemble.system.progress import Track, silent

Encode = Callable[[Sequence[int]], Block]
EncodeTogether = Callable[[Sequence[str], Sequence[int]], Sequence[Block]]
Request = tuple[str, Sequence[str | None], Encode, int, str]  # what ``fill`` takes, of one encoder
IMAGE_BYTES = 20_000_000_000
ENCODER = re.compile(r"[a-z]+(-[a-z]+)*-[0-9a-f]{32}")  # their names: what they give, and a fingerprint
BULKY = ("pixels-", "states-", "sounds-")  # how the names of those begin whose arrays are


class FeatureCache:
    """Features by content, on disk below ``root`` and memory-mapped; without ``root`` nothing is kept on disk.

    ``image_bytes`` bounds what is bulky and can be had again: decoded images and sounds, and states of all tokens of a
    content.
    ``beside`` is where learners keep what is no features, by default ``root``. ``of_new_posts``: nothing is trained on
    what is asked for, so that it may come from an export that equals its encoder to 1e-4.
    ``asked`` says of how many contents each encoder's features were asked for, ``spent`` how many seconds of encoding
    were spent on it here.
    """

    def __init__(
        self,
        root: Path | None = None,
        track: Track = silent,
        image_bytes: int = IMAGE_BYTES,
        beside: Path | None = None,
        of_new_posts: bool = False,
    ) -> None:
        self.root = root
        self.beside = beside or root
        self.track = track
        self.image_bytes = image_bytes
        self.of_new_posts = of_new_posts
        self.asked: dict[str, int] = {}
        self.spent: dict[str, float] = {}
        self._opened: dict[str, Blocks] = {}
        self._bytes: dict[str, int] = {}

    @property
    def batch_sizes(self) -> Path | None:
        """Where learners remember how many rows the machine's memory holds."""
        return None if self.beside is None else self.beside / "batch-sizes.json"

    @property
    def exports(self) -> Path | None:
        """Where encoders keep what they were compiled to."""
        return None if self.beside is None else self.beside / "onnx"

    def get(self, encoder: str, keys: Sequence[str | None], encode: Encode, block: int, label: str) -> Features:
        """(rows, width) features of the contents named by ``keys``; NaN rows where a key is None."""
        self.fill(encoder, keys, encode, block, label)
        return self._open(encoder).gather(keys)

    def find(self, encoder: str, keys: Sequence[str | None]) -> list[Array | None]:
        """The array of each content, of any shape; None where a key is None or its content is not here."""
        opened = self._open(encoder)
        return [opened.find(key) for key in keys]

    def fill(
        self,
        encoder: str,
        keys: Sequence[str | None],
        encode: Encode,
        block: int,
        label: str,
    ) -> None:
        """Encode what has not been seen before: ``encode`` gets positions into ``keys``, at most ``block`` at a time.

        Of what is bulky, that which finds no room is left out. Raises LearnerError where a content gets no features: it
        could be read when it was scanned.
        """
        self.fill_together([encoder], keys, lambda encoders, rows: [encode(rows)], block, label)

    def fill_together(
        self,
        encoders: Sequence[str],
        keys: Sequence[str | None],
        encode: EncodeTogether,
        block: int,
        label: str,
    ) -> None:
        """The same of encoders that share a pass, such as the layers of one network: ``encode`` gets those of them that
        lack something, and the positions of what they lack; it gives a block for each."""
        first = {key: position for position, key in reversed(list(enumerate(keys))) if key is not None}
        order = sorted(first, key=first.__getitem__)
        for encoder in encoders:
            self.asked[encoder] = max(len(order), self.asked.get(encoder, 0))
            if any(key not in self._open(encoder).places for key in order):
                self._refresh(encoder)
        encoders = self._with_room(encoders)
        blocks = [order[start : start + block] for start in range(0, len(order), block)]
        wanted = [names for names in blocks if self._lacking(encoders, names)]
        if not wanted:
            return
        if len(wanted) < len(blocks):
            label = f"{label} ({len(blocks) - len(wanted)} cached)"

        def encode_keys(lacking: Sequence[str], absent: Sequence[str]) -> Sequence[Block]:
            return encode(lacking, [first[key] for key in absent])

        for names in self.track(wanted, label, len(wanted)):
            self._encode(encoders, names, encode_keys)
            if all(self._open(encoder).full for encoder in encoders):
                break

    def _encode(
        self,
        encoders: Sequence[str],
        keys: list[str],
        encode: Callable[[Sequence[str], Sequence[str]], Sequence[Block]],
    ) -> None:
        with ExitStack() as locks:
            for encoder in sorted(encoders):  # in one order, so that no two processes wait for each other
                locks.enter_context(nullcontext() if self.root is None else hold(self.root / encoder))
                self._refresh(encoder)  # another process may have been faster
            for absent, lacking in self._lacking(encoders, keys).items():
                began = time.perf_counter()
                blocks = encode(lacking, absent)
                took = (time.perf_counter() - began) / len(lacking)
                left = self.room() if any(map(_is_bulky, lacking)) else 0
                for encoder, content in zip(lacking, blocks, strict=True):
                    taken = self._keep(encoder, absent, content, took, left if _is_bulky(encoder) else math.inf)
                    left -= taken if _is_bulky(encoder) else 0

    def _with_room(self, encoders: Sequence[str]) -> Sequence[str]:
        full = any(map(_is_bulky, encoders)) and self.room() <= 0
        return [encoder for encoder in encoders if not (full and _is_bulky(encoder))]

    def _lacking(self, encoders: Sequence[str], keys: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
        """What of these contents encoders lack, and which of them; those without room lack nothing."""
        lacking: dict[tuple[str, ...], list[str]] = {}
        for encoder in encoders:
            opened = self._open(encoder)
            absent = () if opened.full else tuple(key for key in keys if key not in opened.places)
            if absent:
                lacking.setdefault(absent, []).append(encoder)
        return lacking

    def _keep(self, encoder: str, keys: Sequence[str], block: Block, took: float, room: float) -> int:
        """How many bytes were added: none where there is not the room."""
        if not isinstance(block, Ragged):
            block = np.ascontiguousarray(block, dtype=np.float32)
        if self.root is not None and missing(block):  # a passing fault must not be remembered as a fact
            raise LearnerError(
                f"{missing(block)} files could be read when scanned and cannot be now; run the command again."
            )
        spent = {f"{name_of(keys)}.seconds": f"{took:012.3f}\n".encode()}  # always as long: rooms stay comparable
        files = {**spent, **block_files(keys, block)}
        taken = sum(len(content) for content in files.values())
        if taken > room:
            self._open(encoder).full = True
            return 0
        self._bytes[encoder] = self._bytes.get(encoder, 0) + taken
        self.spent[encoder] = self.spent.get(encoder, 0.0) + took
        if self.root is None:
            self._open(encoder).add(name_of(keys), keys, block)
            return taken
        for name, content in files.items():
            write_atomic(self.root / encoder / name, content)
        self._open(encoder).map(self.root / encoder, name_of(keys))  # what is bulky does not stay in memory
        return taken

    def forget(self) -> None:
        """Nothing stays in memory; what is on disk is found there again."""
        self._opened.clear()
        self._bytes.clear()

    def room(self) -> int:
        """Bytes that what is bulky may still take."""
        return self.image_bytes - sum(self.used(prefix) for prefix in BULKY)

    def count(self, encoder: str, keys: Iterable[str]) -> int:
        """How many of these contents have features."""
        opened = self._open(encoder)
        self._refresh(encoder)
        return sum(key in opened.places for key in keys)

    def seconds(self, encoder: str) -> float | None:
        """What it took to encode the contents that were asked for, whoever did; None where not every block says so."""
        if self.root is None:
            return self.spent.get(encoder, 0.0)
        held, total = len(self._open(encoder).places), 0.0
        for path in (self.root / encoder).glob("*.ids.npy"):
            with suppress(OSError, ValueError):
                total += float(path.with_name(path.name.replace(".ids.npy", ".seconds")).read_text())
                continue
            return None
        return total * min(1.0, self.asked.get(encoder, 0) / held) if held else total

    def used(self, prefix: str) -> int:
        """Bytes of the encoders whose names begin so, on disk or, without ``root``, in memory."""
        if self.root is not None:
            kept = (path for ending in ("npy", "seconds") for path in self.root.glob(f"{prefix}*/*.{ending}"))
            return sum(path.stat().st_size for path in kept)
        return sum(taken for name, taken in self._bytes.items() if name.startswith(prefix))

    def _open(self, encoder: str) -> Blocks:
        return self._opened.setdefault(encoder, Blocks())

    def _refresh(self, encoder: str) -> None:
        if self.root is not None:
            self._open(encoder).refresh(self.root / encoder)


def _is_bulky(encoder: str) -> bool:
    return encoder.startswith(BULKY)
