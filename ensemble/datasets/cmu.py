"""CMU-MOSI, CMU-MOSEI and CH-SIMS: a table of clips with their transcripts, and the sentiment and part of each."""

from pathlib import Path
from typing import Literal

import pandas as pd

from ensemble.data import DEV, TEST, TRAIN, Dataset
from ensemble.datasets.cells import ids, row_of, strings
from ensemble.datasets.cmu_clips import Named, find_clips
from ensemble.datasets.label_columns import LabelColumn, read_label
from ensemble.datasets.sdk import read_sdk
from ensemble.datasets.tables import ENCODING, notes_of, read_frame
from ensemble.errors import ConfigError, DataError, some

CSD = ".csd"
SCALES = {
    "cmu": LabelColumn(kind="regression", bounds=(-3, 3)),
    "sims": LabelColumn(kind="regression", bounds=(-1, 1), cuts=[[0.0], [-0.1, 0.1], [-0.7, -0.1, 0.1, 0.7]]),
}
TASKS = {
    "label": "sentiment",
    "label_T": "sentiment_text",
    "label_A": "sentiment_audio",
    "label_V": "sentiment_video",
}
PARTS = {"train": TRAIN, "training": TRAIN, "dev": DEV, "valid": DEV, "val": DEV, "validation": DEV, "test": TEST}


def read(
    root: Path,
    file: str = "label.csv",
    scale: Literal["cmu", "sims"] = "cmu",
    labels: tuple[str, ...] = ("label",),
    development: Literal["apart", "training"] = "apart",
    video: Named = None,
    audio: Named = None,
    parts: str | None = None,
) -> Dataset:
    """``file`` below ``root``: the layout of MMSA (``video_id``, ``clip_id``, ``text``, ``label``, ``mode``, more), or
    the small one (``id``, which is the video, ``_`` and the clip). Clips of one video are a group.

    ``scale`` "cmu" is -3 to 3, "sims" -1 to 1 with the classes of CH-SIMS. ``labels`` may also name ``label_T``,
    ``label_A`` and ``label_V``, what CH-SIMS says of one modality alone. The development part (``mode`` valid or dev)
    stays apart, or becomes ``training``.

    Clips are ``Raw/<video_id>/<clip_id>.mp4``, or as the SDK has them, where there is a folder ``Raw``; ``video`` and
    ``audio`` name others by patterns below ``root``, such as ``clips/{id}.mp4``, and "" leaves them out.

    A ``file`` that ends in ``.csd`` holds the labels of the SDK; its transcripts lie below ``Raw``, and ``parts`` says
    which videos are in which part, as ``read_sdk`` takes it.
    """
    path = root / file
    for name in labels:
        if name not in TASKS:
            raise ConfigError(f"data.labels names {name!r}; it must be of {list(TASKS)}.")
    if path.suffix == CSD:
        if labels != ("label",):
            raise ConfigError(f"data.labels names {list(labels)}; of a {CSD} file only ['label'] is read.")
        table = read_sdk(path, root, parts)
    elif parts is not None:
        raise ConfigError(f"data.parts is for {CSD} files; {file} says by its column 'mode' which clips are in which.")
    else:
        table = read_frame(path, ["text", "mode", *labels])
    names = _names(table, path)
    clips, said = find_clips(table.assign(**names), names["id"], path, root, {"video": video, "audio": audio})
    frame = names.drop(columns=["video_id", "clip_id"]).assign(group=names["video_id"], **clips)
    frame = frame.assign(text=strings(table["text"], path), part=_parts(table, path, development))
    for name in labels:
        frame[TASKS[name]] = read_label(table[name], frame["id"], SCALES[scale], {}, "single", path)
    notes = (*notes_of(table), *said, *_notes(frame, [TASKS[name] for name in labels], scale))
    tasks = tuple(SCALES[scale].task(TASKS[name], ordinal=False) for name in labels)
    frame["text_encoding"] = table.attrs[ENCODING]
    frame = frame.assign(seconds=table["seconds"]) if path.suffix == CSD else frame
    return Dataset(frame.reset_index(drop=True), root, tasks, notes)


def _names(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The id of each clip, its video and what it is called within that. All stay text: a clip may be called 0001."""
    if "video_id" in table and "clip_id" in table:
        videos, clips = strings(table["video_id"], path), strings(table["clip_id"], path)
        joined = pd.Series(
            [video and clip and f"{video}_{clip}" for video, clip in zip(videos, clips, strict=True)],
            index=table.index,
            dtype=object,
            name="video_id and clip_id",
        )
        return pd.DataFrame({"id": ids(joined, path), "video_id": videos, "clip_id": clips}, dtype=object)
    if "id" not in table:
        raise DataError(f"{path} has neither a column 'id' nor 'video_id' and 'clip_id'; it has {list(table.columns)}.")
    found = ids(table["id"], path)
    parted = [name.rpartition("_") for name in found]
    for position, (video, _, clip) in enumerate(parted):
        if not video or not clip:
            said = f"{row_of(found, position)} has id {found.iloc[position]!r}"
            raise DataError(f"{path}: {said}; it must be the video, '_' and the clip, as in 'abc_12'.")
    named = {"video_id": [video for video, _, _ in parted], "clip_id": [clip for _, _, clip in parted]}
    return pd.DataFrame({"id": found, **named}, dtype=object)


def _parts(table: pd.DataFrame, path: Path, development: str) -> list[str]:
    modes, parts = strings(table["mode"], path), []
    for position, mode in enumerate(modes):
        part = PARTS.get((mode or "").lower())
        if part is None:
            row = row_of(modes, position)
            raise DataError(f"{path}: {row} has mode {mode!r}; it must be one of {list(PARTS)}.")
        parts.append(TRAIN if part == DEV and development == "training" else part)
    return parts


def _notes(frame: pd.DataFrame, tasks: list[str], scale: str) -> list[str]:
    """How many videos there are of each part, which are in several, and whether the scale may be another."""
    parts = frame.groupby("part")["group"]
    counted = [f"{parts.get_group(name).nunique():,} of {name}" for name in (TRAIN, DEV, TEST) if name in parts.groups]
    notes = [f"videos: {', '.join(counted)}; clips of one video are a group, which no split divides"]
    divided = frame.groupby("group")["part"].nunique()
    if (divided > 1).any():
        names = some(divided[divided > 1].index)
        notes.append(f"{(divided > 1).sum():,} videos have clips in several parts ({names}): scores may be too good")
    for name in tasks:
        found = frame[name].dropna().astype(float)
        if scale == "cmu" and len(found) and found.abs().max() <= 1:
            notes.append(f'{name} lies within -1 and 1: data.scale = "sims" is for CH-SIMS')
        lacking = int(frame.loc[frame["part"] == TRAIN, name].isna().sum())
        notes += [f"{lacking:,} training clips have no {name}"] * bool(lacking)
    return notes
