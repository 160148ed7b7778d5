"""Small drawn memes for the demo and the tests: a face, a caption, and labels that need both.

Sentiment is positive where face and caption are both glad, negative where both are not, neutral where they disagree;
sarcasm is praise over a sad face; feeling is a number from -3 to 3 that both raise or lower. Classes are unbalanced,
some posts are copies of others, some lack a modality.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

PRAISE = ("great", "love", "wonderful", "best", "finally", "thanks", "perfect", "brilliant", "happy", "awesome")
COMPLAINT = ("awful", "hate", "worst", "broken", "never", "ruined", "tired", "terrible", "sad", "useless")
ANYTHING = (
    "monday",
    "coffee",
    "boss",
    "cat",
    "meeting",
    "weekend",
    "internet",
    "exam",
    "traffic",
    "phone",
    "code",
    "mum",
)
SIDE = 96
SENTIMENTS = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class Meme:
    text: str
    glad_face: bool
    glad_words: bool

    @property
    def sentiment(self) -> str:
        return SENTIMENTS[self.glad_face + self.glad_words]

    @property
    def sarcasm(self) -> str:
        return "1" if self.glad_words and not self.glad_face else "0"


def invent(random: np.random.Generator) -> Meme:
    glad_face, glad_words = bool(random.random() < 0.65), bool(random.random() < 0.6)
    feeling = random.choice(PRAISE if glad_words else COMPLAINT, size=2, replace=False)
    words = [*feeling, *random.choice(ANYTHING, size=3, replace=False)]
    random.shuffle(words)
    return Meme(" ".join(words), glad_face, glad_words)


def rate(memes: Sequence[Meme], seed: int) -> list[float]:
    """How each feels, from -3 to 3: the face counts more than the words, and raters differ."""
    noise = np.random.default_rng(seed).normal(0, 0.5, len(memes))
    signs = np.array([[meme.glad_face, meme.glad_words] for meme in memes]) * 2 - 1
    feelings: list[float] = np.clip(signs @ [1.2, 0.8] + noise, -3, 3).tolist()
    return feelings


def draw(meme: Meme, random: np.random.Generator) -> Image.Image:
    """A face on a coloured ground (glad ones warmer, on average), the caption below it."""
    warm = int(np.clip(random.normal(150 if meme.glad_face else 105, 30), 0, 255))
    image = Image.new("RGB", (SIDE, SIDE), (warm, int(random.integers(60, 190)), 255 - warm))
    pen = ImageDraw.Draw(image)
    x, y, radius = random.uniform(36, 60), random.uniform(32, 42), random.uniform(20, 28)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(250, 220, 90), outline="black")
    for eye in (-0.4, 0.4):
        pen.ellipse((x + eye * radius - 3, y - 10, x + eye * radius + 3, y - 4), fill="black")
    lift = -1 if meme.glad_face else 1
    mouth = [
        (x + radius * 0.6 * math.cos(a), y + radius * (0.45 if meme.glad_face else 0.65) - lift * 9 * math.sin(a))
        for a in np.linspace(0, math.pi, 12)
    ]
    pen.line(mouth, fill="black", width=3)
    pen.text((4, SIDE - 22), meme.text[:16], fill="white")
    return image


def draw_memes(folder: Path, posts: int, seed: int = 0) -> list[str]:
    """Write ``posts.csv``, ``test.csv`` and ``images/`` below ``folder``; returns the captions.

    About 4 % of posts are copies: the same image re-encoded, or the same caption. About 3 % lack their image or text.
    """
    random = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    memes = [invent(random) for _ in range(posts)]
    rows: list[dict[str, str]] = []
    feelings = rate(memes, seed + 1)
    for number, meme in enumerate(memes):
        name = f"meme_{number:04d}.{'png' if number % 3 else 'jpg'}"
        copied = number > 10 and random.random() < 0.04
        if copied:
            meme = memes[number] = memes[number - 7]
            feelings[number] = feelings[number - 7]
            Image.open(folder / "images" / rows[-7]["file"]).convert("RGB").save(folder / "images" / name)
        else:
            draw(meme, random).save(folder / "images" / name)
        labels = {"sentiment": meme.sentiment, "sarcasm": meme.sarcasm, "feeling": f"{feelings[number]:.1f}"}
        rows.append({"name": name, "file": name, "caption": meme.text, **labels})
    for row in random.choice(posts, size=max(2, posts // 33), replace=False):
        rows[row]["caption" if row % 2 else "file"] = ""
    _write(folder, rows, test=max(10, posts // 8))
    return [meme.text for meme in memes]


def _write(folder: Path, rows: Sequence[dict[str, str]], test: int) -> None:
    table = pd.DataFrame(rows)
    table.iloc[:-test].to_csv(folder / "posts.csv", index=False)
    table.iloc[-test:].drop(columns=["sentiment", "sarcasm", "feeling"]).to_csv(folder / "test.csv", index=False)
