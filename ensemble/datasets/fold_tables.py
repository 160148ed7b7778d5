"""Reading a fold plan that was handed out: a table of ids and folds, or a column of the training table."""

from pathlib import Path
from typing import Any

import pandas as pd

from ensemble.content.given_folds import GivenFolds
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.tables import read_frame
from ensemble.errors import FoldError, some


def read_given_folds(path: Path, column: str = "fold", id: str = "id", dialect: Dialect | None = None) -> GivenFolds:
    """Raises DataError where the file or a column is missing, FoldError for an id that is there twice."""
    frame = read_frame(path, [id, column], dialect)
    ids = [_plain(value) for value in frame[id]]
    twice = pd.Index(ids)[pd.Index(ids).duplicated()]
    if len(twice):
        raise FoldError(f"{path}, the given folds: {len(twice):,} ids appear more than once ({some(twice)}).")
    # a table's own column of groups is in the dataset already
    groups = frame["group"] if column == "fold" and "group" in frame else None
    by_id = [dict(zip(ids, map(_plain, cells), strict=True)) for cells in (frame[column], groups) if cells is not None]
    return GivenFolds(path, *by_id)


def _plain(value: Any) -> str:
    """A cell as text; whole numbers are written without a point, missing ones as nothing."""
    if pd.isna(value):
        return ""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    return text.removesuffix(".0") if text.removesuffix(".0").lstrip("-").isdigit() else text
