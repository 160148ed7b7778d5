"""The modalities audio and video: keys, copies, audit, previews, a video's own sound, columns of a table."""

import base64
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import SHARED
from support.clips import cut, scratch, tone, turn, write_sound, write_video
from support.world import SENTIMENT

from ensemble.content.audit import audit, audit_lines
from ensemble.content.clip_scan import inspect_sound, inspect_video
from ensemble.content.doubts import content_doubts
from ensemble.content.duplicates import find_duplicates
from ensemble.content.frames import read_frames
from ensemble.content.scan import scan
from ensemble.content.sounds import read_sound
from ensemble.data import Dataset
from ensemble.datasets import csv
from ensemble.datasets.new_posts import read_posts, scan_posts
from ensemble.errors import ConfigError, DataError
from ensemble.folds import row_digests
from ensemble.jobs.ablation import hide
from ensemble.modalities import Media, get_modality
from ensemble.system.files import file_hash


def clips(root: Path, audio: list[str | None] | None = None, video: list[str | None] | None = None) -> Dataset:
    columns = {name: cells for name, cells in (("audio", audio), ("video", video)) if cells is not None}
    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(rows)], "part": "train", **columns}, dtype=object)
    return Dataset(frame.assign(text=None, image=None, sentiment="neutral"), root, (SENTIMENT,))


def noisy(seconds: float, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A melody: tones of random heights."""
    random = np.random.default_rng(seed)
    parts = [tone(seconds / 8, *random.uniform(150, 2500, size=2)) for _ in range(8)]
    return np.concatenate(parts)


def test_a_sound_is_known_by_the_hash_of_its_file(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1))
    data, _ = scan(clips(tmp_path, [path.name, None]))
    assert data.keys("audio") == [file_hash(path), None]
    assert data.modalities == ("text", "image", "audio")


def test_what_cannot_be_read_is_missing_from_then_on(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(1))
    write_video(tmp_path / "mute.mp4", 1)
    (tmp_path / "web.mp3").write_text("<html>")
    data, scans = scan(clips(tmp_path, ["a.wav", "mute.mp4", "web.mp3", "gone.wav", None]))
    assert data.cells("audio") == ["a.wav", None, None, None, None]
    assert scans["audio"].problems["problem"].tolist() == ["no sound in it", "a web page, no clip", "no such file"]


def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Row 'p0': video path '\.\./a\.mp4' leaves the video folder"):
        scan(clips(tmp_path, video=["../a.mp4"]))


def test_a_video_s_own_sound_serves_where_there_is_no_column_of_sounds(tmp_path: Path) -> None:
    write_video(tmp_path / "talks.mp4", 1, sound=tone(1))
    write_video(tmp_path / "mute.mp4", 1)
    data, _ = scan(clips(tmp_path, video=["talks.mp4", "mute.mp4", None]))
    assert data.cells("audio") == ["talks.mp4", None, None]
    assert hide(data, "video").cells("audio")[0] == "talks.mp4" and hide(data, "audio").cells("video")[0] == "talks.mp4"
    own, _ = scan(clips(tmp_path, audio=[None] * 3, video=["talks.mp4", "mute.mp4", None]))
    assert own.cells("audio") == [None] * 3


def test_the_digest_of_a_row_of_texts_and_images_does_not_know_of_other_modalities(tmp_path: Path) -> None:
    plain = clips(tmp_path, [None]).with_columns(text=["hello"])
    alone = Dataset(plain.frame.drop(columns="audio"), tmp_path, plain.tasks)
    assert row_digests(alone) == ["e0e1948c70ce14f4"]  # as it has always been
    write_sound(tmp_path / "a.wav", tone(1))
    assert row_digests(plain.with_columns(audio=["a.wav"])) != row_digests(plain)


def test_files_are_looked_at_once(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(1))
    write_sound(tmp_path / "b.wav", tone(2))
    counts: list[int] = []

    def track(items: Any, name: str, total: int) -> Any:
        counts.append(total)
        return items

    data = clips(tmp_path, ["a.wav", "b.wav"])
    first = scan(data, tmp_path / "cache", track)[1]["audio"].frame
    again = scan(data, tmp_path / "cache", track)[1]["audio"].frame
    assert counts == [2]
    pd.testing.assert_frame_equal(first, again)


def test_converted_sounds_are_copies_and_others_are_not(tmp_path: Path) -> None:
    names: list[str | None] = []
    for n in range(4):
        samples = noisy(3, n)
        names += [write_sound(tmp_path / f"{n}.wav", samples).name]
        names += [write_sound(tmp_path / f"{n}.mp3", samples * 0.4).name]
        names += [write_sound(tmp_path / f"{n}.ogg", samples).name]
    copies = find_duplicates(*scan(clips(tmp_path, [*names, names[0]])))
    assert copies.group.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0]
    assert copies.pairs["same_sound"].tolist() == [[0, 12]]


def test_converted_videos_are_copies_and_those_of_another_sound_are_not(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 3, sound=noisy(3, 0))
    write_video(tmp_path / "a.webm", 3, sound=noisy(3, 0))
    write_video(tmp_path / "dubbed.mp4", 3, sound=noisy(3, 1))
    write_video(tmp_path / "longer.mp4", 4, sound=noisy(4, 0))
    data, scans = scan(clips(tmp_path, video=["a.mp4", "a.webm", "dubbed.mp4", "longer.mp4"]))
    assert find_duplicates(data, scans).pairs["near_video"].tolist() == [[0, 1]]
    assert find_duplicates(data, scans).group.tolist() == [0, 0, 1, 2]


def test_a_sound_of_very_many_posts_makes_no_copies_of_them(tmp_path: Path) -> None:
    write_sound(tmp_path / "jingle.wav", tone(1))
    data, scans = scan(clips(tmp_path, ["jingle.wav"] * 20))
    assert len(set(find_duplicates(data, scans).group)) == 20
    assert any("The audio jingle.wav is on 20 of 20 posts" in note for note in audit(data, scans)["notes"])


def test_the_audit_says_what_is_odd_about_sounds(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(2))
    write_sound(tmp_path / "fast.wav", np.stack([tone(1, rate=44_100)] * 2), rate=44_100)
    write_sound(tmp_path / "silent.flac", np.zeros(16_000, dtype=np.float32))
    write_sound(tmp_path / "click.wav", tone(0.01))
    cut(write_sound(tmp_path / "cut.wav", tone(2)), 0.5)
    (tmp_path / "empty.wav").touch()
    names = ["a.wav", "fast.wav", "silent.flac", "click.wav", "cut.wav", "empty.wav", "gone.wav", None]
    found: dict[str, Any] = {**audit(*scan(clips(tmp_path, list(names))))}
    lines = dict(audit_lines(found))
    assert lines["sounds missing"] == "2 (gone.wav, ...)"
    assert lines["sounds unreadable"] == "1 (empty.wav: an empty file)"
    damaged = lines["sounds damaged (what came is used)"]
    assert re.fullmatch(r"1 \(cut\.wav: cut off, .* bytes are missing.*\)", damaged)
    assert lines["length of sounds"] == "0.01 to 2.00 s, half of them under 1.00"
    assert lines["sample rates"] == "16,000 Hz (4), 44,100 Hz (1)"
    assert lines["channels (their mean is used)"] == "1 (4), 2 (1)"
    assert lines["silent sounds"] == "1 (silent.flac)"
    assert lines["sounds under 0.025 s"] == "1 (click.wav)"


def test_the_audit_says_what_is_odd_about_videos(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 2, sound=tone(2))
    write_video(tmp_path / "apart.mp4", 2, sound=tone(1))
    write_video(tmp_path / "mute.mp4", 2, fps=25)
    turn(write_video(tmp_path / "turned.mp4", 1))
    write_video(tmp_path / "varying.mkv", times=[0, 0.1, 0.9])
    write_video(tmp_path / "still.mp4", times=[0])
    cut(write_video(tmp_path / "cut.mp4", 2, options={"movflags": "faststart"}), 0.6)
    names: list[str | None] = ["a.mp4", "apart.mp4", "mute.mp4", "turned.mp4", "varying.mkv", "still.mp4", "cut.mp4"]
    found: dict[str, Any] = {**audit(*scan(clips(tmp_path, video=names)))}
    lines = dict(audit_lines(found))
    assert lines["frame rate varies (read by time)"] == "1" and lines["turned upright"] == "1"
    assert lines["videos without sound"] == "5" and lines["videos of a single frame"] == "1 (still.mp4)"
    assert lines["sizes of videos"] == "96x64 (6), 64x96 (1)"
    apart = lines["sound and picture over 0.2 s apart"]
    assert apart == "1 (apart.mp4: picture 2.00 s, sound 1.02 s)"
    assert re.match(r"1 \(cut\.mp4: ends .* s before it says", lines["videos damaged (what came is used)"])


def test_nothing_is_said_of_modalities_that_a_table_has_not(tmp_path: Path) -> None:
    plain = clips(tmp_path, [None])
    data, scans = scan(Dataset(plain.frame.drop(columns="audio"), tmp_path, plain.tasks))
    assert set(scans) == {"text", "image"} and not {"sounds", "videos"} & set(audit(data, scans))
    assert not any("sound" in name or "video" in name for name, _ in audit_lines({**audit(data, scans)}))


def test_a_sound_is_shown_as_a_waveform_and_a_player(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.flac", tone(30))
    drawn, played = get_modality("audio").preview("a.flac", tmp_path, "1").media
    assert drawn.type == "image/svg+xml" and drawn.data.startswith(b"<svg ") and b"script" not in drawn.data
    assert played.type == "audio/mpeg" and len(played.data) < 20_000
    (tmp_path / "played.mp3").write_bytes(played.data)
    assert read_sound(tmp_path / "played.mp3").seconds == pytest.approx(5, abs=0.1)
    assert played.uri == f"data:audio/mpeg;base64,{base64.b64encode(played.data).decode()}"


def test_a_video_is_shown_as_three_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 3, size=(320, 240))
    (strip,) = get_modality("video").preview("a.mp4", tmp_path, "1").media
    assert strip.type == "image/jpeg" and len(strip.data) <= 15_000
    with Image.open(BytesIO(strip.data)) as image:
        assert image.size == (480, 120)


@pytest.mark.parametrize("name", ["audio", "video"])
def test_why_there_is_nothing_to_show_is_said(tmp_path: Path, name: str) -> None:
    scratch(write_sound(tmp_path / "a.mp4", tone(0.2)), 0, 4_000)
    modality = get_modality(name)
    assert modality.preview(None, tmp_path, "1").problem in ("no sound", "no video")
    assert modality.preview("gone.mp4", tmp_path, "1").problem == "no such file"
    assert modality.preview("../a.mp4", tmp_path, "1").problem == f"outside the {name} folder"
    assert "clip" in modality.preview("a.mp4", tmp_path, "1").problem


def table(root: Path, **columns: object) -> None:
    pd.DataFrame(columns).to_csv(root / "posts.csv", index=False)


def read(root: Path, **options: Any) -> Dataset:
    return csv.read(root, train="posts.csv", tasks={"mood": ["bad", "good"]}, **options)


def test_the_columns_of_a_table_may_name_sounds_and_videos(tmp_path: Path) -> None:
    table(tmp_path, id=["1", "2"], wav=["a.wav", ""], mp4=["a.mp4", "b.mp4"], mood=["bad", "good"])
    write_sound(tmp_path / "a.wav", tone(1))
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, 1, sound=tone(1))
    data = read(tmp_path, audio="wav", video="mp4")
    assert data.cells("audio") == ["a.wav", None] and data.cells("video") == ["a.mp4", "b.mp4"]
    assert scan(read(tmp_path, video="mp4"))[0].cells("audio") == ["a.mp4", "b.mp4"]


def test_patterns_may_name_them_too(tmp_path: Path) -> None:
    table(tmp_path, id=["1", "2"], mood=["bad", "good"])
    write_sound(tmp_path / "1.flac", tone(1))
    write_video(tmp_path / "2.mkv", 1, sound=tone(1))
    assert read(tmp_path, audio="{id}.*").cells("audio") == ["1.flac", "2.mkv"]
    with pytest.raises(ConfigError, match=r"data\.video must be one column, or patterns such as 'videos/\{id\}\.mp4'"):
        read(tmp_path, video=["a", "b"])


def test_the_cells_of_a_table_may_hold_sounds(tmp_path: Path) -> None:
    raw = write_sound(tmp_path / "a.flac", tone(1)).read_bytes()
    frame = pd.DataFrame({"id": ["1", "2"], "speech": [{"bytes": raw, "path": "x"}, None], "mood": ["bad", "good"]})
    frame.to_parquet(tmp_path / "posts.parquet")
    tasks = {"mood": ["bad", "good"]}
    data = csv.read(tmp_path, "posts.parquet", tasks, audio="speech", extracted=tmp_path / "kept")
    assert data.root == tmp_path / "kept"
    assert data.notes == (f"posts.parquet: 1 sounds in its cells, kept in {data.root}",)
    assert scan(data)[0].keys("audio") == [file_hash(tmp_path / "a.flac"), None]


def test_names_that_lead_nowhere_are_told_from_those_nearby(tmp_path: Path) -> None:
    table(tmp_path, id=["1"], file=["a.wav"], mood=["bad"])
    (tmp_path / "sub").mkdir()
    write_sound(tmp_path / "sub" / "a.wav", tone(1))
    with pytest.raises(DataError, match=r'none of the 1 sounds is there; .* data\.audio = "sub/\{file\}" names them'):
        read(tmp_path, audio="file")


def test_new_posts_may_have_sounds_and_videos(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(1))
    write_video(tmp_path / "b.mp4", 1, sound=tone(1))
    pd.DataFrame({"speech": ["a.wav", ""], "video": ["", "b.mp4"]}).to_csv(tmp_path / "new.csv", index=False)
    posts = scan_posts(read_posts(tmp_path / "new.csv", [SENTIMENT], usual={"audio": "speech"}))
    assert posts.cells("audio") == ["a.wav", None] and posts.cells("video") == [None, "b.mp4"]


@pytest.mark.parametrize(
    ("needed", "named", "audio", "video"),
    [
        (["audio", "video"], {}, "b.mp4", "b.mp4"),
        (["audio"], {}, "b.mp4", None),
        (["video"], {}, None, "b.mp4"),
        (["audio", "video"], {"audio": ""}, None, "b.mp4"),
        (["text"], {}, None, None),
    ],
)
def test_of_new_posts_only_what_is_looked_at_is_read(
    tmp_path: Path, needed: list[str], named: dict[str, str], audio: str | None, video: str | None
) -> None:
    write_video(tmp_path / "b.mp4", 1, sound=tone(1))
    pd.DataFrame({"text": ["a"], "video": ["b.mp4"]}).to_csv(tmp_path / "new.csv", index=False)
    read = read_posts(tmp_path / "new.csv", [SENTIMENT], named=named, needed=needed)
    posts = scan_posts(read, needed=needed)
    assert posts.cells("audio") == [audio] and posts.cells("video") == [video]


def test_sounds_of_videos_that_serve_for_a_column_of_sounds_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_video(tmp_path / "b.mp4", 1, sound=tone(1))
    pd.DataFrame({"video": ["b.mp4"]}).to_csv(tmp_path / "new.csv", index=False)
    read_posts(tmp_path / "new.csv", [SENTIMENT], usual={"audio": "speech"}, needed=["audio"])
    assert [line.partition(" has ")[2] for line in caplog.messages] == [
        "no column of sounds, so the sounds in its videos serve."
    ]


def test_sounds_of_new_posts_are_paths_that_begin_where_images_do(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    write_sound(tmp_path / "a.wav", tone(1))
    path = tmp_path / "new" / "new.csv"
    pd.DataFrame({"audio": ["a.wav", "https://a.b/c.wav"]}).to_csv(path, index=False)
    posts = read_posts(path, [SENTIMENT], [path.parent, tmp_path], needed=["audio"])
    assert posts.root == tmp_path and posts.cells("audio") == ["a.wav", None]
    pd.DataFrame({"audio": ["gone.wav", "no.wav"]}).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"None of the 2 sounds is there; .*--column audio= judges .* without sounds"):
        scan_posts(read_posts(path, [SENTIMENT], needed=["audio"]))


def test_cells_that_name_no_file_are_told_apart(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(1))
    (tmp_path / "folder.wav").mkdir()
    cells = ["a.wav", "folder.wav", "https://a.b/c.wav", "data:audio/wav;base64,UklG"]
    found = scan(clips(tmp_path, list(cells)))[1]["audio"].frame["problem"]
    written = "a sound as text, not a path"
    assert found.tolist() == [None, "a folder, not a sound", "a web address, not a path", written]


def test_a_sound_that_a_learner_reads_and_no_post_has_is_doubted(tmp_path: Path) -> None:
    data, scans = scan(Dataset(clips(tmp_path, [None]).frame.drop(columns="audio"), tmp_path, (SENTIMENT,)))
    lines = content_doubts(data, scans, {"hears": ("audio",)})
    assert any(line.startswith("sounds are missing in 1 of 1 training posts") for line in lines)
    assert not any("sounds" in line or "videos" in line for line in content_doubts(data, scans, {}))


def test_a_media_file_is_its_own_address() -> None:
    assert Media("image/svg+xml", b"<svg/>").uri == "data:image/svg+xml;base64,PHN2Zy8+"


@pytest.mark.real_data
def test_the_clips_of_cmu_mosi_are_read() -> None:
    root = SHARED / "data/mosi/clips"
    video = inspect_video(root / "Oz06ZWiO20M_6.mp4")
    assert (video.seconds, video.frames, video.fps, video.width, video.height) == (7.5, 225, 30.0, 480, 360)
    assert video.sound_seconds == pytest.approx(7.44, abs=0.01) and not video.varies and video.trouble == ""
    sound = inspect_sound(root / "03bSnISJMiM_1.wav")
    assert (sound.rate, sound.channels) == (16_000, 2) and sound.seconds == pytest.approx(3.33, abs=0.01)
    frames = read_frames(root / "Oz06ZWiO20M_6.mp4", fps=3)
    assert len(frames.pictures) == 23 and frames.times[-1] == pytest.approx(22 / 3)


@pytest.mark.real_data
def test_no_two_takes_of_ravdess_are_copies() -> None:
    root = SHARED / "data/ravdess"
    emotions = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
    data = csv.read(root, "labels.csv", {"emotion": emotions}, id="file", text="text", audio="file", group="actor")
    data, scans = scan(data)
    assert len(set(find_duplicates(data, scans).group)) == 600  # two sentences are prompts, not copies
    assert ("sample rates", "16,000 Hz (599), 48,000 Hz (1)") in audit_lines({**audit(data, scans)})
