"""Which classes of scikit-learn a configuration may name, how they are made, and their files, without pickle."""

import inspect
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from ensemble.errors import LearnerError, first_line, unknown
from ensemble.system.files import write_atomic
from ensemble.system.skops import skops_io

PLACE = re.compile(r"sklearn(\.[a-z]\w*)*:[A-Z]\w*", re.ASCII)
MIXINS = {"classification": ClassifierMixin, "regression": RegressorMixin}  # by kind of task
TRUSTED = ("sklearn", "numpy", "scipy")  # packages whose classes a file may hold


def estimator_class(place: str) -> Any:
    """The class of a classifier or regressor; raises LearnerError for anything else, which is never called."""
    example = "it must be a classifier or regressor of scikit-learn, such as 'sklearn.svm:LinearSVC'"
    if not PLACE.fullmatch(place):
        raise LearnerError(f"estimator = {place!r}: {example}.")
    module, _, name = place.partition(":")
    try:
        found: Any = getattr(import_module(module), name, None)
    except ImportError as error:
        raise LearnerError(f"estimator = {place!r}: {first_line(error)}; {example}.") from error
    is_estimator = inspect.isclass(found) and issubclass(found, BaseEstimator)
    if not is_estimator or not issubclass(found, tuple(MIXINS.values())) or not found.__module__.startswith("sklearn."):
        raise LearnerError(f"estimator = {place!r}: {example}.")
    return found


def make_estimator(place: str, params: Mapping[str, object]) -> Any:
    """An unfitted estimator; raises LearnerError for a parameter it does not have, one that must be set, and a value
    that it refuses."""
    made = estimator_class(place)
    taken = inspect.signature(made).parameters
    for name in params:
        if name not in taken:
            raise LearnerError(f"{place}: {unknown('parameter', name, taken)}")
    for name, parameter in taken.items():
        if parameter.default is parameter.empty and name not in params:
            raise LearnerError(f"{place} needs its parameter {name!r}.")
    estimator = made(**params)
    try:
        estimator._validate_params()  # what fit does first, so that nobody waits for it
    except ValueError as error:
        raise LearnerError(f"{place}: {first_line(error)}.") from error
    return estimator


def write_estimator(path: Path, estimator: Any) -> None:
    """Raises LearnerError where it holds something that would not be read again."""
    skops = skops_io()
    try:
        content = skops.dumps(estimator)
    except (TypeError, ValueError, AttributeError) as error:
        raise LearnerError(f"a fitted {type(estimator).__name__} cannot be kept: {first_line(error)}.") from error
    strange = [name for name in skops.get_untrusted_types(data=content) if not _is_trusted(name)]
    if strange:
        raise LearnerError(f"a fitted {type(estimator).__name__} holds {', '.join(strange)}, which is not kept.")
    write_atomic(path, content)


def read_estimator(path: Path) -> Any:
    """Raises LearnerError for a damaged file, and for one with anything but classes of TRUSTED, naming it."""
    skops = skops_io()
    try:
        content = path.read_bytes()
        types = skops.get_untrusted_types(data=content)
        strange = [name for name in types if not _is_trusted(name)]
        if strange:
            raise LearnerError(f"{path} holds {', '.join(strange)}, which is not trusted, so it is not loaded.")
        return skops.loads(content, trusted=types)
    except (BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise LearnerError(f"{path} is damaged: {first_line(error)}.") from error


def _is_trusted(name: str) -> bool:
    """Whether it is a class: functions, which loading might call, are none."""
    module, _, attribute = name.rpartition(".")
    if module.partition(".")[0] not in TRUSTED:
        return False
    try:
        found = getattr(import_module(module), attribute, None)
    except ImportError:
        return False
    return inspect.isclass(found) and (found.__module__.partition(".")[0] in TRUSTED or found is np.ndarray)
