"""Columns by which scores are told apart: kept beside the posts, of no weight in any result."""

from collections.abc import Sequence

from ensemble.content.languages import UNDETERMINED, detect
from ensemble.data import Dataset, optional, slice_column
from ensemble.datasets.tables import check_column

LANGUAGE = "language"  # what texts tell where there is no such column


def keep_slices(data: Dataset, names: Sequence[str]) -> Dataset:
    """The same posts with these columns kept, as their adapter has done or as they stand in its frame; raises DataError
    for one that is not there."""
    kept = {}
    for name in dict.fromkeys(names):
        if slice_column(name) not in data.frame and not (name == LANGUAGE and name not in data.frame):
            check_column(data.frame, name, "data.slices")
            kept[slice_column(name)] = data.frame[name]
    return data.with_slices(names).with_columns(**kept) if names else data


def slice_cells(data: Dataset) -> dict[str, list[str | None]]:
    """(rows,) values of each column that is kept, None where there is none; by default languages are told."""
    columns = {name: slice_column(name) for name in data.slices}
    return {
        name: optional(data.frame[column]) if column in data.frame else told_languages(data.texts)
        for name, column in columns.items()
    }


def told_languages(texts: Sequence[str | None]) -> list[str | None]:
    """(rows,) ISO 639-1 codes, None where there is no text."""
    told = zip(texts, detect(texts), strict=True)
    return [None if text is None else code or UNDETERMINED for text, code in told]
