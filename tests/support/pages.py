"""Drawn pages of one kind, each of other contents: texts dark on light and light on dark, tables, charts, maps."""

from collections.abc import Callable
from io import BytesIO
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Random = np.random.Generator
LETTERS = "etaoinshrdlucmfwyp"


def words(random: Random, count: int) -> str:
    return " ".join("".join(random.choice(list(LETTERS), size=random.integers(2, 9))) for _ in range(count))


def text_page(random: Random, ground: str = "white", ink: str = "black", count: int = 30) -> Image.Image:
    image = Image.new("RGB", (600, 600), ground)
    lines = "\n".join(wrap(words(random, count), 45))
    ImageDraw.Draw(image).multiline_text((20, 20), lines, fill=ink, font=ImageFont.load_default(size=20))
    return image


def table_page(random: Random) -> Image.Image:
    image = Image.new("RGB", (500, 400), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=16)
    for row in range(9):
        pen.line((10, 20 + 40 * row, 490, 20 + 40 * row), fill="grey")
        for column in range(5 * (row < 8)):
            pen.text((16 + 96 * column, 28 + 40 * row), str(random.integers(0, 99999)), fill="black", font=font)
    return image


def chart_page(random: Random) -> Image.Image:
    image = Image.new("RGB", (600, 400), "white")
    pen = ImageDraw.Draw(image)
    pen.line((50, 20, 50, 360, 580, 360), fill="black", width=2)
    heights = np.clip(200 + np.cumsum(random.normal(0, 25, 54)), 30, 350)
    pen.line([(50.0 + 10 * place, float(height)) for place, height in enumerate(heights)], fill="blue", width=3)
    return image


def map_page(random: Random) -> Image.Image:
    image = Image.new("RGB", (500, 500), "#eee8d8")
    pen = ImageDraw.Draw(image)
    pen.polygon([(0, 0), (200, 0), (150, 220), (260, 500), (0, 500)], fill="#aad3df")
    for street in random.uniform(0, 500, (14, 4)):
        pen.line(tuple(map(float, street)), fill="white", width=5)
    for x, y in random.uniform(0, 430, (8, 2)):
        pen.text((float(x), float(y)), words(random, 1), fill="#444", font=ImageFont.load_default(size=15))
    return image


PAGES: dict[str, Callable[[Random], Image.Image]] = {
    "dark on light": text_page,
    "light on dark": lambda random: text_page(random, "#15202b", "white"),
    "a few words": lambda random: text_page(random, count=7),
    "pale": lambda random: text_page(random, ink="#bbbbbb"),
    "table": table_page,
    "chart": chart_page,
    "map": map_page,
}


def as_jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Without this share of each side."""
    x, y = int(image.width * share), int(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))
