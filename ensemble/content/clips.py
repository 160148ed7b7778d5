"""Opening sounds and moving pictures that strangers posted: the only door through which such files come in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.stream import Disposition
from PIL import Image

from ensemble.content.file_kinds import HEAD, SOUND, VIDEO, what_starts, why_no_file
from ensemble.content.images import Unreadable

F = TypeVar("F", av.AudioFrame, av.VideoFrame)
Samples = npt.NDArray[np.float32]  # (samples,) of one channel, -1 to 1
Stream = av.AudioStream | av.VideoStream
Timed = tuple[float, float, F]  # when a frame begins and ends, in seconds from the clip's begin

# Formats that hold their content themselves; no playlist and no script, which would open other files.
FORMATS = "mov,mp4,matroska,webm,avi,wav,mp3,flac,ogg"
DECODERS = {
    "picture": "h264,hevc,vp8,vp9,av1,libdav1d,mpeg4,msmpeg4,msmpeg4v2,mpeg1video,mpeg2video,h263,mjpeg,theora,prores,"
    "ffv1,rawvideo",
    "sound": "aac,mp3,mp3float,mp2,mp2float,flac,vorbis,opus,libopus,alac,ac3,eac3,amrnb,amrwb,adpcm_ms,adpcm_ima_wav,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,"
    "pcm_alaw,pcm_mulaw",
}
RATE = 16_000  # samples a second: what speech encoders are trained on
MAX_BYTES = 2_000_000_000
MAX_SECONDS = 600.0
MAX_PIXELS = 4096 * 2304  # of one frame
MAX_PICTURES = 1_000_000_000  # bytes of all frames that are read at once
MAX_STREAMS = 64
MAX_PACKETS = 400_000
MAX_CHANNELS = 64
STREAMED = 2**31 - 1  # what writes a file without knowing its end says so, or more
MISSED = 0.5  # seconds that may be missing at the end before a file is called cut off
SAME = 1e-6  # seconds: time stamps are rounded


@dataclass(frozen=True)
class Clip:
    """An open file. ``origin`` is where its time begins, in seconds of its own clock; ``trouble`` fills while it is
    read with what was lost."""

    container: InputContainer
    sound: av.AudioStream | None
    picture: av.VideoStream | None
    trouble: list[str] = field(default_factory=list)

    @property
    def origin(self) -> float:
        return (self.container.start_time or 0) / av.time_base

    def lost(self, what: str) -> None:
        if what not in self.trouble:
            self.trouble.append(what)


@dataclass(frozen=True)
class Sound:
    """Mono ``samples`` from the clip's begin, ``rate`` a second; ``trouble`` says what of the file was lost, "" if
    nothing."""

    samples: Samples
    rate: int
    trouble: str

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Frames:
    """Upright RGB ``pictures``, what is on the screen at ``times``, (frames,) seconds from the clip's begin."""

    times: npt.NDArray[np.float64]
    pictures: Sequence[Image.Image]
    trouble: str


@contextmanager
def open_clip(path: Path) -> Iterator[Clip]:
    """A file by its content, whatever it is called; of several tracks the one that players choose. Pictures that only
    adorn a sound are none.

    Raises Unreadable for what is no clip, has too many streams, or is damaged from the first byte on.
    """
    try:
        with path.open("rb") as file:  # without a name, so that nothing else can be opened
            if not file.seek(0, 2):
                raise Unreadable("an empty file")
            if file.tell() > MAX_BYTES:
                raise Unreadable(f"over {MAX_BYTES:,} bytes")
            missing = _missing(file)
            options = {"format_whitelist": FORMATS, "protocol_whitelist": ""}
            options["codec_whitelist"] = ",".join(DECODERS.values())
            with av.open(file, options=options, metadata_errors="replace") as container:
                if len(container.streams) > MAX_STREAMS:
                    raise Unreadable(f"more than {MAX_STREAMS} streams")
                sound, picture = (container.streams.best(kind) for kind in ("audio", "video"))
                if picture is not None and picture.disposition & Disposition.attached_pic:
                    picture = None
                tracks = cast(av.AudioStream | None, sound), cast(av.VideoStream | None, picture)
                clip = Clip(cast(InputContainer, container), *tracks)
                if missing > 1:  # a byte may pad
                    clip.lost(f"cut off, {missing:,} bytes are missing")
                yield clip
    except FileNotFoundError as error:
        raise Unreadable(why_no_file(path, "a clip")) from error
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise Unreadable(_reason(path, error)) from error


def _missing(file: BinaryIO) -> int:
    """Bytes that a WAV or AVI file says it has and has not; its decoder does not mind."""
    size = file.tell()
    file.seek(0)
    head = file.read(8)
    file.seek(0)
    said = int.from_bytes(head[4:], "little")
    return said + 8 - size if head[:4] == b"RIFF" and said < STREAMED else 0


def sound_of(clip: Clip) -> av.AudioStream:
    """The clip's sound, ready to be decoded; raises Unreadable where it has none, or one that is not read here."""
    if clip.sound is None:
        raise Unreadable("no sound in it")
    _prepare(clip.sound, "sound")
    channels = clip.sound.codec_context.channels
    if not 0 < channels <= MAX_CHANNELS:
        raise Unreadable(f"{channels} channels, over the limit of {MAX_CHANNELS}")
    return clip.sound


def picture_of(clip: Clip) -> av.VideoStream:
    """The clip's picture, ready to be decoded; raises Unreadable where it has none, or one that is not read here."""
    if clip.picture is None:
        raise Unreadable("no picture in it")
    _prepare(clip.picture, "picture")
    coder = clip.picture.codec_context
    check_size(coder.width, coder.height)
    coder.options = {"max_pixels": str(MAX_PIXELS)}
    return clip.picture


def _prepare(stream: Stream, kind: str) -> None:
    coder = stream.codec_context
    if coder is None or coder.name not in DECODERS[kind].split(","):
        raise Unreadable(f"its {kind} is in {'an unknown coding' if coder is None else coder.name}, not read here")
    coder.thread_count = 1  # files are decoded side by side


def check_size(width: int, height: int) -> None:
    """Raises Unreadable for a frame of too many pixels."""
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{width}x{height} pixels, over the limit of {MAX_PIXELS:,}")


def packets(clip: Clip, stream: Stream) -> Iterator[Any]:
    """The packets of one stream as far as they come, the empty one that ends it among them."""
    count = 0
    demuxed = clip.container.demux(stream)
    while True:
        try:
            packet = next(demuxed)
        except StopIteration:
            return
        except (av.FFmpegError, ValueError):
            clip.lost("cut off or damaged")
            return
        yield packet
        count += 1
        if count >= MAX_PACKETS:
            clip.lost(f"over {MAX_PACKETS:,} packets, read to there")
            return


def decoded(clip: Clip, stream: Stream, limit: float) -> Iterator[Timed[Any]]:
    """``(begin, end, frame)`` of what can be decoded, in seconds from the clip's begin: the first, and up to ``limit``.

    Times never go back, whatever the stamps say; a frame without a stamp follows on the last one."""
    now, damaged, begin = 0.0, 0, -np.inf
    for frame in _frames(clip, stream):
        if frame is None:
            damaged += 1
            continue
        damaged += frame.is_corrupt
        stamp, is_first = now if frame.time is None else frame.time - clip.origin, begin == -np.inf
        begin = stamp if is_first else max(stamp, begin)
        now = begin + _length(frame, stream)
        if begin < limit or is_first:
            yield begin, now, frame
        if begin >= limit:
            clip.lost(f"longer than {limit:g} s, read to there")
            break
    else:
        check_end(clip, stream, now)
    if damaged:
        clip.lost("damaged in places")


def _frames(clip: Clip, stream: Stream) -> Iterator[av.frame.Frame | None]:
    """Frames, and None for what could not be decoded."""
    for packet in packets(clip, stream):
        try:
            yield from packet.decode()
        except (av.FFmpegError, ValueError):
            yield None
    with suppress(av.FFmpegError, ValueError):  # what the decoder still holds of a file that was cut off
        yield from stream.codec_context.decode(None)


def _length(frame: av.frame.Frame, stream: Stream) -> float:
    if isinstance(frame, av.AudioFrame):
        return frame.samples / frame.sample_rate
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    rate = stream.average_rate if isinstance(stream, av.VideoStream) else None
    return 1 / float(rate) if rate else 0.04


def check_end(clip: Clip, stream: Stream, end: float) -> None:
    """Note where a stream that ended should have gone on, in the words of its file."""
    if not stream.duration or not stream.time_base or clip.trouble:
        return
    missing = float(((stream.start_time or 0) + stream.duration) * stream.time_base) - clip.origin - end
    if missing > MISSED:
        clip.lost(f"ends {missing:.1f} s before it says")


def _reason(path: Path, error: Exception) -> str:
    """Why a file was refused, as far as its first bytes tell."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as closed:
        return f"cannot be read ({closed.strerror})"
    what = what_starts(head)
    if what not in (None, VIDEO, SOUND):
        return f"{what}, no clip"
    if head[4:8] == b"ftyp":
        return "without an index that can be read: cut off, or damaged"
    return "not a clip that can be read"
