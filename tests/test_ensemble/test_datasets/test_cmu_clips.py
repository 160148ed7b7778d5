"""The clips of CMU-MOSI, CMU-MOSEI and CH-SIMS: found beside their table, never shifted, or refused."""

from pathlib import Path

import pandas as pd
import pytest
from support import SHARED
from support.clips import tone, write_sound, write_video

from ensemble.content.audit import audit, audit_lines
from ensemble.content.scan import scan
from ensemble.datasets import cmu
from ensemble.errors import DataError, EnsembleError

MMSA = {
    "video_id": ["v_a", "v_a", "w", "x"],
    "clip_id": ["0001", "0002", "0001", "0001"],
    "text": ["a", "b", "c", "d"],
    "label": ["-1.0", "0.2", "1", ""],
    "label_A": ["-0.4", "0", "1", ""],
    "mode": ["train", "train", "valid", "test"],
}


def table(root: Path, **change: list[str]) -> None:
    pd.DataFrame({**MMSA, **change}).to_csv(root / "label.csv", index=False)


def raw(root: Path, *names: str) -> None:
    for name in names:
        (root / "Raw" / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(root / "Raw" / name, 1, sound=tone(1))


def test_clips_lie_beside_the_table_and_their_sound_is_the_audio(tmp_path: Path) -> None:
    table(tmp_path)
    raw(tmp_path, "v_a/0001.mp4", "v_a/0002.mp4", "w/0001.mp4", "x/0001.mp4")
    data = cmu.read(tmp_path, scale="sims", labels=("label", "label_A"))
    assert data.cells("video") == [f"Raw/{name}.mp4" for name in ("v_a/0001", "v_a/0002", "w/0001", "x/0001")]
    assert data.notes[:2] == ("videos: Raw/{video_id}/{clip_id}.mp4", "the sound of each video serves as its audio")
    assert data.task_names == ("sentiment", "sentiment_audio")
    assert scan(data)[0].cells("audio") == data.cells("video")


def test_a_clip_that_is_missing_is_counted_and_shifts_no_other(tmp_path: Path) -> None:
    table(tmp_path)
    raw(tmp_path, "v_a/0002.mp4", "x/0001.mp4")
    data, scans = scan(cmu.read(tmp_path))
    assert data.cells("video") == [None, "Raw/v_a/0002.mp4", None, "Raw/x/0001.mp4"]
    lines = dict(audit_lines({**audit(data, scans)}))
    assert lines["videos missing"] == "2 (Raw/v_a/0001.mp4, Raw/w/0001.mp4)"


def test_a_table_without_clips_is_texts_alone_and_says_so(tmp_path: Path) -> None:
    table(tmp_path)
    data = cmu.read(tmp_path)
    assert data.notes[0] == "there is no folder Raw with clips, so posts are texts alone"
    assert data.modalities == ("text", "image")
    raw(tmp_path, "w/0001.mp4")
    left = cmu.read(tmp_path, video="")
    assert left.modalities == ("text", "image") and not any("Raw" in note for note in left.notes)


def test_the_small_table_has_clips_named_by_its_ids(tmp_path: Path) -> None:
    ids = ["v_a_0001", "v_a_0002", "w_0001", "x_0001"]
    pd.DataFrame({"id": ids, **{name: MMSA[name] for name in ("text", "label", "mode")}}).to_csv(
        tmp_path / "label.csv", index=False
    )
    raw(tmp_path, "v_a/0002.mp4")
    assert cmu.read(tmp_path).cells("video")[1] == "Raw/v_a/0002.mp4"


def test_segmented_files_of_the_sdk_are_found_with_their_sounds(tmp_path: Path) -> None:
    table(tmp_path)
    raw(tmp_path, "Video/Segmented/w_0001.mp4")
    (tmp_path / "Raw/Audio/WAV_16000/Segmented").mkdir(parents=True)
    write_sound(tmp_path / "Raw/Audio/WAV_16000/Segmented/v_a_0002.wav", tone(1))
    data, _ = scan(cmu.read(tmp_path))
    assert data.cells("video") == [None, None, "Raw/Video/Segmented/w_0001.mp4", None]
    assert data.cells("audio") == [None, "Raw/Audio/WAV_16000/Segmented/v_a_0002.wav", None, None]


def test_patterns_name_clips_that_lie_elsewhere(tmp_path: Path) -> None:
    table(tmp_path)
    write_sound(tmp_path / "w_0001.flac", tone(1))
    write_video(tmp_path / "w_0001.mp4", 1, sound=tone(1))
    assert cmu.read(tmp_path, audio="{id}.flac", video="").cells("audio")[2] == "w_0001.flac"
    mute = cmu.read(tmp_path, audio="", video="{id}.mp4")
    assert scan(mute)[0].cells("audio") == [None] * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"Raw has none of the clips: the first would be Raw/v_a/0001\.mp4; Raw/v_a has '1\.mp4'"),
        ({"video": "clips"}, "data.video must be a pattern such as"),
        ({"video": "clips/{name}.mp4"}, "Unknown column 'name'"),
    ],
)
def test_clips_that_are_not_where_they_should_be_are_refused(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    table(tmp_path)
    raw(tmp_path, "v_a/1.mp4")
    with pytest.raises(EnsembleError, match=message):
        cmu.read(tmp_path, **options)  # type: ignore[arg-type]


def test_whole_videos_are_not_cut(tmp_path: Path) -> None:
    table(tmp_path)
    raw(tmp_path, "Videos/Full/Combined/v_a.mp4")
    with pytest.raises(DataError, match="whole videos are not cut here"):
        cmu.read(tmp_path)


@pytest.mark.parametrize("name", ["../../etc", ".."])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    table(tmp_path, video_id=[name, "v_a", "w", "x"])
    raw(tmp_path, "w/0001.mp4")
    with pytest.raises(DataError, match=r"line 2: video path .* leaves the video folder 'Raw'"):
        cmu.read(tmp_path)


@pytest.mark.real_data
def test_the_two_real_clips_of_mosi_are_found() -> None:
    root = SHARED / "data" / "mosi"
    data = cmu.read(root, video="clips/{id}.mp4", audio="clips/{id}.wav")
    found, _ = scan(data)
    assert [cell for cell in found.cells("video") if cell] == ["clips/Oz06ZWiO20M_6.mp4"]
    assert [cell for cell in found.cells("audio") if cell] == ["clips/03bSnISJMiM_1.wav"]
    assert found.modalities == ("text", "image", "audio", "video")
