"""Any classifier or regressor of scikit-learn on n-grams, or on the features of frozen encoders."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, cast

import numpy as np
from scipy.sparse import issparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.utils.metaestimators import available_if

from base_models.frozen import Frozen
from base_models.objectives.objective import Array, objective_of
from base_models.parameters import meaning
from base_models.saved_tensors import read_tensors, write_tensors
from base_models.sklearn_estimators import MIXINS, estimator_class, make_estimator, read_estimator, write_estimator
from base_models.textual.tfidf import Tfidf
from ensemble.data import Codes, Dataset, Floats, Task
from ensemble.errors import LearnerError, first_line
from ensemble.features import FeatureCache
from ensemble.folds import stratified_group_split
from ensemble.learner import ChecksModels, LooksAtModalities, Prepares, TrainingInfo
from ensemble.learner_factory import source_files
from ensemble.registry import bind

INNER_FOLDS = 3
OF_PROBES = ("penalties", "balance", "probe", "costs", "strengths")  # parameters of theirs that are of no feature

log = logging.getLogger("ensemble")


class Featurizer(LooksAtModalities, Prepares, Protocol):
    """What of the learners `tfidf` and `frozen` makes features of posts."""

    def fit_features(self, data: Dataset) -> Any:
        """(rows, width) of the fit rows, which say how those of others are weighed."""
        ...

    def features(self, data: Dataset) -> Any: ...

    def feature_tensors(self) -> dict[str, Array]: ...

    def restore_features(self, tensors: Mapping[str, Array]) -> None: ...


def _is_of(kind: str) -> Callable[["SklearnLearner"], bool]:
    """Whether a learner's estimator takes tasks of that kind: it has a method to predict for no other."""
    return lambda learner: issubclass(estimator_class(learner.estimator), MIXINS[kind])


class SklearnLearner:
    """An estimator of scikit-learn by its place, with ``params`` of its own, on n-grams as the learner `tfidf` counts
    them, or, where ``encoders`` has one, on features as the learner `frozen` scales them.

    Probabilities of a classifier that gives none are calibrated: CalibratedClassifierCV, on decisions about fit rows
    that it had not seen, groups whole. A class with too few rows for that counts as absent. An absent class has its
    smoothed share. Where no feature varies, class frequencies are predicted, or the median.
    """

    def __init__(
        self,
        estimator: Annotated[str, meaning("place of its class, such as sklearn.svm:LinearSVC")],
        params: Annotated[dict[str, Any] | None, meaning("parameters of the estimator")] = None,
        encoders: Annotated[
            dict[str, Any] | None, meaning("encoders, as parameters of frozen: text, image, views and others")
        ] = None,
        ngrams: Annotated[
            dict[str, Any] | None, meaning("n-grams as parameters of tfidf: words, characters, min_documents")
        ] = None,
        calibration: Annotated[
            Literal["sigmoid", "isotonic"], meaning("of a classifier that gives no probabilities")
        ] = "sigmoid",
    ) -> None:
        if encoders and ngrams:
            raise LearnerError("sklearn: encoders and ngrams are two kinds of features; leave out one of them.")
        self.estimator, self.params = estimator, params
        self.encoders, self.ngrams, self.calibration = encoders, ngrams, calibration
        self._features = _featurizer(encoders, ngrams)
        make_estimator(estimator, params or {})  # which says what is wrong with it

    def modalities(self) -> tuple[str, ...]:
        return self._features.modalities()

    def sources(self) -> list[Path]:
        return source_files(cast(Any, self._features))

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        if isinstance(self._features, ChecksModels):
            self._features.check_models(data, cache)

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        self._features.prepare(data, cache)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        data = data.take(task.target.known(data.labels(task)))
        labels = data.labels(task)
        self.kind_: str = task.kind
        self.notes_: list[str] = []
        self.usual_ = objective_of(task, labels).usual
        self.model_, self.present_ = None, np.zeros(0, dtype=np.int64)
        features = self._features.fit_features(data)
        with self._one_line(features):
            if not _varies(features) or len(np.unique(labels)) < 2:
                return
            estimator = make_estimator(self.estimator, self.params or {})
            if "random_state" in estimator.get_params(deep=False) and "random_state" not in (self.params or {}):
                estimator.set_params(random_state=seed)
            if task.classes and not hasattr(estimator, "predict_proba"):
                self.model_ = self._calibrated(estimator, features, labels.astype(np.int64), data.groups, seed)
            else:
                self.model_ = estimator.fit(features, labels)
        if task.classes and self.model_ is not None:
            self.present_ = self.model_.classes_.astype(np.int64)

    def training_info(self) -> TrainingInfo:
        return {"note": "; ".join(self.notes_)} if self.notes_ else {}

    @available_if(_is_of("classification"))  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def predict_proba(self, data: Dataset) -> Floats:
        """(rows, classes)."""
        values = np.tile(self.usual_, (len(data), 1))
        if self.model_ is not None:
            absent = np.setdiff1d(np.arange(len(self.usual_)), self.present_)
            given = np.asarray(self._ask("predict_proba", data), dtype=np.float64)
            values[:, self.present_] = given * (1 - self.usual_[absent].sum())
        return values

    @available_if(_is_of("regression"))  # type: ignore[untyped-decorator]
    def predict(self, data: Dataset) -> Floats:
        """(rows,) of numbers."""
        if self.model_ is None:
            return np.tile(self.usual_, len(data))
        return np.asarray(self._ask("predict", data), dtype=np.float64).reshape(-1)

    def save(self, folder: Path) -> None:
        tensors = {**self._features.feature_tensors(), "usual": self.usual_, "present": self.present_}
        write_tensors(folder / "features.safetensors", tensors, self.kind_)
        if self.model_ is not None:
            write_estimator(folder / "model.skops", self.model_)

    def load(self, folder: Path) -> None:
        tensors, self.kind_ = read_tensors(folder / "features.safetensors")
        self._features.restore_features(tensors)
        self.usual_, self.present_, self.notes_ = tensors["usual"], tensors["present"], []
        path = folder / "model.skops"
        self.model_ = read_estimator(path) if path.is_file() else None

    def _ask(self, method: str, data: Dataset) -> Any:
        features = self._features.features(data)
        with self._one_line(features):
            return getattr(self.model_, method)(features)

    def _calibrated(self, estimator: Any, features: Any, labels: Codes, groups: Codes, seed: int) -> Any:
        """None where there are too few rows of all but one class."""
        if not hasattr(estimator, "decision_function"):
            raise LearnerError(f"{self.estimator} gives neither probabilities nor decisions to make some of.")
        classes = len(self.usual_)
        inner = stratified_group_split([labels], [classes], groups, [1 / INNER_FOLDS] * INNER_FOLDS, seed)
        folds = [inner == fold for fold in np.unique(inner)]
        counts = [np.bincount(labels[~held], minlength=classes) for held in folds]
        known = np.flatnonzero(np.min(counts, axis=0))  # a class that some part would be fitted without has too few
        rows = np.flatnonzero(np.isin(labels, known))
        if len(known) < len(np.unique(labels)):
            self._note("classes with too few rows, or too few groups, to be calibrated count as absent")
        if len(known) < 2:
            return None
        splits = [(np.flatnonzero(~held[rows]), np.flatnonzero(held[rows])) for held in folds if held[rows].any()]
        model = CalibratedClassifierCV(estimator, method=self.calibration, cv=splits, ensemble=False)
        return model.fit(features[rows], labels[rows]).set_params(cv=None)  # rows are not kept in the file

    @contextmanager
    def _one_line(self, features: Any) -> Iterator[None]:
        """Inside, what scikit-learn warns of becomes a note, and what it refuses an error of one line."""
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                yield
            except (ValueError, TypeError, AttributeError) as error:
                dense = issparse(features) and "dense" in str(error)
                hint = "; n-grams are sparse: give it encoders" if dense else ""
                raise LearnerError(f"{self.estimator}: {first_line(error)}{hint}.") from error
        for warning in {first_line(cast(Warning, one.message)): None for one in heard}:
            self._note(warning)

    def _note(self, said: str) -> None:
        self.notes_.append(f"{self.estimator}: {said}")
        _warn_once(self.notes_[-1])


def _featurizer(encoders: Mapping[str, object] | None, ngrams: Mapping[str, object] | None) -> Featurizer:
    """Raises ConfigError for parameters there are not, LearnerError for those that are of no feature."""
    made, params, where = (Frozen, encoders, "encoders") if encoders else (Tfidf, ngrams or {}, "ngrams")
    strange = [name for name in params if name in OF_PROBES]
    if strange:
        raise LearnerError(f"sklearn: {where}.{strange[0]} is of no feature, and the estimator has params of its own.")
    return cast(Featurizer, bind(made, params, where)())


def _varies(features: Any) -> bool:
    if not all(features.shape):
        return False
    low, high = features.min(axis=0), features.max(axis=0)
    return bool((low != high).nnz) if issparse(features) else bool((low != high).any())


@lru_cache
def _warn_once(message: str) -> None:
    log.warning(message)
