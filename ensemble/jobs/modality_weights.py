"""How much each modality decided inside a learner, row by row, beside its predictions: gates, or shares of one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.learner import BaseLearner, WeighsModalities
from ensemble.system.files import read_table, write_table

FILE = "modality_weights.parquet"
ROUNDING = 1e-6  # of sums in single precision


def predict_weights(learner: BaseLearner, data: Dataset) -> pd.DataFrame | None:
    """``id`` and a column per modality that the learner looks at; None of a learner that has no such weights. Raises
    LearnerError where they are no weights: not one per modality, or not between 0 and 1."""
    if not isinstance(learner, WeighsModalities) or not len(data):
        return None
    weights = learner.modality_weights(data)
    if weights is None:
        return None
    names = learner.modalities()
    if weights.shape != (len(data), len(names)):
        raise LearnerError(f"modality_weights gave shape {weights.shape}, expected {(len(data), len(names))}.")
    if (wrong := ~np.isnan(weights) & ~((weights >= -ROUNDING) & (weights <= 1 + ROUNDING))).any():
        row, at = np.argwhere(wrong)[0]
        raise LearnerError(
            f"modality_weights gave {weights[row, at]:.4g} for the {names[at]} of {data.ids[row]!r}; a weight lies "
            "between 0 and 1."
        )
    return pd.DataFrame({"id": data.ids, **{name: weights[:, at] for at, name in enumerate(names)}})


def write_modality_weights(folder: Path, weights: pd.DataFrame | None) -> None:
    if weights is not None:
        write_table(folder / FILE, pa.Table.from_pandas(weights, preserve_index=False))


def join_weights(folders: Sequence[Path]) -> pd.DataFrame | None:
    """The mean over fold models and seeds of each row's weights; None where some fold has none."""
    if not all((folder / FILE).is_file() for folder in folders):
        return None
    every = pd.concat([read_table(folder / FILE).to_pandas() for folder in folders])
    means: pd.DataFrame = every.groupby("id", sort=False).mean().reset_index()
    return means


def mean_weights(weights: pd.DataFrame | None) -> Mapping[str, dict[str, float]]:
    """For a record: the mean over all rows that have weights; nothing where none has."""
    means = {} if weights is None else weights.drop(columns="id").mean().dropna().round(4).to_dict()
    return {"modality_weights": {str(name): float(value) for name, value in means.items()}} if means else {}
