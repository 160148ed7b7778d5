"""Fitting one meta-estimator, on all rows or across folds, and keeping it without pickle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ensemble.balance import class_weights
from ensemble.data import Codes
from ensemble.errors import StoreError
from ensemble.files import read_json, write_atomic, write_json
from ensemble.registry import resolve
from meta import META_ESTIMATORS
from meta.estimators import Certain
from meta.table import MetaTable

Floats = npt.NDArray[np.float64]

# Between none (which leaves rare classes unpredicted) and full inverse frequency (which predicts them too often).
MACRO_F1_BALANCE = 0.5

# The only types that are loaded besides those skops trusts by itself.
TRUSTED = [
    "meta.estimators.Certain",
    "meta.estimators.LogProbabilities",
    "meta.votes.HardVote",
    "meta.votes.SoftVote",
    "sklearn.tree._tree.Tree",
]


@dataclass(frozen=True)
class Fitted:
    """An estimator fitted on class codes 0..len(present)-1, and the class positions these stand for."""

    name: str
    estimator: Any
    present: tuple[int, ...]
    classes: int

    def predict_proba(self, features: Floats) -> Floats:
        """(rows, classes); a class the estimator never saw has probability 0."""
        if not len(features):
            return np.zeros((0, self.classes))
        values = np.asarray(self.estimator.predict_proba(features), dtype=np.float64)
        if values.shape[1] == self.classes:  # votes know all classes
            return np.asarray(values / values.sum(axis=1, keepdims=True))
        full = np.zeros((len(features), self.classes))
        full[:, list(self.present)] = values
        return np.asarray(full / full.sum(axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        """XGBoost in its own format, everything else through skops."""
        folder.mkdir(parents=True, exist_ok=True)
        if hasattr(self.estimator, "get_booster"):
            write_atomic(folder / "model.ubj", bytes(self.estimator.get_booster().save_raw("ubj")))
        else:
            import skops.io  # late: it imports torch

            write_atomic(folder / "model.skops", skops.io.dumps(self.estimator))
        write_json(folder / "model.json", {"name": self.name, "present": list(self.present), "classes": self.classes})

    @classmethod
    def load(cls, folder: Path) -> "Fitted":
        """Raises StoreError for a file with a type that is not on the trusted list, naming the type."""
        record = read_json(folder / "model.json")
        if (folder / "model.ubj").exists():
            from xgboost import XGBClassifier

            estimator = XGBClassifier()
            estimator.load_model(folder / "model.ubj")
        else:
            estimator = _load_skops(folder / "model.skops")
        return cls(record["name"], estimator, tuple(record["present"]), record["classes"])


def _load_skops(path: Path) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.load(path, trusted=TRUSTED)
    except UntrustedTypesFoundException as error:
        raise StoreError(f"{path} holds types that are not trusted, so it is not loaded: {error}") from error
    except (BadZipFile, KeyError, ValueError, OSError) as error:
        raise StoreError(f"{path} is damaged: {error}; run `ensemble stack` again.") from error


def fit(name: str, features: Floats, labels: Codes, classes: int, metric: str, seed: int) -> Fitted:
    """One estimator on the rows with a label, weighed for the metric: MACRO_F1_BALANCE where rare classes count."""
    known = labels >= 0
    present, codes = np.unique(labels[known], return_inverse=True)
    estimator = resolve(META_ESTIMATORS, "meta-estimator", name)(classes=classes, seed=seed)
    weights = class_weights(labels[known], classes, MACRO_F1_BALANCE if metric == "macro_f1" else 0.0)
    if len(present) < 2 and not name.endswith("_vote"):
        return Fitted(name, Certain(), tuple(present.tolist()), classes)
    estimator.fit(features[known], codes, **_weight_argument(estimator, weights))
    return Fitted(name, estimator, tuple(present.tolist()), classes)


def _weight_argument(estimator: Any, weights: Floats) -> dict[str, Floats]:
    """A pipeline wants to know which step the weights are for: the last."""
    steps = getattr(estimator, "steps", None)
    return {f"{steps[-1][0]}__sample_weight" if steps else "sample_weight": weights}


def cross_fit(name: str, table: MetaTable, seed: int) -> Floats:
    """(inside rows, classes): each fold predicted by an estimator fitted on the other folds' OOF."""
    values = np.zeros((len(table.ids), table.classes))
    for fold in np.unique(table.fold):
        held = table.fold == fold
        fitted = fit(name, table.oof[~held], table.labels[~held], table.classes, table.task.metric, seed)
        values[held] = fitted.predict_proba(table.oof[held])
    return values
