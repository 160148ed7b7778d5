"""The order in which rows are trained on: of seed and epoch alone, so that a killed epoch goes on in place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Sampler

Batch = dict[str, torch.Tensor]
SORTED_TOGETHER = 50  # batches; more would pad hardly less and make epochs alike
Drawn = tuple[int, int, int]  # seed, epoch, row: what augmentation may depend on


class Examples(Protocol):
    """What a network is fed with: rows by position."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> npt.NDArray[np.int64] | None:
        """(rows,) what a row takes of the length of its batch; None where all rows are alike."""
        ...

    def batch(self, rows: Sequence[int]) -> Batch:
        """The network's keyword arguments for these rows, as they are."""
        ...

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """The same for training. Randomness comes from seed, epoch and row, never from a global generator's state."""
        ...


class EpochSampler(Sampler[list[Drawn]]):
    """Batches of rows, shuffled; or, with ``resample``, drawn so that every class is as frequent as the others.

    With ``lengths`` (of all examples), a batch but the last holds rows of similar length, so that little is spent on
    padding: of every ``SORTED_TOGETHER`` batches' rows. Which rows these are and which batch comes when stays random.
    Of several processes each gets its share of every batch; a last batch that cannot be shared evenly loses the rest.
    """

    def __init__(
        self,
        rows: npt.NDArray[np.int64],
        labels: npt.NDArray[Any],
        batch: int,
        seed: int,
        resample: float = 0,
        rank_and_size: tuple[int, int] = (0, 1),
        lengths: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.rows = rows
        self.labels = labels
        self.batch = batch
        self.seed = seed
        self.resample = resample
        self.rank_and_size = rank_and_size
        self.lengths = lengths
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._starts())

    def __iter__(self) -> Iterator[list[Drawn]]:
        rank, size = self.rank_and_size
        random = np.random.default_rng([self.seed, self.epoch])
        order = self._by_length(self._order(random), random).tolist()
        ends = [*self._starts()[1:], self._count // size * size]
        for start, end in zip(self._starts(), ends, strict=False):  # no rows, no batches
            yield [(self.seed, self.epoch, row) for row in order[start:end][rank::size]]

    def _starts(self) -> list[int]:
        """Where batches start; a last row alone joins the batch before it, for it has no batch statistics."""
        size = self.rank_and_size[1]
        count = self._count // size * size
        starts = list(range(0, count, self.batch))
        return starts[:-1] if self.batch > size and len(starts) > 1 and count - starts[-1] == size else starts

    @property
    def _count(self) -> int:
        return max(1, round(len(self.rows) * self.resample)) if self.resample else len(self.rows)

    def _order(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        if not self.resample:
            return random.permutation(self.rows)
        frequency = np.bincount(self.labels)[self.labels]
        return random.choice(self.rows, size=self._count, p=(1 / frequency) / (1 / frequency).sum())

    def _by_length(self, order: npt.NDArray[np.int64], random: np.random.Generator) -> npt.NDArray[np.int64]:
        if self.lengths is None:
            return order
        starts = self._starts() or [0]
        full, last = order[: starts[-1]], order[starts[-1] :]  # the last batch may lose rows: any, not the longest
        together = np.arange(len(full)) // (SORTED_TOGETHER * self.batch)
        batches = np.split(full[np.lexsort((self.lengths[full], together))], starts[1:-1])
        turn = random.permutation(len(batches))
        return np.concatenate([*(batches[number] for number in turn), last])


class Labelled(Dataset[Any]):
    """Examples with their labels, for a DataLoader whose sampler yields whole batches."""

    def __init__(self, examples: Examples, labels: npt.NDArray[Any]) -> None:
        self.examples = examples
        self.labels = torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitems__(self, drawn: list[Drawn]) -> list[Batch]:
        labels = self.labels[[row for _, _, row in drawn]]
        return [{**self.examples.augmented(drawn), "labels": labels}]


def first_of(batches: Sequence[Batch]) -> Mapping[str, torch.Tensor]:
    """The collate function of data sets that make a whole batch at once."""
    return batches[0]


def seed_of(drawn: Drawn) -> int:
    """One 63-bit seed of seed, epoch and row."""
    return int(np.random.SeedSequence(drawn).generate_state(1, np.uint64)[0] >> 1)
