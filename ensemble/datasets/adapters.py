"""From the name of a layout, ours or another package's, to the function that reads it."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ensemble.data import Dataset
from ensemble.datasets import ADAPTERS
from ensemble.errors import ConfigError, DataError, EnsembleError
from ensemble.registry import bind, is_foreign, resolve, wrong_arguments
from ensemble.system.installed import failure


def bind_adapter(preset: str, options: Mapping[str, object]) -> Callable[..., Dataset]:
    """The adapter with these options, which takes ``root`` (and what else is left). Raises ConfigError for an unknown
    preset or option, and for what another package has in that place where it is not ``read(root: Path, ...) ->
    Dataset`` with an annotation for each option; that is checked before it is called."""
    read = resolve(ADAPTERS, "preset", preset)
    if not is_foreign(ADAPTERS, preset):
        return bind(read, options, "data")
    if not inspect.isfunction(read):
        raise ConfigError(f"data.preset: {preset!r} is of type {type(read).__name__!r}, and must be a function.")
    if wrong := wrong_arguments(read):
        raise ConfigError(f"data.preset: {preset!r} {wrong}.")
    signature = inspect.signature(read, eval_str=True)
    if signature.return_annotation is not Dataset or "root" not in signature.parameters:
        raise ConfigError(
            f"data.preset: {preset!r} has the signature {signature}; an adapter is `read(root: Path, ...) -> Dataset`."
        )
    return partial(_read, preset, bind(read, options, "data"))


def _read(preset: str, read: Callable[..., Any], root: Path) -> Dataset:
    try:
        data = read(root=root)
    except Exception as error:
        if isinstance(error, EnsembleError):
            raise
        raise DataError(f"data.preset: {failure(preset, error)}") from error
    if not isinstance(data, Dataset):
        raise DataError(f"data.preset: {preset!r} gave an object of type {type(data).__name__!r}, and no Dataset.")
    return data
