"""Sounds as one channel of samples, and small pictures of them by which copies are told."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from ensemble.content.clips import MAX_SECONDS, RATE, Clip, Samples, Sound, decoded, open_clip, sound_of
from ensemble.content.images import Unreadable
from ensemble.modalities import Pairs

BANDS, COLUMNS = 24, 128  # of a fingerprint: frequency by time
WINDOW, LOWEST, HIGHEST = 512, 100.0, 3500.0  # samples, hertz: what MP3 and telephones keep
DEPTH = 30.0  # decibels below the loudest that still count
FLAT = 1.0  # decibels: with less contrast there is nothing to compare
LENGTHS = 0.03, 0.15  # by what share, and by how many seconds, lengths of copies may differ: codecs pad
SHIFTS = (-1, 0, 1)  # columns
# Correlation from which on two sounds are copies. Of the 258,840 pairs of RAVDESS, where a speaker says one sentence in
# many ways, none has more than 0.895; its clips as MP3, AAC, Opus at 16 to 32 kbit/s or at 8 kHz have 0.918 or more.
COPIED = 0.91
CHUNK = 512

Seconds = npt.NDArray[np.float64]
Prints = npt.NDArray[np.uint8]  # (rows, BANDS, COLUMNS)


def read_sound(path: Path, rate: int = RATE, seconds: float = MAX_SECONDS) -> Sound:
    """The mean of all channels at ``rate`` samples a second, from the clip's begin: where a video's sound begins later
    than its picture, silence comes first.

    Of a damaged file, and of one longer than ``seconds``, there is what came. Raises Unreadable where nothing came.
    """
    with open_clip(path) as clip:
        pieces = list(_pieces(clip, rate, seconds))
        samples = np.concatenate([np.empty(0, dtype=np.float32), *pieces])[: round(seconds * rate)]
        if not np.isfinite(samples).all():
            clip.lost("samples that are no numbers")
        trouble = "; ".join(clip.trouble)
    if not len(samples):
        raise Unreadable(f"no sound that can be read ({trouble or 'none is there'})")
    return Sound(np.nan_to_num(samples).clip(-1, 1), rate, trouble)


def _pieces(clip: Clip, rate: int, seconds: float) -> Iterator[Samples]:
    """Resampled before the channels are joined: libswresample makes equal channels louder when it joins them."""
    stream = sound_of(clip)
    resampler: av.AudioResampler | None = None
    left = round((seconds + 1) * rate)  # a second more, for stamps are rounded
    for begin, _, frame in decoded(clip, stream, seconds):
        if resampler is None:
            yield np.zeros(round(min(max(0.0, begin), seconds) * rate), dtype=np.float32)
            resampler = av.AudioResampler(format="fltp", layout=None, rate=rate)  # the channels stay as they are
        try:
            resampled = resampler.resample(frame)
        except (av.FFmpegError, ValueError):
            clip.lost("changes its channels or its rate, read to there")
            break
        for piece in map(_mean, resampled):
            left -= len(piece)
            yield piece
        if left < 0:  # whose stamps stand still
            clip.lost(f"longer than {seconds:g} s, read to there")
            break
    if resampler is not None:
        yield from map(_mean, resampler.resample(None))


def _mean(frame: av.AudioFrame) -> Samples:
    return np.asarray(frame.to_ndarray().mean(axis=0, dtype=np.float32))


def fingerprint(samples: Samples) -> Prints | None:
    """(BANDS, COLUMNS) grey levels: how loud which frequency is when, whatever the volume and the tone controls; None
    of a sound without contrast. ``samples`` are RATE a second."""
    starts = np.linspace(0, max(0, len(samples) - WINDOW), 4 * COLUMNS).astype(int)
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    windows = padded[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    edges = np.geomspace(LOWEST, HIGHEST, BANDS + 1) / RATE * WINDOW
    bins = [(int(low), max(int(low) + 1, int(high))) for low, high in pairwise(edges)]
    bands = np.stack([power[:, low:high].mean(axis=1) for low, high in bins])
    columns = bands.reshape(BANDS, COLUMNS, 4).mean(axis=2)
    loud = 10 * np.log10(columns + 1e-12)
    loud = np.maximum(loud - loud.max(), -DEPTH)
    loud -= loud.mean(axis=1, keepdims=True)
    if loud.std() < FLAT:
        return None
    grey: Prints = np.round(np.clip(loud, -DEPTH, DEPTH) / DEPTH * 127 + 128).astype(np.uint8)
    return grey


def near_sounds(positions: npt.NDArray[np.int64], prints: Prints, seconds: Seconds) -> Pairs:
    """Pairs of positions whose sounds, (rows,) so long, are copies: converted, louder, of another rate."""
    order = np.argsort(seconds, kind="stable")  # so that each is compared with those of about its length
    prints, seconds, found = prints[order], seconds[order], [np.empty((0, 2), dtype=np.int64)]
    limits = seconds * (1 + LENGTHS[0]) + LENGTHS[1]
    for start in range(0, len(prints), CHUNK):
        rows = slice(start, start + CHUNK)
        stop = int(np.searchsorted(seconds, limits[rows][-1], side="right"))
        others = _normed(prints[start:stop])
        shifted = [_normed(np.roll(prints[rows], shift, axis=2)) @ others.T for shift in SHIFTS]
        left, right = np.nonzero(np.max(shifted, axis=0) >= COPIED) + np.array([[start], [start]])
        kept = (left < right) & alike_in_length(seconds[left], seconds[right])
        found.append(np.column_stack([left[kept], right[kept]]))
    pairs: Pairs = np.unique(np.sort(positions[order[np.concatenate(found)]], axis=1), axis=0)
    return pairs


def alike_in_length(shorter: Seconds, longer: Seconds) -> npt.NDArray[np.bool_]:
    """(pairs,) whether two contents may be copies by their length."""
    return np.abs(longer - shorter) <= LENGTHS[0] * np.minimum(shorter, longer) + LENGTHS[1]


def _normed(prints: Prints) -> npt.NDArray[np.float32]:
    flat = prints.reshape(len(prints), -1).astype(np.float32) - 128
    flat -= flat.mean(axis=1, keepdims=True)
    normed: npt.NDArray[np.float32] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return normed
