"""Tables put together: columns of a second table by a key, and the ids of several files kept apart."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from ensemble.data import TEST
from ensemble.datasets.cells import canonical, row_of, some_places, strings
from ensemble.datasets.tables import notes_of, read_frame
from ensemble.errors import DataError, some
from ensemble.modalities import MODALITIES


class Join(BaseModel):
    """A second table, ``file`` below the root: each row of the first gets the columns of the row with its ``key``,
    which is called ``file_key`` there where that differs. ``columns`` names those to add; default: all new ones."""

    model_config = ConfigDict(extra="forbid")
    file: str
    key: str
    file_key: str | None = None
    columns: list[str] = []


def join_columns(table: pd.DataFrame, path: Path, join: Join, root: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table with the columns of ``join``, its rows and their order unchanged; raises DataError for a key that the
    second table has twice, and where no key of the first is in it."""
    key, other = join.file_key or join.key, root / join.file
    added = read_frame(other, [key, *join.columns])
    wanted = join.columns or [name for name in added.columns if name not in (key, *table.columns)]
    clash = [name for name in wanted if name in table]
    if clash:
        raise DataError(f"{other}: its columns {some(clash)} are in {path.name}, too; data.join.columns names others.")
    theirs = [None if value is None else canonical(value) for value in strings(added[key], other)]
    position: dict[str, int] = {}
    for n, value in enumerate(theirs):
        if value is not None and position.setdefault(value, n) != n:
            places = [row_of(added[key], m) for m, again in enumerate(theirs) if again == value]
            raise DataError(f"{other}: {key} {value[:80]!r} is there more than once ({some_places(places)}).")
    ours = strings(table[join.key], path)
    rows = [None if value is None else position.get(canonical(value)) for value in ours]
    if len(table) and all(row is None for row in rows):
        raise DataError(
            f"{other}: none of its {len(added):,} {key} is a {join.key} of {path.name}; "
            f"they read {some(position)}, there {some(ours.dropna())}."
        )
    columns = {name: [None if row is None else added[name].iloc[row] for row in rows] for name in wanted}
    made = table.assign(**{name: pd.Series(cells, index=table.index, dtype=object) for name, cells in columns.items()})
    alone = sum(row is None for row in rows)
    missing = (f"{path.name}: {alone:,} of {len(table):,} rows have no partner in {join.file}",) if alone else ()
    return made, (*notes_of(added), *missing)


def keep_ids_apart(frames: Sequence[pd.DataFrame], names: Sequence[str]) -> tuple[list[pd.DataFrame], tuple[str, ...]]:
    """The frames with ids that differ between files: where they start anew, those of training rows get their file's
    name in front, and those of test rows, which are handed in, stay.

    Raises DataError where files share ids and posts, so that one post stands in two files.
    """
    shared = _shared(frames)
    if not shared:
        return list(frames), ()
    columns = ["id", *(name for name in MODALITIES if name in frames[0])]
    posts = pd.concat([frame[columns] for frame in frames], ignore_index=True)
    same = set(posts.loc[posts.duplicated(), "id"])
    files = [name for name, frame in zip(names, frames, strict=True) if frame["id"].isin(list(shared)).any()]
    if same:
        raise DataError(
            f"{len(shared)} ids appear more than once: {some(shared)}, in {' and '.join(files)}; of {len(same)} "
            "the posts are equal, too. A post must stand in one file: remove it from the other, or give them own ids "
            "(data.id names their column)."
        )
    train = [n for n, frame in enumerate(frames) if (frame["part"] != TEST).any()]
    renamed = [n for n in train if len(train) < len(frames) or n]
    made = [frame.assign(id=f"{names[n]}:" + frame["id"]) if n in renamed else frame for n, frame in enumerate(frames)]
    again = _shared(made)
    if again:
        raise DataError(f"{len(again)} ids appear more than once: {some(again)}, in {' and '.join(files)}.")
    example = made[renamed[0]]["id"].iloc[0]
    told = ", ".join(names[n] for n in renamed)
    note = f"ids start anew in each file ({len(shared):,} are in several of {', '.join(files)}): those of {told} get "
    return made, (f"{note}the file's name in front, {example!r}",)


def _shared(frames: Sequence[pd.DataFrame]) -> dict[str, None]:
    ids = pd.concat([frame["id"] for frame in frames], ignore_index=True)
    return dict.fromkeys(ids[ids.duplicated()])
