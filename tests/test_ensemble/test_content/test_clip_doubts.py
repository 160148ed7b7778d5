"""What the audit says of clips beside their tables: parts, intervals, two files with one content, labels that lack."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from support.clips import tone, write_sound, write_video
from support.world import SENTIMENT, toy_table

from ensemble.content.audit import audit, audit_lines
from ensemble.content.doubts import label_doubts
from ensemble.content.scan import scan
from ensemble.data import Dataset, Task
from ensemble.folds import FoldSettings, make_plan


def speech(seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    random = np.random.default_rng(seed)
    return np.concatenate([tone(0.4, *random.uniform(150, 2500, size=2)) for _ in range(5)])


def clips(root: Path, **columns: list[Any]) -> Dataset:
    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame(
        {"id": [f"v_{n}" for n in range(rows)], "part": "train", "text": None, **columns}, dtype=object
    )
    return Dataset(frame.assign(sentiment="neutral"), root, (SENTIMENT,))


def test_contents_are_counted_by_part_and_modality(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 1, sound=tone(1))
    write_video(tmp_path / "mute.mp4", 1)
    parts, videos = ["train", "train", "dev", "test"], ["a.mp4", "mute.mp4", None, "gone.mp4"]
    found = audit(*scan(clips(tmp_path, part=parts, video=videos, text=["a", "b", "c", None])))
    assert found["contents"] == {
        "texts": {"train": 2, "dev": 1, "test": 0},
        "sounds": {"train": 1, "dev": 0, "test": 0},
        "videos": {"train": 2, "dev": 0, "test": 0},
    }
    assert ("sounds by part", "train 1 of 2, dev 0 of 1, test 0 of 1") in audit_lines({**found})


def test_a_clip_that_holds_its_successor_is_named(tmp_path: Path) -> None:
    for name, seed in (("0", 0), ("1", 1), ("2", 1), ("3", 3)):
        write_sound(tmp_path / f"{name}.wav", speech(seed))
    audio: list[Any] = [f"{n}.wav" for n in (0, 1, 2, 3)]
    (doubt,) = [line for line in doubts(clips(tmp_path, audio=audio, group=["v"] * 4)) if "content" in line]
    assert doubt.startswith("pairs of clips of one group with the same content: 1 (v_1 and v_2); ")
    apart = clips(tmp_path, audio=audio, group=["v", "v", "w", "w"])
    assert not any("content" in line for line in doubts(apart))


def doubts(data: Dataset) -> list[str]:
    return audit(*scan(data))["doubts"]


def test_lengths_unlike_their_intervals_are_named(tmp_path: Path) -> None:
    for n in range(3):
        write_video(tmp_path / f"{n}.mp4", 2, sound=speech(n), seed=n)
    names: list[Any] = ["0.mp4", "1.mp4", "2.mp4", None]
    lines = doubts(clips(tmp_path, video=names, seconds=[2.1, 5.0, 0.0, 3.0]))
    assert "clips whose interval has no length: 1 ('v_2')" in lines
    assert "videos whose length is over 0.5 s from their interval's: 1 of 2 (v_1 2.0 s of 5.0)" in lines
    assert not any("sounds whose" in line for line in lines)  # they are of the same files


def test_a_task_that_is_called_seconds_is_no_length_of_clips() -> None:
    data = toy_table(20)
    task = Task("seconds", ("short", "long"))
    frame = data.frame.drop(columns="sentiment").assign(seconds=["short", "long"] * 10)
    assert not any("interval" in line for line in doubts(Dataset(frame, data.root, (task,))))


def test_test_rows_that_lack_the_label_others_have_are_named() -> None:
    data = toy_table(60)
    data = data.with_columns(part=["train"] * 50 + ["test"] * 10)
    plan = make_plan(data, np.arange(60), FoldSettings(k=3))
    assert not any("not scored" in line for line in label_doubts(data, plan))
    labels = data.frame["sentiment"].tolist()
    half = data.with_columns(sentiment=[*labels[:58], None, None])
    ids = ", ".join(map(repr, data.ids[-2:]))
    said = f"sentiment: 2 of 10 test rows have no label ({ids}), so they are not scored"
    assert said in label_doubts(half, plan)
    none = data.with_columns(sentiment=[*labels[:50], *[None] * 10])
    assert not any("not scored" in line for line in label_doubts(none, plan))
