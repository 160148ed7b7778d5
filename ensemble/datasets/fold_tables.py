"""Fold plans as tables: reading one that was handed out, or a column of the training table; handing out ours."""

from pathlib import Path
from typing import Any, TypedDict

import pandas as pd
import pyarrow as pa

from ensemble.content.given_folds import GivenFolds
from ensemble.datasets.cells import strings
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.tables import read_frame
from ensemble.errors import ConfigError, FoldError, some
from ensemble.folds import FoldPlan
from ensemble.system.files import write_atomic, write_table


class WrittenFolds(TypedDict):
    """The file; how many rows each fold holds out, how many are test rows, and how many of a development part."""

    file: str
    rows: list[int]
    test_rows: int
    dev_rows: int


def read_given_folds(path: Path, column: str = "fold", id: str = "id", dialect: Dialect | None = None) -> GivenFolds:
    """Raises DataError where the file or a column is missing, FoldError for an id that is there twice."""
    frame = read_frame(path, [id, column], dialect)
    ids = [value or "" for value in strings(frame[id], path)]
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


def write_folds(plan: FoldPlan, path: Path) -> WrittenFolds:
    """``id``, ``fold`` (-1 for test rows, -3 for a development part) and ``group`` of each row, as ``read_given_folds``
    reads them again; raises ConfigError for a name that does not end in .csv or .parquet."""
    frame = plan.frame[["id", "fold", "group"]]
    if path.suffix == ".parquet":
        write_table(path, pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None))
    elif path.suffix == ".csv":
        write_atomic(path, frame.to_csv(index=False, lineterminator="\n").encode())
    else:
        raise ConfigError(f"The plan is written as .csv or .parquet, not as {path.name!r}.")
    rows = [len(plan.held_out_rows(fold)) for fold in range(plan.settings.k)]
    return {"file": str(path), "rows": rows, "test_rows": len(plan.test_rows), "dev_rows": len(plan.dev_rows)}
