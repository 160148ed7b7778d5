"""Posts of a DataFrame: checked once, then a table of the run folder like any other."""

import hashlib
import io
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cli.api.arguments import path_of
from cli.api.frames import FRAME, TEST_FRAME, Labels, Layout, find_names, find_tasks, table_of
from ensemble.datasets.groups import group_notes
from ensemble.datasets.tables import check_column
from ensemble.errors import DataError, some
from ensemble.system.files import write_atomic

log = logging.getLogger("ensemble")


@dataclass(frozen=True, repr=False)
class Posts:
    """Posts to train on, and perhaps to predict, as ``from_frame`` makes them: checked tables and their layout."""

    train: pd.DataFrame
    test: pd.DataFrame | None
    layout: Layout

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        tasks: str | Sequence[str] | Mapping[str, Labels] = "label",
        *,
        text: str | None = None,
        image: str | Sequence[str] | None = None,
        audio: str | Sequence[str] | None = None,
        video: str | Sequence[str] | None = None,
        id: str | None = None,
        groups: str | None = None,
        test: pd.DataFrame | None = None,
        slices: Sequence[str] = (),
        ordinal: Sequence[str] = (),
        root: str | Path = ".",
    ) -> "Posts":
        """A post is a row.

        ``tasks`` names the columns of labels. As a mapping it says what each holds: its classes in order, "number", a
        mapping as in ``[data.tasks]``, or None for a guess, which is logged; ``ordinal`` names tasks whose classes are
        of degree. ``text``, ``image``, ``audio``, ``video`` and ``id`` name columns; by default the columns of these
        names count where there are such, "" stands for none. Files are paths below ``root``, patterns such as
        ``"{id}.jpg"``, or the bytes of encoded files. None, NaN and NA are missing. Without ids rows are numbered from
        1. Rows of equal ``groups`` stay together in every split. Rows of ``test`` enter no fold; labels they have are
        scored after the stack. ``slices`` are columns by which the report tells scores apart, "language" is told from
        the texts where there is no such column.

        Raises DataError and ConfigError in one line that names the column, and the row by the frame's index.
        """
        if not path_of("root", root).is_dir():
            raise DataError(f"root: the folder {root} does not exist.")
        table = table_of(frame)
        named = {"text": text, "image": image, "audio": audio, "video": video, "id": id}
        columns = {kind: names for kind, given in named.items() if (names := find_names(table, kind, given))}
        if not columns.keys() - {"id"}:
            there = some(map(str, frame.columns), 8)
            raise DataError(f"{FRAME} has no column of posts; text=, image=, audio= or video= names one of {there}.")
        labels, notes = find_tasks(table, tasks)
        if groups:
            check_column(table, groups, str(FRAME))
        layout = Layout(columns, groups, labels, ordinal, Path(root).resolve(), slices)
        train, said = layout.read(table, FRAME)
        notes += said if groups else (*said, *_group_notes(table.drop(columns=layout.used(), errors="ignore")))
        rest = None
        if test is not None:
            rest, said = layout.read(table_of(test, TEST_FRAME), TEST_FRAME, len(train) + 1)
            notes += tuple(note for note in said if note not in notes)
            if both := sorted({*train[layout.id]}.intersection(rest[layout.id])):
                raise DataError(f"{FRAME} and {TEST_FRAME} share {len(both)} ids, such as {some(both)}.")
        for note in notes:
            log.warning("%s.", note)
        return cls(train, rest, layout)

    def __len__(self) -> int:
        return len(self.train)

    def __repr__(self) -> str:
        test = "" if self.test is None else f" and {len(self.test):,} to predict"
        return f"<Posts: {len(self):,}{test}, {', '.join(self.layout.columns)}; labels {', '.join(self.layout.tasks)}>"

    @property
    def root(self) -> Path:
        """Where paths of files begin."""
        return self.layout.root


def _group_notes(others: pd.DataFrame) -> list[str]:
    return [re.sub(r"data\.group = ('.*?') \(--group .*\)", r"groups=\1", note) for note in group_notes(others)]


@dataclass(frozen=True)
class PostFiles:
    """The tables of posts as files of a run folder, by part ("train", "test"); names tell their contents."""

    names: Mapping[str, str]
    contents: Mapping[str, bytes]

    @classmethod
    def of(cls, posts: Posts) -> "PostFiles":
        parts = {"train": posts.train} if posts.test is None else {"train": posts.train, "test": posts.test}
        contents = {part: _parquet(table) for part, table in parts.items()}
        names = {part: f"posts-{hashlib.sha256(made).hexdigest()[:16]}.parquet" for part, made in contents.items()}
        return cls(names, contents)

    def write(self, folder: Path) -> None:
        """Those that are not there yet."""
        for part, name in self.names.items():
            if not (folder / name).is_file():
                write_atomic(folder / name, self.contents[part])


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    made = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(made, buffer, compression="zstd")
    return buffer.getvalue()
