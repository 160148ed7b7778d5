"""What a configuration names, read: posts by their adapter, folds that were handed out."""

from functools import partial
from inspect import signature
from pathlib import Path

from ensemble.config import Config
from ensemble.content.given_folds import GivenFolds
from ensemble.data import Dataset
from ensemble.datasets.adapters import bind_adapter
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.fold_tables import read_given_folds
from ensemble.datasets.slices import keep_slices
from ensemble.errors import ConfigError, DataError


def read_data(config: Config, home: Path) -> Dataset:
    """The posts as their adapter reads them."""
    section = config.data
    read = bind_adapter(section.preset, section.model_extra or {})
    root = home / section.root
    if not root.is_dir():
        raise DataError(f"data.root: the folder {root} does not exist.")
    if "extracted" in signature(read).parameters and "extracted" not in (section.model_extra or {}):
        read = partial(read, extracted=home / config.run.cache / "embedded")
    if section.slices and "slices" in signature(read).parameters:
        read = partial(read, slices=section.slices)
    return keep_slices(read(root=root), section.slices)


def read_folds(config: Config, home: Path) -> GivenFolds | None:
    """The plan that ``[folds]`` names, in a file or in a column of the training table."""
    folds, data = config.folds, config.data
    if folds.file:
        return read_given_folds(home / folds.file)
    if not folds.column:
        return None
    options = data.model_extra or {}
    table, dialect = options.get("train"), {name: options.get(name) for name in ("delimiter", "quotes", "encoding")}
    if data.preset != "csv" or not isinstance(table, str):
        raise ConfigError(
            'folds.column names a column of data.train, one table of the preset "csv"; give folds.file instead.'
        )
    path = home / data.root / table
    return read_given_folds(path, folds.column, options.get("id") or "id", Dialect(**dialect))
