"""Weights inside a learner: of modalities, over the out-of-fold rows, and of an encoder's layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ensemble.data import Floats, Task
from ensemble.jobs.modality_weights import FILE, ROUNDING
from ensemble.run import Run
from ensemble.store import Job
from ensemble.system.files import read_table

BINS = 25  # from 0 to 1
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class WeightDistribution:
    """Of the ``rows`` that have a weight: their mean, standard deviation, QUANTILES, and how many are in each of the
    BINS from 0 to 1."""

    rows: int
    mean: float
    std: float
    quantiles: Sequence[float]
    bins: Sequence[int]


@dataclass(frozen=True)
class ModalityWeights:
    """By modality; ``shares`` of a row sum to one, gates are each for itself."""

    shares: bool
    modalities: Mapping[str, WeightDistribution]


def modality_weights(run: Run, learner: str, task: Task) -> ModalityWeights | None:
    """Of the rows inside the folds, each weighed by the models that never saw it; None where the learner has none."""
    path = run.store.base(learner, task.name).path / FILE
    if not path.is_file():
        return None
    weights = read_table(path).to_pandas().set_index("id").reindex(run.data.ids[run.plan.cv_rows])
    return describe_weights(weights)


def layer_weights(run: Run, learner: str, task: Task) -> dict[str, list[float]]:
    """By modality the weights of its encoder's layers, from the first, that networks have learned: the mean over fold
    models and seeds; nothing where no network has."""
    jobs = [run.store.job(Job(learner, task.name, seed, k)) for seed in run.seeds for k in range(run.plan.settings.k)]
    records = [folder.read_record() for folder in jobs if folder.record.is_file()]
    learned = [weights for record in records if (weights := record.get("layer_weights"))]
    names = dict.fromkeys(name for weights in learned for name in weights)
    return {name: np.mean([of[name] for of in learned if name in of], axis=0).tolist() for name in names}


def describe_weights(weights: pd.DataFrame) -> ModalityWeights | None:
    """A column per modality, NaN where a row has nothing to weigh; None where none has."""
    known = {str(name): column.dropna().to_numpy(dtype=np.float64) for name, column in weights.items()}
    whole = weights.dropna(how="all")
    sums = whole.sum(axis=1)
    found = {name: _distribution(values) for name, values in known.items() if len(values)}
    shares = len(found) > 1 and bool(np.allclose(sums, 1, rtol=0, atol=10 * ROUNDING))
    return ModalityWeights(shares, found) if found else None


def _distribution(values: Floats) -> WeightDistribution:
    counts, _ = np.histogram(values.clip(0, 1), bins=BINS, range=(0, 1))
    quantiles = np.quantile(values, QUANTILES).tolist()
    return WeightDistribution(len(values), float(values.mean()), float(values.std()), quantiles, counts.tolist())
