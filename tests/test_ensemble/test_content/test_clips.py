"""Sounds and videos of strangers: read by time, of any usual format; what is hostile or damaged is said in one line."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from support.clips import (
    RATE,
    SIZE,
    cut,
    scratch,
    square,
    tone,
    turn,
    wav,
    with_cover,
    write_sound,
    write_streams,
    write_video,
)

from ensemble.content.clip_scan import inspect_sound, inspect_video
from ensemble.content.clips import MAX_SECONDS
from ensemble.content.frames import read_frames
from ensemble.content.images import Unreadable
from ensemble.content.sounds import read_sound

VIDEOS = ("mp4", "mov", "mkv", "webm", "avi")


def place(picture: object) -> float:
    """When a frame was drawn, by where its square is."""
    pixels = np.asarray(picture).astype(int)
    across = np.flatnonzero((pixels.sum(axis=2) > 600).sum(axis=0) > 4)
    return float(across[0]) / (SIZE[0] - 16) * 3


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "ogg", "m4a", *VIDEOS])
def test_sounds_of_every_usual_format_are_samples_of_one_channel(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"any.{ending}"
    made = write_video(path, 2, sound=tone(2)) if ending in VIDEOS else write_sound(path, tone(2))
    sound = read_sound(made)
    assert sound.rate == RATE and sound.samples.dtype == np.float32 and sound.samples.ndim == 1
    assert sound.seconds == pytest.approx(2, abs=0.13) and sound.trouble == ""  # AAC begins with silence
    assert np.sqrt((sound.samples**2).mean()) == pytest.approx(np.sqrt((tone(2) ** 2).mean()), rel=0.1)


@pytest.mark.parametrize("ending", VIDEOS)
def test_frames_of_every_usual_format_are_what_is_on_the_screen_at_a_time(tmp_path: Path, ending: str) -> None:
    frames = read_frames(write_video(tmp_path / f"any.{ending}", 2, fps=10), fps=4)
    assert frames.times.tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75])
    assert frames.pictures[0].size == SIZE and frames.pictures[0].mode == "RGB"
    drawn = [0, 0.2, 0.5, 0.7, 1, 1.2, 1.5, 1.7]  # the last frame that has begun
    assert [place(picture) for picture in frames.pictures] == pytest.approx(drawn, abs=0.05)


def test_frames_of_a_varying_rate_are_found_by_their_time_not_by_their_number(tmp_path: Path) -> None:
    times = [0, 0.1, 0.2, 0.9, 1.0, 1.5, 1.9]
    path = write_video(tmp_path / "varying.mkv", times=times)
    frames = read_frames(path, fps=2)
    assert [place(picture) for picture in frames.pictures[:4]] == pytest.approx([0, 0.2, 1.0, 1.5], abs=0.05)
    info = inspect_video(path)
    assert info.varies and info.frames == 7


def test_a_picture_that_begins_late_keeps_its_time(tmp_path: Path) -> None:
    frames = read_frames(write_video(tmp_path / "late.mkv", 1, sound=tone(2), first=0.5), fps=4)
    assert [place(picture) for picture in frames.pictures] == pytest.approx([0, 0, 0, 0.2, 0.4, 0.7], abs=0.11)


def test_what_begins_after_the_limit_is_silence_and_its_first_picture(tmp_path: Path) -> None:
    late = write_video(tmp_path / "late.mkv", 1, sound=tone(3), first=1.5)
    frames = read_frames(late, fps=4, seconds=1)
    assert frames.times.tolist() == [0, 0.25, 0.5, 0.75] and frames.trouble == "longer than 1 s, read to there"
    with av.open(tmp_path / "mute.mkv", "w") as container:
        picture = container.add_stream("mpeg4", rate=10, width=SIZE[0], height=SIZE[1], pix_fmt="yuv420p")
        sound = container.add_stream("flac", rate=RATE, layout="mono")
        container.mux([*picture.encode(av.VideoFrame.from_image(square(0))), *picture.encode(None)])
        frame = av.AudioFrame.from_ndarray((tone(1)[None] * 32_767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 2 * RATE
        container.mux([*sound.encode(frame), *sound.encode(None)])
    heard = read_sound(tmp_path / "mute.mkv", seconds=1)
    assert heard.seconds == 1 and not heard.samples.any() and heard.trouble == "longer than 1 s, read to there"
    assert read_sound(tmp_path / "mute.mkv").seconds == pytest.approx(3, abs=0.01)


def test_a_rate_above_that_of_the_file_repeats_frames(tmp_path: Path) -> None:
    frames = read_frames(write_video(tmp_path / "slow.mp4", 1, fps=5), fps=20)
    assert len(frames.pictures) == 20 and len({id(picture) for picture in frames.pictures}) == 5


def test_a_frame_is_turned_as_its_file_says(tmp_path: Path) -> None:
    frames = read_frames(turn(write_video(tmp_path / "turned.mp4", 1)), fps=1)
    assert frames.pictures[0].size == (SIZE[1], SIZE[0])
    red = np.asarray(frames.pictures[0]).astype(int)[3, SIZE[1] - 4]  # the left upper corner is now the right one
    assert red[0] > 150 and red[1] < 90
    info = inspect_video(tmp_path / "turned.mp4")
    assert (info.width, info.height, info.turn) == (64, 96, 270)


def test_frames_can_be_shrunk_by_their_shorter_side(tmp_path: Path) -> None:
    assert read_frames(write_video(tmp_path / "any.mp4", 1), 1, side=32).pictures[0].size == (48, 32)
    assert read_frames(tmp_path / "any.mp4", 1, side=500).pictures[0].size == SIZE


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_channels_of_a_sound_are_their_mean(tmp_path: Path, channels: int) -> None:
    samples = tone(1)
    path = write_sound(tmp_path / "many.wav", np.stack([samples] * channels))
    assert np.abs(read_sound(path).samples - samples).max() < 1e-4
    one_of_two = np.stack([samples, np.zeros_like(samples)])
    assert np.abs(read_sound(write_sound(path, one_of_two)).samples - samples / 2).max() < 1e-4


def test_a_sound_of_another_rate_is_resampled(tmp_path: Path) -> None:
    at_44k = write_sound(tmp_path / "fast.wav", tone(1, rate=44_100), rate=44_100)
    sound = read_sound(at_44k)
    assert abs(len(sound.samples) - RATE) <= 2
    assert np.abs(sound.samples[500:15_000] - tone(1)[500:15_000]).max() < 0.01
    assert read_sound(at_44k, rate=8_000).rate == 8_000


def junk(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


def fast_start(path: Path) -> Path:
    return write_video(path, 2, sound=tone(2), options={"movflags": "faststart"})


# What is drawn, the file's name, then of its sound and its picture: seconds and trouble, or a problem; None: not asked.
Expected = tuple[float, str] | str | None
HOSTILE: dict[str, tuple[Callable[[Path], Path], str, Expected, Expected]] = {
    "turned by a telephone": (lambda p: turn(write_video(p)), "a.mp4", "no sound in it", (2, "")),
    "of a varying rate": (lambda p: write_video(p, times=[0, 0.1, 0.9, 1.8]), "a.mkv", "no sound in it", (2.6, "")),
    "8-bit mono": (lambda p: write_sound(p, tone(1), "pcm_u8"), "a.wav", (1, ""), "no picture in it"),
    "cut, index in front": (lambda p: cut(fast_start(p), 0.6), "a.mp4", (1, "ends 1.0 s before"), (1.1, "ends 0.9 s")),
    "cut, index at the end": (lambda p: cut(write_video(p), 0.6), "a.mp4", "without an index", "without an index"),
    "a cut WAV": (lambda p: cut(write_sound(p, tone(2)), 0.5), "a.wav", (1, "cut off, 32,0"), None),
    "scratched": (lambda p: scratch(write_sound(p, tone(2))), "a.mp3", (1.95, "damaged in places"), None),
    "zero bytes": (junk(b""), "a.mp4", "empty", "empty"),
    "zeros": (junk(bytes(9_999)), "a.mp4", "zeros only, no clip", "zeros only, no clip"),
    "noise": (junk(np.random.default_rng(0).bytes(50_000)), "a.mp4", "not a clip", "not a clip"),
    "a web page": (junk(b"<!DOCTYPE html><html>"), "a.mp4", "a web page, no clip", "a web page, no clip"),
    "a playlist": (junk(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), "a.mp4", "a playlist", "a playlist"),
    "a list to be joined": (junk(b"ffconcat version 1.0\nfile b.wav\n"), "a.mp4", "a playlist", "a playlist"),
    "a script": (junk(b"#!/bin/sh\nrm -r .\n"), "a.wav", "a script, no clip", "a script, no clip"),
    "a pointer of Git LFS": (junk(b"version https://git-lfs.github.com/spec/v1\n"), "a.wav", "a pointer of Git", None),
    "an image": (lambda p: square(0).save(p, format="PNG") or p, "a.mp4", "not a clip", "not a clip"),
    "a frame as wide as 8K": (
        lambda p: write_video(p, times=[0], size=(7680, 1280)),
        "a.mp4",
        None,
        "7680x1280 pixels, over",
    ),
    "a thousand streams": (write_streams, "a.mov", "more than 64 streams", "more than 64 streams"),
    "an unusual coding": (lambda p: write_video(p, codec="huffyuv", pix_fmt="yuv422p"), "a.avi", None, "not read here"),
    "the cover of a song": (lambda p: with_cover(write_sound(p, tone(1)), square(0)), "a.mp3", (1, ""), "no picture"),
    "numbers that are none": (
        lambda p: wav(p, np.array([np.nan, np.inf, 0.5, -9] * 4_000, np.float32).tobytes(), 3, 32),
        "a.wav",
        (1, "samples that are no numbers"),
        None,
    ),
    "extra chunks": (
        lambda p: wav(p, bytes(32_000), extra=b"LIST\x04\0\0\0INFO" + b"junk\x02\0\0\0ab"),
        "a.wav",
        (1, ""),
        None,
    ),
    "a header alone": (lambda p: wav(p, b""), "a.wav", "no sound that can be read", None),
    "a header that lies": (lambda p: wav(p, bytes(3_200), size=2**31), "a.wav", (0.1, ""), None),
    "shorter than a frame": (lambda p: write_sound(p, tone(0.01)), "a.wav", (0.01, ""), None),
    "a single picture": (lambda p: write_video(p, times=[0]), "a.mp4", None, (0.1, "")),
    "two sound tracks": (lambda p: write_video(p, sound=[tone(2), tone(1)]), "a.mkv", (2, ""), (2, "")),
    "sound that ends early": (lambda p: write_video(p, sound=tone(1)), "a.mp4", (1, ""), (2, "")),
    "named otherwise": (lambda p: write_sound(p, tone(1), "flac", format="flac"), "a.txt", (1, ""), None),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_and_odd_clips(tmp_path: Path, what: str) -> None:
    draw, name, heard, seen = HOSTILE[what]
    path = draw(tmp_path / name)
    for info, expected in ((inspect_sound(path), heard), (inspect_video(path), seen)):
        if isinstance(expected, str):
            assert info.problem is not None and expected in info.problem and "\n" not in info.problem
        elif expected is not None:
            assert info.problem is None and info.seconds == pytest.approx(expected[0], abs=0.13)
            assert expected[1] in info.trouble if expected[1] else info.trouble == ""


def test_an_hour_of_silence_is_read_as_far_as_clips_may_go(tmp_path: Path) -> None:
    info = inspect_sound(wav(tmp_path / "hour.wav", b"\x80" * (3600 * 4000), bits=8, rate=4000))
    assert info.seconds == MAX_SECONDS and info.peak == 0 and info.print is None
    assert info.trouble == "longer than 600 s, read to there"


def test_what_is_read_can_be_limited_in_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "any.mp4", 2, sound=tone(2))
    assert read_sound(path, seconds=0.5).seconds == 0.5
    assert read_frames(path, fps=10, seconds=0.5).times.max() < 0.5


def test_a_sound_whose_time_stands_still_is_read_no_further_than_others(tmp_path: Path) -> None:
    with av.open(tmp_path / "still.mkv", "w") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((tone(5)[None] * 32_767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            packet.pts = packet.dts = 0
            container.mux(packet)
    assert read_sound(tmp_path / "still.mkv").seconds == 5
    sound = read_sound(tmp_path / "still.mkv", seconds=2)
    assert sound.seconds == 2 and sound.trouble == "longer than 2 s, read to there"


def test_a_damaged_file_gives_the_frames_before_the_damage(tmp_path: Path) -> None:
    frames = read_frames(cut(fast_start(tmp_path / "cut.mp4"), 0.6), fps=10)
    assert 8 <= len(frames.pictures) <= 12 and "before it says" in frames.trouble
    assert [place(picture) for picture in frames.pictures[:5]] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.05)


@pytest.mark.parametrize("read", [read_sound, lambda path: read_frames(path, 1)])
def test_what_is_not_there_cannot_be_read(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(Unreadable, match="no such file"):
        read(tmp_path / "gone.mp4")


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    write_sound(tmp_path / "secret.wav", tone(1))
    for start in ("ffconcat version 1.0\nfile ", "#EXTM3U\n#EXTINF:1,\n"):
        content = f"{start}{tmp_path}/secret.wav\n"
        (tmp_path / "list.wav").write_text(content)
        with pytest.raises(Unreadable, match="a playlist, no clip"):
            read_sound(tmp_path / "list.wav")
