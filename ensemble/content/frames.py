"""Frames of moving pictures by their time, never by their number: rates vary, and files are cut."""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import av
import numpy as np
from PIL import Image

from ensemble.content.clips import (
    MAX_PICTURES,
    MAX_SECONDS,
    SAME,
    Frames,
    Timed,
    check_size,
    decoded,
    open_clip,
    picture_of,
)
from ensemble.content.images import Unreadable

TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


def read_frames(path: Path, fps: float, side: int | None = None, seconds: float = MAX_SECONDS) -> Frames:
    """What is on the screen at 0, 1 / fps, 2 / fps, ... until the picture ends, at least one frame.

    With ``side``, frames are shrunk until their shorter side has that many pixels. Of a damaged file, and of one longer
    than ``seconds``, there is what came. Raises Unreadable where nothing came.
    """
    times: list[float] = []
    pictures: list[Image.Image] = []
    size, before = 0, None
    with open_clip(path) as clip:
        frames = decoded(clip, picture_of(clip), seconds)
        for time, frame in shown(frames, (step / fps for step in count()), seconds):
            pictures.append(pictures[-1] if frame is before else upright(frame, side))
            times.append(time)
            size, before = size + 3 * pictures[-1].width * pictures[-1].height, frame
            if size > MAX_PICTURES:
                clip.lost(f"over {MAX_PICTURES:,} bytes of frames, read to there")
                break
        trouble = "; ".join(clip.trouble)
    if not times:
        raise Unreadable(f"no frame that can be read ({trouble or 'none is there'})")
    return Frames(np.array(times), pictures, trouble)


def shown(
    frames: Iterable[Timed[av.VideoFrame]], times: Iterator[float], limit: float
) -> Iterator[tuple[float, av.VideoFrame]]:
    """What is on the screen at each of ascending ``times``; before the first frame, that one. A single time past the
    end gets the last frame."""
    last: av.VideoFrame | None = None
    wanted, yielded, stop = next(times), False, 0.0
    for begin, end, frame in frames:
        while last is not None and wanted < begin - SAME:
            yield wanted, last
            wanted, yielded = next(times, np.inf), True
        if wanted == np.inf:
            return
        last, stop = frame, min(end, limit)
    while last is not None and (wanted < stop - SAME or not yielded):
        yield wanted, last
        wanted, yielded = next(times, np.inf), True


def turn_of(frame: av.VideoFrame) -> int:
    """By how many degrees a frame is to be turned to the left, in quarters."""
    return round(frame.rotation / 90) * 90 % 360


def upright(frame: av.VideoFrame, side: int | None = None) -> Image.Image:
    """RGB, turned as its file says. Raises Unreadable for too many pixels."""
    check_size(frame.width, frame.height)
    picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    turn = turn_of(frame)
    if side is not None and min(picture.size) > side:
        scale = side / min(picture.size)
        size = (max(side, round(picture.width * scale)), max(side, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return picture.transpose(TURNS[turn]) if turn else picture
