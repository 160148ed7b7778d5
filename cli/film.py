"""Writing a small film: pictures and a sound as an MP4 file, with the codecs that PyAV has here."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

PICTURE_CODECS = ("libx264", "mpeg4")  # the first that is there; H.264 is not in every build
BIT_RATES = {"picture": 200_000, "sound": 48_000}


def write_film(
    path: Path, pictures: Sequence[Image.Image], fps: int, samples: npt.NDArray[np.float32] | None, rate: int = 16_000
) -> None:
    """``pictures`` of one size, its sides even, ``fps`` a second; ``samples``, (samples,) from -1 to 1, ``rate`` a
    second, None for a film without sound. The same bytes for the same content."""
    with av.open(path, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        # A quantiser that stays: what x264 does by bit rate differs from call to call.
        picture = cast(av.VideoStream, container.add_stream(_picture_codec(), rate=fps, options={"qp": "24"}))
        picture.width, picture.height = pictures[0].size
        picture.pix_fmt, picture.bit_rate = "yuv420p", BIT_RATES["picture"]
        picture.codec_context.thread_count = 1
        sound = None if samples is None else container.add_stream("aac", rate=rate, layout="mono")
        for number, each in enumerate(pictures):
            frame = av.VideoFrame.from_image(each)  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if sound is not None and samples is not None:
            sound.bit_rate = BIT_RATES["sound"]
            heard = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            heard.sample_rate, heard.pts = rate, 0
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate, frame_size=1024)  # as AAC wants it
            for piece in [*resampler.resample(heard), *resampler.resample(None)]:
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))


def _picture_codec() -> str:
    for name in PICTURE_CODECS[:-1]:
        try:
            av.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    return PICTURE_CODECS[-1]
