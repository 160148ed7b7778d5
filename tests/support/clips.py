"""Small sounds and videos, drawn: a tone that rises, a square that moves; and files that are none, or damaged ones."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

RATE = 16_000
SIZE = (96, 64)  # width, height

Floats = npt.NDArray[np.float32]


def tone(seconds: float, start: float = 200.0, end: float = 1200.0, rate: int = RATE, loud: float = 0.5) -> Floats:
    """(samples,) of a tone that glides from one frequency to the other, five beats a second."""
    at = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (start * at + (end - start) * at**2 / (2 * seconds))
    return (loud * np.sin(phase) * (0.6 + 0.4 * np.sin(2 * np.pi * 5 * at))).astype(np.float32)


def square(time: float, size: tuple[int, int] = SIZE, seed: int = 0) -> Image.Image:
    """A white square on a dark picture, the farther right the later; the picture's left upper corner is red."""
    width, height = size
    noise = np.random.default_rng(seed).integers(20, 60, size=(64, 96, 3), dtype=np.uint8)
    pixels = np.tile(noise, (height // 64 + 1, width // 96 + 1, 1))[:height, :width]
    left = round(min(time, 3.0) / 3 * (width - 16))
    pixels[height // 2 - 8 : height // 2 + 8, left : left + 16] = 255
    pixels[: height // 4, : width // 4] = (220, 20, 20)
    return Image.fromarray(pixels)


def write_sound(path: Path, samples: Floats, codec: str = "", rate: int = RATE, format: str | None = None) -> Path:
    """Samples, (samples,) or (channels, samples), in the format of the file's name."""
    usual = {".wav": "pcm_s16le", ".flac": "flac", ".mp3": "mp3", ".ogg": "libopus", ".m4a": "aac"}
    with av.open(path, "w", format=format) as container:
        _add_sound(container, samples, codec or usual.get(path.suffix, "aac"), rate)
    return path


def write_video(
    path: Path,
    seconds: float = 2.0,
    fps: int = 10,
    sound: Floats | Sequence[Floats] | None = None,
    times: Sequence[float] | None = None,
    size: tuple[int, int] = SIZE,
    codec: str = "",
    first: float = 0.0,
    seed: int = 0,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    draw: Callable[[float, tuple[int, int], int], Image.Image] = square,
) -> Path:
    """A square that moves, with a ``sound`` (or several); ``times`` of its frames where they are not even."""
    codec = codec or ("libvpx" if path.suffix == ".webm" else "mpeg4")
    with av.open(path, "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=fps, width=size[0], height=size[1], pix_fmt=pix_fmt)
        stream.bit_rate, stream.codec_context.gop_size = 400_000, 5
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000 if times else fps)
        tracks = [] if sound is None else [sound] if isinstance(sound, np.ndarray) else list(sound)
        made = [_stream(container, "libopus" if path.suffix == ".webm" else "aac", 48_000) for _ in tracks]
        for at in times if times is not None else np.arange(round(seconds * fps)) / fps:
            frame = av.VideoFrame.from_image(draw(float(at), size, seed))
            frame.pts = round((float(at) + first) / float(stream.time_base))
            frame.time_base = stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for track, samples in zip(made, tracks, strict=True):
            _fill(container, track, samples, RATE)
    return path


def _add_sound(container: av.container.OutputContainer, samples: Floats, codec: str, rate: int) -> None:
    channels = "mono" if samples.ndim == 1 else {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    _fill(container, _stream(container, codec, 48_000 if codec == "libopus" else rate, channels), samples, rate)


def _stream(container: av.container.OutputContainer, codec: str, rate: int, layout: str = "mono") -> av.AudioStream:
    stream = container.add_stream(codec, rate=rate, layout=layout)
    stream.bit_rate = 64_000
    return stream


def _fill(container: av.container.OutputContainer, stream: av.AudioStream, samples: Floats, rate: int) -> None:
    coder = stream.codec_context
    coder.open(strict=False)
    frame = av.AudioFrame.from_ndarray(np.atleast_2d(samples), format="fltp", layout=coder.layout.name)
    frame.sample_rate = rate
    size = coder.frame_size or None
    resampler = av.AudioResampler(format=coder.format.name, layout=coder.layout.name, rate=coder.rate, frame_size=size)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def turn(path: Path) -> Path:
    """Say in an MP4 file that its picture is to be turned by a quarter, as telephones do."""
    raw = path.read_bytes()
    at = raw.index(b"tkhd") + 4 + 40  # behind version, times, layer, volume: the matrix
    one = 0x10000
    matrix = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(raw[:at] + matrix + raw[at + 36 :])
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first part of a file, as a broken download does."""
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    return path


def scratch(path: Path, share: float = 0.5, size: int = 400) -> Path:
    """Overwrite some bytes in the middle of a file."""
    raw = bytearray(path.read_bytes())
    at = int(len(raw) * share)
    raw[at : at + size] = b"\x55" * len(raw[at : at + size])
    path.write_bytes(raw)
    return path


def wav(
    path: Path, data: bytes, form: int = 1, bits: int = 16, rate: int = RATE, extra: bytes = b"", size: int = -1
) -> Path:
    """A WAV file by hand: ``form`` 1 is whole numbers, 3 floats; ``size`` is what its header says of the data."""
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, form, 1, rate, rate * bits // 8, bits // 8, bits)
    body = b"WAVE" + head + extra + struct.pack("<4sI", b"data", len(data) if size < 0 else size) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def with_cover(path: Path, cover: Image.Image) -> Path:
    """Put an ID3 tag with a picture in front of an MP3 file."""
    buffer = BytesIO()
    cover.save(buffer, format="JPEG")
    content = b"\0image/jpeg\0\x03\0" + buffer.getvalue()
    frame = b"APIC" + struct.pack(">IH", len(content), 0) + content
    length = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\0\0" + length + frame + path.read_bytes())
    return path


def write_streams(path: Path, count: int = 1000) -> Path:
    """A file of very many sound tracks."""
    with av.open(path, "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(count)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 16), dtype=np.int16), format="s16", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
    return path
