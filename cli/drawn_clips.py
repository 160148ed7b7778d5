"""Small drawn clips for the demo and the tests: a face that smiles or frowns, a tone that rises or falls, a caption.

Sentiment is a number from -3 to 3 to which face, tone and words add, each for itself; how much each adds makes the
world. Every speaker has a colour, a ground and a pitch of its own and is a group. Some clips are copies of others, some
lack a modality.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw

from cli.film import write_film
from cli.memes import ANYTHING, COMPLAINT, PRAISE

Floats = npt.NDArray[np.float32]

# By which of the three decides: how much face, tone and words add to a sentiment.
WORLDS = {"all": (1.2, 1.2, 1.2), "face": (2.4, 0.4, 0.4), "tone": (0.4, 2.4, 0.4)}
NOISE = 0.3  # raters differ
SECONDS, FPS, RATE, SIDE = 1.6, 10, 16_000, 96
FEELING_WORDS = 3
OF_A_SPEAKER = 8  # clips, on average


@dataclass(frozen=True)
class Speaker:
    name: str
    skin: tuple[int, int, int]
    ground: tuple[int, int, int]
    pitch: float  # hertz


@dataclass(frozen=True)
class Clip:
    """``face``, ``tone`` and ``words`` are from -1, frowning, falling, complaining, to 1; ``seed`` is of all else."""

    speaker: Speaker
    face: float
    tone: float
    words: float
    caption: str
    seed: int


def invent(speakers: Sequence[Speaker], random: np.random.Generator) -> Clip:
    glad = int(random.integers(FEELING_WORDS + 1))
    feeling = [*random.choice(PRAISE, glad, replace=False), *random.choice(COMPLAINT, FEELING_WORDS - glad, False)]
    words = [*feeling, *random.choice(ANYTHING, size=4, replace=False)]
    random.shuffle(words)
    face, tone = random.uniform(-1, 1, 2)
    speaker = speakers[int(random.integers(len(speakers)))]
    return Clip(speaker, face, tone, 2 * glad / FEELING_WORDS - 1, " ".join(words), int(random.integers(2**31)))


def invent_speakers(count: int, random: np.random.Generator) -> list[Speaker]:
    speakers = []
    for number in range(count):
        skin = int(random.integers(200, 255)), int(random.integers(170, 225)), int(random.integers(60, 150))
        red, green, blue = random.integers(80, 140, 3).tolist()
        pitch = float(random.uniform(260, 380))
        speakers.append(Speaker(f"speaker{number + 1:02d}", skin, (red, green, blue), pitch))
    return speakers


def rate(clips: Sequence[Clip], world: str, random: np.random.Generator) -> list[float]:
    """The sentiment of each, to a tenth."""
    parts = np.array([[clip.face, clip.tone, clip.words] for clip in clips])
    sums = parts @ np.array(WORLDS[world]) + random.normal(0, NOISE, len(clips))
    sentiments: list[float] = (np.round(np.clip(sums, -3, 3) * 10) / 10 + 0.0).tolist()
    return sentiments


def draw_frames(clip: Clip) -> list[Image.Image]:
    """The frames: a head that sways, a mouth and brows that show the feeling more and more."""
    random = np.random.default_rng(clip.seed)
    sway, phase = random.uniform(1, 3), random.uniform(0, 2 * np.pi)
    x, y, radius = random.uniform(45, 51), random.uniform(46, 50), random.uniform(32, 36)
    room = _room(clip.speaker.ground, random)
    frames = []
    for number in range(round(SECONDS * FPS)):
        moved = x + sway * math.sin(phase + 2 * math.pi * number / FPS)
        shown = clip.face * (0.6 + 0.4 * number / (SECONDS * FPS))
        frames.append(_face(room.copy(), clip.speaker, shown, (moved, y), radius))
    return frames


def _room(ground: tuple[int, int, int], random: np.random.Generator) -> Image.Image:
    """What stands behind a speaker: no two clips are of one picture."""
    image = Image.new("RGB", (SIDE, SIDE), ground)
    pen = ImageDraw.Draw(image)
    for left, top, width, height in random.integers(-10, SIDE, (6, 4)):
        shade = int(random.integers(-30, 30))
        colour = tuple(value + shade for value in ground)
        pen.rectangle((left, top, left + 8 + width // 3, top + 8 + height // 3), fill=colour)
    return image


def _face(
    image: Image.Image, speaker: Speaker, feeling: float, centre: tuple[float, float], radius: float
) -> Image.Image:
    pen, (x, y) = ImageDraw.Draw(image), centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=speaker.skin, outline="black")
    for side in (-1, 1):
        eye = x + side * 0.4 * radius
        pen.ellipse((eye - 3, y - 12, eye + 3, y - 6), fill="black")
        pen.line((eye - 6, y - 18 + side * feeling * -4, eye + 6, y - 18 + side * feeling * 4), fill="black", width=2)
    at = np.linspace(-1, 1, 13)
    mouth = [(x + across * radius * 0.6, y + 0.45 * radius + feeling * 14 * (0.5 - across**2)) for across in at]
    pen.line(mouth, fill="black", width=4)
    return image


def speak(clip: Clip) -> Floats:
    """(samples,) of a voice: syllables of a gliding tone and its overtones, pauses between them, a little noise."""
    random = np.random.default_rng(clip.seed + 1)
    at = np.arange(round(SECONDS * RATE)) / RATE
    pitch = clip.speaker.pitch * 2 ** (clip.tone * at / SECONDS + random.normal(0, 0.03))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(random.uniform(0.3, 1) / harmonic * np.sin(harmonic * phase) for harmonic in (1, 2, 3, 4))
    ends = np.cumsum(random.uniform(0.08, 0.35, 24))
    loud = np.where(np.searchsorted(ends, at) % 2, random.uniform(0, 0.15), 1.0)
    loud = np.convolve(loud, np.hanning(800) / np.hanning(800).sum(), mode="same")
    return (0.3 * voice * loud + random.normal(0, 0.01, len(at))).astype(np.float32)


def draw_clips(folder: Path, clips: int, world: str = "all", new: int = 12, seed: int = 0) -> list[Clip]:
    """Write ``clips.csv``, ``test.csv``, ``new.csv`` and ``films/`` below ``folder``; returns the first ones.

    About 3 % of clips are copies of an earlier one, under another name; a few lack their caption, their film or its
    sound. Those of ``test.csv`` and ``new.csv`` are of speakers who are nowhere else, and have no sentiment.
    """
    random = np.random.default_rng(seed)
    (folder / "films").mkdir(parents=True)
    speakers = invent_speakers(max(12, clips // OF_A_SPEAKER), random)
    apart = len(speakers) // 6  # of whom nothing is learned
    made = [invent(speakers[:-apart], random) for _ in range(clips)]
    unknown = [invent(speakers[-apart:], random) for _ in range(max(10, clips // 10) + new)]
    copied = random.choice(np.arange(10, clips), size=clips // 33, replace=False)
    sentiments = rate(made, world, random)
    for row in copied:
        made[row], sentiments[row] = made[row - 7], sentiments[row - 7]
    rows = [_row(folder, number, clip) for number, clip in enumerate([*made, *unknown])]
    for row in random.choice(clips, size=max(2, clips // 50), replace=False):
        rows[row]["caption" if row % 2 else "file"] = ""
    table = pd.DataFrame(rows).assign(sentiment=pd.Series(sentiments))
    table.iloc[:clips].to_csv(folder / "clips.csv", index=False)
    table.iloc[clips:-new].drop(columns="sentiment").to_csv(folder / "test.csv", index=False)
    table.iloc[-new:].drop(columns=["sentiment", "speaker"]).to_csv(folder / "new.csv", index=False)
    return made


def _row(folder: Path, number: int, clip: Clip) -> dict[str, str]:
    """Every fiftieth film has no sound."""
    heard = None if number % 50 == 49 else speak(clip)
    name = f"clip_{number:04d}"
    write_film(folder / "films" / f"{name}.mp4", draw_frames(clip), FPS, heard, RATE)
    return {"name": name, "file": f"{name}.mp4", "caption": clip.caption, "speaker": clip.speaker.name}
