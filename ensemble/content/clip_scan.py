"""One look at every file of sound or moving pictures: length, rate, silence, damage, and what copies are told by."""

from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from ensemble.content.clips import (
    MAX_SECONDS,
    Clip,
    Samples,
    check_end,
    decoded,
    open_clip,
    packets,
    picture_of,
    sound_of,
)
from ensemble.content.file_scan import FileKind
from ensemble.content.frames import shown, turn_of, upright
from ensemble.content.images import Unreadable
from ensemble.content.sounds import fingerprint, read_sound
from ensemble.content.thumbnails import content_thumbnail
from ensemble.system.files import file_hash

STILLS = (1 / 6, 1 / 2, 5 / 6)  # of the length: where pictures are compared
UNEVEN = 1.5  # times the usual distance of two frames: the rate varies


@dataclass(frozen=True)
class SoundInfo:
    """Of a file's sound: ``seconds`` that came, ``rate`` and ``channels`` of the file, ``tracks`` to choose from, the
    ``peak`` (0 to 1), the ``print`` of near copies, and what was lost (``trouble``)."""

    hash: str | None = None
    seconds: float = 0.0
    rate: int = 0
    channels: int = 0
    tracks: int = 0
    peak: float = 0.0
    print: bytes | None = None
    trouble: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class VideoInfo:
    """Of a file's picture: ``seconds`` and ``frames`` that came, upright ``width`` and ``height``, the ``turn`` that
    made it so (degrees), frames a second and whether their rate ``varies``; grey levels of three ``stills`` (None of
    none); ``sound_seconds``, None without sound, and its ``print``."""

    hash: str | None = None
    seconds: float = 0.0
    frames: int = 0
    fps: float = 0.0
    varies: bool = False
    width: int = 0
    height: int = 0
    turn: int = 0
    first: bytes | None = None
    middle: bytes | None = None
    last: bytes | None = None
    sound_seconds: float | None = None
    print: bytes | None = None
    trouble: str = ""
    problem: str | None = None


def inspect_sound(path: Path) -> SoundInfo:
    """Decode a file's sound once and describe it."""
    known = None
    try:
        known = file_hash(path)
        sound = read_sound(path)
        with open_clip(path) as clip:
            coder, tracks = sound_of(clip).codec_context, len(clip.container.streams.audio)
            rate, channels = coder.sample_rate, coder.channels
    except (Unreadable, OSError) as error:
        return SoundInfo(known, problem=_said(error))
    peak = float(np.abs(sound.samples).max())
    return SoundInfo(known, sound.seconds, rate, channels, tracks, peak, _print(sound.samples), sound.trouble)


def inspect_video(path: Path) -> VideoInfo:
    """Look at the time of every frame, decode a few, and describe; of a file that has sound, that, too."""
    known = None
    try:
        known = file_hash(path)
        with open_clip(path) as clip:
            stamps, trouble, has_sound = _stamps(clip), list(clip.trouble), clip.sound is not None
        stills = _stills(path, stamps, trouble)
    except (Unreadable, OSError) as error:
        return VideoInfo(known, problem=_said(error))
    sound = inspect_sound(path) if has_sound else SoundInfo()
    trouble += [f"its sound: {reason}" for reason in (sound.trouble, sound.problem) if reason]
    (width, height), turn = stills[0][0].size, stills[0][1]
    first, middle, last = (content_thumbnail(still).tobytes() for still, _ in stills)
    return VideoInfo(
        known,
        stamps.seconds,
        len(stamps.begins),
        stamps.fps,
        stamps.varies,
        width,
        height,
        turn,
        first,
        middle,
        last,
        sound.seconds if sound.hash and not sound.problem else None,
        sound.print,
        "; ".join(trouble),
    )


def read_stills(path: Path) -> list[Image.Image]:
    """Three upright frames from the begin, the middle and the end; raises Unreadable."""
    with open_clip(path) as clip:
        stamps = _stamps(clip)
    return [still for still, _ in _stills(path, stamps, [])]


@dataclass(frozen=True)
class _Stamps:
    """When frames begin, (frames,) ascending seconds from the clip's begin, and which need no other (``keys``)."""

    begins: npt.NDArray[np.float64]
    keys: npt.NDArray[np.float64]
    last: float  # how long the last one stays

    @property
    def seconds(self) -> float:
        return float(self.begins[-1]) + self.last

    @property
    def fps(self) -> float:
        return float((len(self.begins) - 1) / np.ptp(self.begins)) if np.ptp(self.begins) else 1 / self.last

    @property
    def varies(self) -> bool:
        steps = np.diff(self.begins)
        return bool(len(steps) and steps.max() > UNEVEN * np.median(steps) + 0.002)  # Matroska rounds to milliseconds


def _stamps(clip: Clip) -> _Stamps:
    """Raises Unreadable where there is no frame."""
    stream = picture_of(clip)
    begins, keys, last = [], [], 1 / float(stream.average_rate or 25)
    for packet in packets(clip, stream):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or not packet.size or packet.time_base is None:
            continue
        begin = float(stamp * packet.time_base) - clip.origin
        if begin >= MAX_SECONDS:
            clip.lost(f"longer than {MAX_SECONDS:g} s, read to there")
            break
        begins.append(begin)
        keys += [begin] if packet.is_keyframe else []
    else:
        check_end(clip, stream, max(begins, default=0.0) + last)
    if not begins:
        raise Unreadable(f"no frame that can be read ({'; '.join(clip.trouble) or 'none is there'})")
    steps = np.diff(np.sort(begins))
    last = float(np.median(steps)) if len(steps) and np.median(steps) > 0 else last
    return _Stamps(np.sort(begins), np.sort(keys), last)


def _stills(path: Path, stamps: _Stamps, trouble: list[str]) -> list[tuple[Image.Image, int]]:
    """Three frames and how far they were turned, each decoded from the nearest key frame on; of a damaged file some may
    be the one before. Adds to ``trouble``. Raises Unreadable where there is none."""
    found: list[tuple[Image.Image, int]] = []
    for share in STILLS:
        wanted = share * stamps.seconds
        with open_clip(path) as clip:
            stream = picture_of(clip)
            key = stamps.keys[stamps.keys <= wanted].max(initial=0.0)
            if key > 0 and stream.time_base:
                with suppress(av.FFmpegError, OSError):  # then from the begin on
                    clip.container.seek(int((key + clip.origin) / stream.time_base), stream=stream)
            frames = shown(decoded(clip, stream, MAX_SECONDS), iter([wanted]), MAX_SECONDS)
            found += [(upright(frame), turn_of(frame)) for _, frame in frames] or found[-1:]
            trouble += [line for line in clip.trouble if line not in trouble]
    if not found:
        raise Unreadable(f"no frame that can be read ({'; '.join(trouble) or 'none is there'})")
    return (found * len(STILLS))[: len(STILLS)]


def _print(samples: Samples) -> bytes | None:
    made = fingerprint(samples)
    return None if made is None else made.tobytes()


def _said(error: Unreadable | OSError) -> str:
    return str(error) if isinstance(error, Unreadable) else f"cannot be read ({error.strerror})"


SOUND_FILES = FileKind(
    "audio",
    "a sound",
    "sounds",
    tuple(each.name for each in fields(SoundInfo)),
    lambda path, size: astuple(inspect_sound(path)),
    lambda problem: astuple(SoundInfo(problem=problem)),
)
VIDEO_FILES = FileKind(
    "video",
    "a video",
    "videos",
    tuple(each.name for each in fields(VideoInfo)),
    lambda path, size: astuple(inspect_video(path)),
    lambda problem: astuple(VideoInfo(problem=problem)),
)
