"""One look at every cell of a dataset before anything is made of it: what cannot be used is missing from then on."""

from pathlib import Path

from ensemble.data import Dataset
from ensemble.modalities import Scan, Scans, get_modality, hash_column
from ensemble.system.progress import Track, silent


def scan(data: Dataset, cache: Path | None = None, track: Track = silent) -> tuple[Dataset, Scans]:
    """The dataset with unusable cells made missing and the keys of files filled in, and what was found.

    ``cache`` is the folder where scans of files are kept: those of unchanged size and time are not opened again.
    """
    scans: dict[str, Scan] = {}
    order = sorted(_with_carried(data).modalities, key=lambda name: not get_modality(name).carries)
    for name in order:  # what carries others comes first, so that what cannot be used is not carried
        data = data if name in data.frame else _with_carried(data)
        scans[name] = get_modality(name).scan(data.ids.tolist(), data.cells(name), data.root, cache, track)
        data = _without_problems(data, name, scans[name])
    return data, scans


def _with_carried(data: Dataset) -> Dataset:
    """A modality without a column gets the cells of one that carries it: a video's own sound. A column it is from here
    on, so that either can be hidden alone."""
    carried = {other: data.cells(name) for name in data.modalities for other in get_modality(name).carries}
    return data.with_columns(**{other: cells for other, cells in carried.items() if other not in data.frame})


def _without_problems(data: Dataset, name: str, scan: Scan) -> Dataset:
    usable = scan.frame["problem"].isna()
    columns = {name: data.cells(name)} if "hash" in scan.frame or not usable.all() else {}
    if "hash" in scan.frame:
        columns[hash_column(name)] = scan.frame["hash"].tolist()
    if not usable.all():
        columns = {
            column: [value if ok else None for value, ok in zip(values, usable, strict=True)]
            for column, values in columns.items()
        }
    return data.with_columns(**columns)
