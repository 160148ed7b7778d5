"""Sounds decoded once, kept in the feature cache for every fold, epoch, task and learner that reads them alike."""

import logging
import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils.rnn import pad_sequence

from base_models.acoustic.families import Family, fitted
from base_models.acoustic.masking import TimeMasks
from base_models.neural.sampling import Batch, Drawn
from ensemble.blocks import Array, Features, Ragged
from ensemble.content.clips import MAX_SECONDS
from ensemble.content.images import Unreadable
from ensemble.content.sounds import read_sound
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.system.files import fingerprint

BLOCK = 64
DECODED = 1  # of our own decoding; raise it when the same sound gives other inputs
CUT, DAMAGED = 1, 2  # what a kept sound says of itself in front of its inputs
NOTHING = np.zeros(0, dtype=np.int16)

log = logging.getLogger("ensemble")


class SoundSource:
    """How sounds reach a network of ``family``: their first ``max_seconds``, from ``cache`` where they fit, under
    ``masks`` in training."""

    views = 1

    def __init__(self, family: Family, max_seconds: float, cache: FeatureCache, masks: TimeMasks) -> None:
        self.family = family
        self.cache = cache
        self.masks = masks
        self.rate = int(family.extractor.sampling_rate)
        longest = np.inf if family.longest is None else family.longest / self.rate
        self.seconds = float(min(max_seconds, longest, MAX_SECONDS))

    @property
    def key(self) -> str:
        """Fingerprint of what decides the kept sounds but the files."""
        return "sounds-" + fingerprint([DECODED, *self.family.kept, self.family.shortest, self.seconds])

    def fill(self, data: Dataset) -> None:
        """Decode every sound that the cache does not hold, as long as there is room."""
        self._fill(data)
        keys = data.keys("audio")
        known = len(keys) - keys.count(None)
        kept = [sound for sound in self.cache.find(self.key, keys) if sound is not None]
        if len(kept) < known:
            room = f"The cache is full (run.image_bytes = {self.cache.image_bytes:,})"
            log.warning("%s: %d of %d sounds are decoded at every use.", room, known - len(kept), known)
        cut = sum(int(sound[0]) & CUT > 0 for sound in kept if len(sound))
        if cut:
            log.warning("%d of %d sounds are longer than %g s and are cut.", cut, known, self.seconds)

    def read(self, data: Dataset) -> Dataset:
        return data

    def known(self, data: Dataset) -> npt.NDArray[np.intp]:
        return np.flatnonzero([key is not None for key in data.keys("audio")])

    def count(self, data: Dataset, read: Dataset) -> Counter[str]:
        known = self.known(data)
        said = Sounds(self, data.take(known)).said
        found = {name: int((said & flag > 0).sum()) for name, flag in {"cut": CUT, "damaged": DAMAGED}.items()}
        return Counter(rows=len(data), missing=len(data) - len(known), **found)

    def examples(self, read: Dataset, views: int, training: bool) -> "SoundExamples":
        return SoundExamples(Sounds(self, read), self.masks)

    def keep(self, path: Path) -> Array:
        """What was noted of a sound, then its inputs, flat; nothing where it cannot be read."""
        try:
            sound = read_sound(path, self.rate, self.seconds)
        except Unreadable:
            return NOTHING
        kept = self.family.keep(fitted(self.family, sound.samples))
        trouble = [line for line in sound.trouble.split("; ") if line]
        cut = [line for line in trouble if line.startswith("longer than ")]
        said = CUT * bool(cut) + DAMAGED * (len(trouble) > len(cut))
        return np.concatenate([np.array([said], dtype=kept.dtype), kept.reshape(-1)])

    def find(self, data: Dataset) -> list[Array | None]:
        """The kept sounds of these rows, as far as there is room for them."""
        self._fill(data)
        return self.cache.find(self.key, data.keys("audio"))

    def _fill(self, data: Dataset) -> None:
        label = f"blocks of {BLOCK} sounds decoded"
        decode = partial(self._decode, _paths(data))
        self.cache.fill(self.key, data.keys("audio"), decode, BLOCK, label)

    def _decode(self, paths: Sequence[Path], rows: Sequence[int]) -> Ragged:
        return Ragged.of([self.keep(paths[row]) for row in rows])


class Sounds:
    """Random access to the sounds of rows: ``lengths`` (rows,) are steps of their inputs, ``said`` (rows,) flags."""

    def __init__(self, source: SoundSource, data: Dataset) -> None:
        self.family = source.family
        self._source, self._paths, self._found = source, _paths(data), source.find(data)
        kept = [(int(sound[0]), len(sound) - 1) for sound in map(self._kept, range(len(data)))]
        said, sizes = np.array(kept, dtype=np.int64).reshape(-1, 2).T
        self.said = said
        self.lengths: npt.NDArray[np.int64] = sizes // math.prod(self.family.features)

    def __getitem__(self, row: int) -> Features:
        """(steps, *features)."""
        return self.family.restore(self._kept(row)[1:].reshape(-1, *self.family.features))

    def _kept(self, row: int) -> Array:
        """Raises LearnerError where a sound has gone since it was scanned."""
        found = self._found[row]
        kept = self._source.keep(self._paths[row]) if found is None else found
        if not kept.size:
            gone = f"{self._paths[row]} could be read when scanned and cannot be now"
            raise LearnerError(f"{gone}; run the command again.")
        return kept


class SoundExamples:
    """What a speech network is fed with."""

    def __init__(self, sounds: Sounds, masks: TimeMasks) -> None:
        self.sounds = sounds
        self.masks = masks

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return self.sounds.lengths

    def __len__(self) -> int:
        return len(self.sounds.lengths)

    def batch(self, rows: Sequence[int]) -> Batch:
        """``inputs`` (rows, steps, ...), padded behind to the longest of these, and their ``lengths`` (rows,)."""
        return _batch([self.sounds[row] for row in rows])

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """The same under masks."""
        return _batch([self.masks(self.sounds[draw[2]], draw) for draw in drawn])


def _batch(inputs: Sequence[Features]) -> Batch:
    padded = pad_sequence([torch.from_numpy(each) for each in inputs], batch_first=True)
    return {"inputs": padded, "lengths": torch.tensor([len(each) for each in inputs])}


def _paths(data: Dataset) -> list[Path]:
    return [data.root / (cell or "") for cell in data.cells("audio")]
