"""Fitting one candidate on rows of the meta-table, and keeping it without pickle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from threadpoolctl import threadpool_limits

from ensemble.data import Floats
from ensemble.errors import StoreError
from ensemble.registry import resolve
from ensemble.system.files import read_json, write_atomic, write_json
from ensemble.system.skops import skops_io
from ensemble.targets import TARGETS, Labels, Mask
from meta.candidates import StackSpec
from meta.many_rows import sample
from meta.targets import STACK_TARGETS
from meta.temperatures import sharpen
from meta.votes import by_learner

ESTIMATOR = "estimator.json"
# Kept as JSON: numbers and arrays of them are all they have, and they are read without scikit-learn, for seconds.
OWN = (
    "meta.averages.BestSingle",
    "meta.averages.Greedy",
    "meta.averages.Mean",
    "meta.averages.Median",
    "meta.averages.Simplex",
    "meta.greedy.Greedy",
    "meta.votes.BestSingle",
    "meta.votes.HardVote",
    "meta.votes.LogOddsMean",
    "meta.votes.RankMean",
    "meta.votes.SoftVote",
    "meta.weights.Simplex",
)
# The only types that are loaded besides those skops trusts by itself: every other one of ours that a stack may hold.
TRUSTED = [
    "meta.estimators.ConstantClassifier",
    "meta.estimators.LogProbabilities",
    "meta.estimators.PooledScaler",
    "sklearn.tree._tree.Tree",
]


@dataclass(frozen=True)
class Option:
    """A candidate with its parameters."""

    name: str
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{key}={value:g}" for key, value in self.parameters.items())])


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator, and which of a learner's columns it gives: ``present`` are the positions of the classes that
    it was fitted on, ``classes`` is how many columns there are.

    ``inverse_temperature`` (learners,) is applied to learners' columns first; empty where they are taken as they are.
    """

    option: Option
    estimator: Any
    present: tuple[int, ...]
    learners: int
    classes: int
    inverse_temperature: tuple[float, ...] = ()
    kind: str = "classification"

    def predict(self, features: Floats) -> Floats:
        """(rows, columns) probabilities or numbers."""
        if not len(features):
            return np.zeros((0, self.classes))
        features = calibrated(features, self.learners, self.classes, np.asarray(self.inverse_temperature))
        return STACK_TARGETS[self.kind].predict(self.estimator, features, self.present, self.classes)

    def save(self, folder: Path) -> None:
        """Under its name: XGBoost in its own format, means and votes as JSON, everything else through skops."""
        folder.mkdir(parents=True, exist_ok=True)
        name, kind = self.option.name, f"{type(self.estimator).__module__}.{type(self.estimator).__name__}"
        if kind in OWN:
            state = {key: np.asarray(value).tolist() for key, value in vars(self.estimator).items()}
            write_json(folder / f"{name}.{ESTIMATOR}", {"type": kind, "state": state})
        elif hasattr(self.estimator, "get_booster"):
            write_atomic(folder / f"{name}.ubj", bytes(self.estimator.get_booster().save_raw("ubj")))
        else:
            write_atomic(folder / f"{name}.skops", skops_io().dumps(self.estimator))
        record = {key: value for key, value in vars(self).items() if key not in ("option", "estimator")}
        write_json(folder / f"{name}.json", {"parameters": dict(self.option.parameters), **record})

    @classmethod
    def load(cls, folder: Path, name: str) -> "Fitted":
        """Raises StoreError for a file with a type that is not on the trusted list, naming the type."""
        record = read_json(folder / f"{name}.json")
        if (folder / f"{name}.ubj").exists():
            import xgboost

            estimator = getattr(xgboost, STACK_TARGETS[record["kind"]].booster)()
            estimator.load_model(folder / f"{name}.ubj")
        elif (folder / f"{name}.{ESTIMATOR}").exists():
            estimator = _load_own(folder / f"{name}.{ESTIMATOR}")
        else:
            estimator = _load_skops(folder / f"{name}.skops")
        present, inverse = tuple(record["present"]), tuple(record["inverse_temperature"])
        return cls(
            Option(name, record["parameters"]),
            estimator,
            present,
            record["learners"],
            record["classes"],
            inverse,
            record["kind"],
        )


def _load_own(path: Path) -> Any:
    kept = read_json(path)
    place, _, kind = str(kept.get("type")).rpartition(".")
    if f"{place}.{kind}" not in OWN or not isinstance(kept.get("state"), dict):
        raise StoreError(f"{path} holds no mean or vote of ours; run `ensemble stack` again.")
    estimator = getattr(import_module(place), kind)()
    for name, value in kept["state"].items():
        setattr(estimator, name, np.array(value) if isinstance(value, list) else value)
    return estimator


def _load_skops(path: Path) -> Any:
    skops = skops_io()
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.load(path, trusted=TRUSTED)
    except UntrustedTypesFoundException as error:
        raise StoreError(f"{path} holds types that are not trusted, so it is not loaded: {error}") from error
    except (BadZipFile, KeyError, ValueError, OSError) as error:
        raise StoreError(f"{path} is damaged: {error}; run `ensemble stack` again.") from error


def calibrated(features: Floats, learners: int, classes: int, inverse: Floats) -> Floats:
    """The learners' columns at their temperatures; what stands after them as it is."""
    if not len(inverse):
        return features
    width = learners * classes
    columns = sharpen(by_learner(features, learners, classes), inverse).reshape(len(features), width)
    return np.hstack([columns, features[:, width:]])


def fit(
    option: Option,
    features: Floats,
    labels: Labels,
    spec: StackSpec,
    calibrate: bool = False,
    seen: Mask | None = None,
) -> Fitted:
    """One candidate on the rows with a label, of those ``seen`` (all where that is None), or on a sample of them where
    they are more than MANY."""
    target, known = STACK_TARGETS[spec.kind], TARGETS[spec.kind].known(labels)
    rows = np.flatnonzero(known if seen is None else known & seen)
    rows = rows[sample(labels[rows], spec.kind, spec.seed)]
    features, labels = features[rows], labels[rows]
    inverse = np.zeros(0)
    if calibrate and len(labels):
        inverse = target.inverse_temperature(by_learner(features, spec.learners, spec.classes), labels)
        features = calibrated(features, spec.learners, spec.classes, inverse)
    estimator = resolve(target.estimators, "meta-estimator", option.name)(spec, **option.parameters)
    with threadpool_limits(1):  # bits depend on the number of threads
        estimator, present = target.fit(estimator, features, labels)
    return Fitted(option, estimator, present, spec.learners, spec.classes, tuple(inverse.tolist()), spec.kind)
