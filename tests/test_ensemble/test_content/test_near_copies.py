"""Copies of one picture are one, whatever was done to it; pictures of one kind are as many as there are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from support.pages import PAGES, as_jpeg, cropped

from ensemble.content.copies import near_pairs
from ensemble.content.images import open_image
from ensemble.content.thumbnails import content_thumbnail


def photo(seed: int, size: int = 300) -> Image.Image:
    """Soft ground, discs of every size and colour."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 120, size, dtype=np.uint8)
    across, down = np.tile(ramp, (size, 1)), np.tile(ramp[:, None], (1, size))
    image = Image.fromarray(np.stack([across, down, across], axis=-1))
    pen = ImageDraw.Draw(image)
    for x, y, radius in random.integers(10, size, (12, 3)):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        pen.ellipse((x - radius / 3, y - radius / 3, x + radius / 3, y + radius / 3), fill=colour)
    return image


def pairs_of(*images: Image.Image) -> list[list[int]]:
    found: list[list[int]] = near_pairs(
        np.arange(len(images)), np.stack([content_thumbnail(i) for i in images])
    ).tolist()
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 40),
    quality=st.integers(30, 95),
    scale=st.floats(0.5, 2),
    share=st.sampled_from([0.0, 0.0, 0.01, 0.02]),
    brightness=st.floats(0.85, 1.05),
)
def test_a_copy_of_any_quality_size_brightness_and_slight_crop_is_found(
    seed: int, quality: int, scale: float, share: float, brightness: float
) -> None:
    image = photo(seed)
    other = cropped(image, share)
    other = other.resize((int(other.width * scale), int(other.height * scale)))
    other = other.point(lambda value: min(255, int(value * brightness)))
    assert pairs_of(image, open_image(as_jpeg(other, quality))) == [[0, 1]]


def test_nearly_all_copies_cropped_by_a_twentieth_of_each_side_are_found() -> None:
    found = [pairs_of(photo(seed), cropped(photo(seed), 0.05)) for seed in range(30)]
    assert sum(map(len, found)) >= 24


@pytest.mark.parametrize("kind", PAGES)
def test_pages_of_one_kind_and_other_contents_stay_apart(kind: str) -> None:
    random = np.random.default_rng(0)
    assert pairs_of(*(PAGES[kind](random) for _ in range(40))) == []


@pytest.mark.parametrize("kind", ["dark on light", "light on dark", "table", "chart", "map"])
def test_copies_of_pages_are_found_among_pages_of_their_kind(kind: str) -> None:
    random = np.random.default_rng(0)
    pages = [PAGES[kind](random) for _ in range(20)]
    copies = [open_image(as_jpeg(page.resize((page.width * 2 // 3, page.height * 2 // 3)), 60)) for page in pages[:10]]
    found = pairs_of(*pages, *copies)
    assert all(right - left == 20 for left, right in found)
    assert len(found) >= 8


def test_a_small_thing_on_a_plain_ground_is_what_is_compared() -> None:
    images = []
    for shape in ("ellipse", "rectangle"):
        images.append(Image.new("RGB", (320, 320), "white"))
        pen = ImageDraw.Draw(images[-1])
        getattr(pen, shape)((120, 140, 200, 200), fill="pink", outline="black", width=4)
        getattr(pen, shape)((150, 150, 170, 190), fill="white" if shape == "ellipse" else "black")
    again = open_image(as_jpeg(images[0], 60))
    assert pairs_of(*images, again) == [[0, 2]]
