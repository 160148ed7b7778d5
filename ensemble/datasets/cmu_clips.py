"""Where the clips of CMU-MOSI, CMU-MOSEI and CH-SIMS are: below ``Raw``, as MMSA or the CMU SDK lay them out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ensemble.datasets.media import MediaColumn
from ensemble.datasets.tables import check_column
from ensemble.errors import ConfigError, DataError, some
from ensemble.modalities import get_modality
from ensemble.system.folders import entries

RAW = "Raw"
LAYOUTS = {  # MMSA's, then the SDK's; of one modality the first that has any clip counts
    "video": ("Raw/{video_id}/{clip_id}.mp4", "Raw/Video/Segmented/{id}.mp4"),
    "audio": ("Raw/Audio/WAV_16000/Segmented/{id}.wav",),
}
NO_CLIPS = ("Transcript",)  # of the SDK's folders
Named = str | list[str] | None  # a pattern or several; "" leaves out, None looks at the layouts


def find_clips(
    table: pd.DataFrame, ids: "pd.Series[str]", path: Path, root: Path, named: Mapping[str, Named]
) -> tuple[dict[str, "pd.Series[Any]"], list[str]]:
    """``(columns, notes)``: by modality (rows,) paths relative to ``root``, of clips that are there or should be.

    ``table`` has the columns that patterns name, ``path`` is its file. Nothing is looked for without a folder Raw;
    raises DataError where that has none of the clips, and ConfigError for what is no pattern.
    """
    there = [entry.name for entry in entries(root / RAW) if entry.name not in NO_CLIPS]
    sought = [kind for kind in LAYOUTS if named[kind] or (named[kind] is None and there)]
    chosen = {kind: column for kind in sought if (column := _column(kind, table, ids, path, root, named[kind]))}
    if "video" in sought and not chosen:
        raise _none_there(table, ids, root, there)
    columns: dict[str, pd.Series[Any]] = {}
    notes: list[str] = []
    for kind, column in chosen.items():
        columns[kind], _, said = column.find(table, ids, path)
        notes += [f"{get_modality(kind).plural}: {' or '.join(column.sources)}", *said]
    if "video" in chosen and "audio" not in chosen:
        if named["audio"] is None:
            notes.append("the sound of each video serves as its audio")
        else:
            columns["audio"] = pd.Series(None, index=table.index, dtype=object)
    absent = not sought and None in named.values()
    return columns, notes or [f"there is no folder {RAW} with clips, so posts are texts alone"] * absent


def _column(
    kind: str, table: pd.DataFrame, ids: "pd.Series[str]", path: Path, root: Path, named: Named
) -> MediaColumn | None:
    """How clips are named; None where no layout has any."""
    if named is None:
        there = [layout for layout in LAYOUTS[kind] if (root / layout.partition("{")[0]).is_dir()]
        layouts = (MediaColumn((layout,), root, root, kind) for layout in there)
        return next((each for each in layouts if each.any_there(table, ids, path)), None)
    column = MediaColumn.of(kind, named, root, root)
    if not column.is_pattern:
        example = LAYOUTS[kind][0]
        raise ConfigError(f'data.{kind} must be a pattern such as {example!r}, or "" for none; got {named!r}.')
    for name in column.columns():
        check_column(table, name, str(path))
    return column


def _none_there(table: pd.DataFrame, ids: "pd.Series[str]", root: Path, there: Sequence[str]) -> DataError:
    """Where there is a folder of clips, and no clip is where it should be."""
    folder = f"{RAW}/{table['video_id'].iloc[0]}" if len(ids) else RAW
    inner = [entry.name for entry in entries(root / folder)]
    first = f"{folder}/{table['clip_id'].iloc[0]}.mp4" if len(ids) else folder
    said = f"the first would be {first}; {f'{folder} has {some(inner)}' if inner else f'{RAW} has {some(there)}'}"
    whole = "; whole videos are not cut here: cut them by their intervals first" if "Videos" in there else ""
    left = 'data.video names clips by a pattern, and "" leaves them out'
    return DataError(f"{root}: {RAW} has none of the clips: {said}{whole}. {left}.")
