"""Posts as sequences of states per modality, read from the cache's memory maps when a batch asks for them."""

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from base_models.faces.preparation import Faces
from base_models.neural.sampling import Batch, Drawn
from base_models.sequences.states import SequenceStates, warn_of_cut
from base_models.uegd.masks import Masks
from ensemble.blocks import Array
from ensemble.data import Dataset
from ensemble.errors import LearnerError

Rows = npt.NDArray[np.intp]
BESIDE = 200  # bytes that the cache keeps beside the states of a content, at most
SPARE = 1.1  # of what is asked for, lengths being unknown before they are encoded

log = logging.getLogger("ensemble")


class Sequences:
    """The sequences of some rows, of one encoder's states of ``width``. ``lengths`` (rows,) are their steps, 0 where a
    row has none. Raises LearnerError where a layer has another width."""

    def __init__(self, states: SequenceStates, width: int, data: Dataset) -> None:
        self._states, self._width = states, width
        self._names = data.keys(states.encoder.modality)
        self._check_widths()
        first = states.cache.find(states.keys[0], self._names)
        self.lengths: npt.NDArray[np.int64] = np.array([0 if one is None else len(one) for one in first])
        self._means = np.full((len(self.lengths), len(states.keys)), np.nan, dtype=np.float32)  # as far as asked for

    def _check_widths(self) -> None:
        any_name = next((name for name in self._names if name is not None), None)
        for layer, key in zip(self._states.numbered, self._states.keys, strict=True):
            found = self._states.cache.find(key, [any_name])[0]
            if found is not None and found.shape[1] != self._width:
                raise LearnerError(
                    f"uegd: {self._states.encoder.model}, layer {layer}: its states have {found.shape[1]} numbers, "
                    f'those of the last layer {self._width}; of a network whose layers differ in width take "last".'
                )

    def batch(self, rows: Rows) -> tuple[Array, npt.NDArray[np.int64]]:
        """(rows, layers, steps, width) float16, padded with zeros on the right to the longest, and (rows,) lengths."""
        lengths, names = self.lengths[rows], [self._names[row] for row in rows]
        shape = (len(rows), len(self._states.keys), max(1, int(lengths.max())), self._width)
        states = np.zeros(shape, np.float16)
        for layer, key in enumerate(self._states.keys):
            for row, found in enumerate(self._states.cache.find(key, names)):
                if found is not None:
                    states[row, layer, : len(found)] = found
        return states, lengths

    def means(self, rows: Rows, states: Array) -> Array:
        """(rows, layers) of all real steps and features, of what ``batch`` gave."""
        for at in np.flatnonzero(np.isnan(self._means[rows, 0])):
            real = torch.from_numpy(states[at, :, : max(1, self.lengths[rows[at]])])
            self._means[rows[at]] = real.float().mean(dim=(1, 2)).numpy()  # numpy takes ten times as long
        return self._means[rows]


class SequenceExamples:
    """What the network is fed with: ``sequences`` by modality, all of the same rows; of the cache they hold no copy."""

    def __init__(self, sequences: Mapping[str, Sequences], masks: Masks | None = None) -> None:
        self.sequences = sequences
        self.masks = masks
        self.lengths: npt.NDArray[np.int64] = sum(
            (one.lengths for one in sequences.values()), start=np.zeros(1, np.int64)
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: Sequence[int]) -> Batch:
        """Of each modality ``NAME_states`` (rows, layers, steps, width) float16, zeros beyond a row's own steps, and
        ``NAME_lengths`` (rows,), 0 where a row has none."""
        return self._batch(np.asarray(rows), ())

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """The same under masks."""
        return self._batch(np.array([row for _, _, row in drawn]), drawn)

    def _batch(self, rows: Rows, drawn: Sequence[Drawn]) -> Batch:
        random, batch = [np.random.default_rng(seeds) for seeds in drawn], Batch()
        for name, sequences in self.sequences.items():
            states, lengths = sequences.batch(rows)
            if self.masks and drawn:
                self.masks.apply(states, lengths, sequences.means(rows, states), random)
            batch |= {f"{name}_states": torch.from_numpy(states), f"{name}_lengths": torch.from_numpy(lengths)}
        return batch


class SequenceSource:
    """How posts reach the network: as ``states`` of each modality, of ``widths``, which the cache must have room for.

    ``faces`` are what the frames of videos are cut to, for counts. ``published_rows``: those that lack any modality are
    not known, as if they lacked all.
    """

    views = 1

    def __init__(
        self,
        states: Mapping[str, SequenceStates],
        widths: Mapping[str, int],
        masks: Masks,
        faces: Faces,
        published_rows: bool,
    ) -> None:
        self.states = states
        self.widths = widths
        self.masks = masks
        self.faces = faces
        self.published_rows = published_rows

    def fill(self, data: Dataset) -> None:
        """Raises LearnerError where not all find room, as soon as that is to be seen."""
        left_out = len(data) - len(self.known(data))
        if self.published_rows and left_out:
            said = f"uegd: published_rows leaves out {left_out:,} of {len(data):,} posts, those without "
            _say_once(f"{said}{' or '.join(self.states)}; they are not learned from and get what is usual of labels.")
        self.faces.fill(data)
        for states in self.states.values():
            names = data.keys(states.encoder.modality)
            rows = sorted({name: row for row, name in reversed(list(enumerate(names))) if name is not None}.values())
            if not rows:
                continue
            begin = data.take(rows[: states.encoder.block])
            fits = states.fill(begin) and _lacking(states, data, begin) <= max(0, states.cache.room())
            if not (fits and states.fill(data)):
                raise _no_room(states, data, begin)
            warn_of_cut(states.encoder)

    def read(self, data: Dataset) -> Dataset:
        return data

    def present(self, data: Dataset) -> npt.NDArray[np.bool_]:
        """(rows, modalities) whether there is something to look at."""
        return np.array([[key is not None for key in data.keys(name)] for name in self.states], dtype=bool).T

    def known(self, data: Dataset) -> Rows:
        present = self.present(data)
        return np.flatnonzero(present.all(axis=1) if self.published_rows else present.any(axis=1))

    def count(self, data: Dataset, read: Dataset) -> dict[str, int]:
        without = dict(zip(self.states, (~self.present(data)).sum(axis=0).tolist(), strict=True))
        left_out = {"left_out": len(data) - len(self.known(data))} if self.published_rows else {}
        self.faces.seek(data)
        lacking = {f"without_{name}": count for name, count in without.items()}
        return {"rows": len(data), **lacking, **left_out, **self.faces.count(data)}

    def examples(self, read: Dataset, views: int, training: bool) -> SequenceExamples:
        self.fill(read)
        sequences = {name: Sequences(states, self.widths[name], read) for name, states in self.states.items()}
        return SequenceExamples(sequences, self.masks if training else None)


def _lacking(states: SequenceStates, data: Dataset, begin: Dataset) -> int:
    """How many bytes the states of ``data`` take that are not kept yet, judged by some of its posts."""
    cache, known = states.cache, states.find(begin)
    if not all(any(array is not None for array in layer) for layer in known):
        known = [[layer[0]] for layer in states.encoder.encode(begin, range(1), states.numbered)]
    names = {name for name in data.keys(states.encoder.modality) if name is not None}
    absent = [len(names) - cache.count(key, names) for key in states.keys]
    sizes = [np.mean([BESIDE + array.nbytes for array in layer if array is not None]) for layer in known]
    return round(float(np.dot(absent, sizes)))


def _no_room(states: SequenceStates, data: Dataset, begin: Dataset) -> LearnerError:
    encoder, cache = states.encoder, states.cache
    lacking, several = _lacking(states, data, begin), len(states.keys) > 1
    enough = _rounded(cache.image_bytes + SPARE * lacking)
    return LearnerError(
        f"uegd: the states of {encoder.contents} under {encoder.model}, "
        f"{f'{len(states.keys)} layers' if several else 'one layer'}, take about {lacking:,} bytes more, and "
        f"run.image_bytes = {cache.image_bytes:,} leaves {max(0, cache.room()):,}; set it to {enough:,}"
        f"{', or choose a single layer' if several else ''}."
    )


def _rounded(number: float) -> int:
    """Up, to two digits."""
    unit = 10 ** max(0, int(np.log10(number)) - 1)
    return int(-(-number // unit) * unit)


@lru_cache
def _say_once(message: str) -> None:
    log.warning(message)
