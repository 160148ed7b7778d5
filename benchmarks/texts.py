"""The texts that a text network is measured on: real or drawn, in batches of similar length or as they fall."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from base_models.neural.inference import device
from base_models.neural.sampling import Batch, Drawn, EpochSampler, Examples
from base_models.neural.train_val_split import TrainValSplit
from base_models.textual.finetuned import TextualTraining
from base_models.textual.head import HeadShape
from base_models.textual.network import TextClassifier, make_body
from ensemble.data import Dataset
from ensemble.datasets.mvsa import SENTIMENT

HEADS = {"paper": HeadShape(1, 256, 256, 256, None, 0.1), "linear": HeadShape(0, 0, 0, 0, None, 0.1)}


class Unsorted:
    """The same texts to a sampler that is not told their lengths: batches come as they fall."""

    lengths = None

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def batch(self, rows: Sequence[int]) -> Batch:
        return self.examples.batch(rows)

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        return self.examples.augmented(drawn)


@dataclass(frozen=True)
class Case:
    """What is trained on what, and how."""

    problem: TrainValSplit
    how: TextualTraining
    head: HeadShape
    threads: int

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        assert self.problem.examples.lengths is not None
        return self.problem.examples.lengths

    @property
    def counts(self) -> dict[str, int]:
        return {"texts": len(self.lengths), "tokens": int(self.lengths.sum())}

    def batches(self, by_length: bool = True) -> list[list[int]]:
        """The rows of each step of a first epoch."""
        rows, lengths = self.problem.training, self.lengths if by_length else None
        sampler = EpochSampler(rows, self.problem.labels[rows], self.how.batch, 0, lengths=lengths)
        return [[row for _, _, row in drawn] for drawn in sampler]

    def network(self, model: str, pretrained: bool) -> TextClassifier:
        body = make_body(model, pretrained, 0)
        return TextClassifier(body, len(self.problem.task.classes), self.head, 0).to(device())

    def padding(self, batches: Iterable[Sequence[int]]) -> float:
        """The share of what a network reads that is padding."""
        read = sum(len(rows) * int(self.lengths[rows].max()) for rows in batches)
        return 1 - int(self.lengths.sum()) / read


def drawn_posts(count: int) -> Dataset:
    """Captions of words that do not exist, about as long as tweets, with labels that mean nothing."""
    random = np.random.default_rng(0)
    lengths = random.lognormal(2.9, 0.5, count).clip(2, 60).astype(int)
    texts = [" ".join(f"word{number}" for number in random.integers(0, 2000, length)) for length in lengths]
    labels = random.choice(SENTIMENT.classes, count)
    frame = pd.DataFrame({"id": [str(number) for number in range(count)], "text": texts}, dtype=object)
    return Dataset(frame.assign(image=None, part="train", sentiment=labels), Path("."), (SENTIMENT,))
