"""Copies of one picture are one, whatever was done to it; pictures of one kind are as many as there are."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from support.pages import PAGES, as_jpeg, cropped

from ensemble.content import neighbours
from ensemble.content.copies import UNEXPLAINED, near_pairs, show_the_same
from ensemble.content.first_sight import small_pictures, unexplained
from ensemble.content.images import open_image
from ensemble.content.neighbours import ALIKE, LENGTH, NEIGHBOURS, candidates
from ensemble.content.thumbnails import Thumbnails, content_thumbnail


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


def plainly_nearest(thumbnails: npt.NDArray[np.uint8]) -> list[list[int]]:
    """All compared with all, and every row sorted: the nearest first, of equally near ones the first row."""
    coarse = thumbnails.reshape(-1, 8, 12, 8, 12).mean(axis=(2, 4), dtype=np.float32).reshape(-1, 64).astype(np.float64)
    coarse -= coarse.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(coarse, axis=1, keepdims=True)
    whole = np.where(norm > 1e-3, np.rint(LENGTH * coarse / np.maximum(norm, 1e-3)), 0).astype(np.int64)
    alike = whole @ whole.T
    np.fill_diagonal(alike, -1)
    pairs = set()
    for row, order in enumerate(np.argsort(-alike, axis=1, kind="stable")[:, :NEIGHBOURS]):
        pairs |= {(min(row, near), max(row, near)) for near in order.tolist() if alike[row, near] >= ALIKE * LENGTH**2}
    return sorted([left, right] for left, right in pairs)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000), rows=st.integers(2, 1500), kinds=st.integers(1, 40), noise=st.sampled_from([0, 1, 60])
)
def test_what_is_looked_at_closely_is_what_comparing_all_finds_with_half_of_it_white_screens(
    seed: int, rows: int, kinds: int, noise: int
) -> None:
    random = np.random.default_rng(seed)
    drawn = random.integers(0, 250, (kinds, 8, 8))[random.integers(0, kinds, rows)]
    drawn = np.clip(drawn + random.integers(-noise, noise + 1, drawn.shape), 0, 255)
    drawn[: rows // 4] = 255  # nothing to be seen
    drawn[rows // 4 : rows // 2] = 254 + (np.arange(8) < 4)  # one faint step, the same in all
    thumbnails = np.kron(random.permutation(drawn), np.ones((12, 12))).astype(np.uint8)
    assert candidates(thumbnails).tolist() == plainly_nearest(thumbnails)


@pytest.mark.parametrize(("most", "noise"), [(1000, 0), (1000, 60), (0, 0), (0, 60)])
def test_the_nearest_are_the_same_in_blocks_of_any_size_and_where_all_cells_are_near(
    monkeypatch: pytest.MonkeyPatch, most: int, noise: int
) -> None:
    random = np.random.default_rng(most + noise)
    drawn = random.integers(0, 250, (12, 8, 8))[random.integers(0, 12, 400)]
    drawn = np.clip(drawn + random.integers(-noise, noise + 1, drawn.shape), 0, 255)
    thumbnails = np.kron(drawn, np.ones((12, 12))).astype(np.uint8)
    for name, value in {"BLOCK": 32, "ALL": most, "CELL": 50, "NEAR_CELLS": 8}.items():
        monkeypatch.setattr(neighbours, name, value)
    assert candidates(thumbnails).tolist() == plainly_nearest(thumbnails)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_each_row_is_compared_with_the_cells_near_its_own_though_these_may_not_be_near_to_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    seen = np.rint(1000 * random.normal(size=(4, 64))[random.integers(0, 4, 60)] + 300 * random.normal(size=(60, 64)))
    seen = np.rint(LENGTH * seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32)
    cells, near = np.array_split(random.permutation(60), 5), np.eye(5, dtype=np.bool_) | (random.random((5, 5)) < 0.4)
    left, right = neighbours._nearest(seen, [np.sort(cell) for cell in cells], near)
    expected = set()
    for cell, row in ((cell, row) for cell, rows in enumerate(cells) for row in rows.tolist()):
        others = np.sort(np.concatenate([cells[other] for other in np.flatnonzero(near[cell])]))
        others = others[others != row]
        alike = seen[others] @ seen[row]
        best = np.argsort(-alike, kind="stable")[:NEIGHBOURS]
        expected |= {(row, other) for other in others[best[alike[best] >= ALIKE * LENGTH**2]].tolist()}
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected and len(left) == len(expected)


def test_beyond_the_pictures_that_are_all_compared_copies_are_found_in_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble.content.neighbours.ALL", 100)
    monkeypatch.setattr("ensemble.content.neighbours.CELL", 10)
    monkeypatch.setattr("ensemble.content.neighbours.NEAR_CELLS", 8)
    thumbnails = np.stack([content_thumbnail(photo(seed)) for seed in range(300)])
    copies = np.stack([content_thumbnail(open_image(as_jpeg(photo(seed), 50))) for seed in range(50)])
    found = near_pairs(np.arange(350), np.concatenate([thumbnails, copies])).tolist()
    assert found == [[seed, 300 + seed] for seed in range(50)]


@pytest.fixture(scope="module")
def altered_copies() -> tuple[Thumbnails, Thumbnails]:
    """Pictures, and copies of them; pictures, and others of their kind."""
    random = np.random.default_rng(0)
    pages = [PAGES[kind](random) for kind in PAGES for _ in range(3)]
    originals = [*(photo(seed) for seed in range(16)), *pages]
    altered = [cropped(image, share).resize((150, 150)) for share in (0.0, 0.03, 0.06) for image in originals]
    left = np.stack([content_thumbnail(image) for image in originals * 4])
    right = np.stack([content_thumbnail(open_image(as_jpeg(image, 40))) for image in altered + originals[::-1]])
    return left, right


def test_a_small_move_explains_copies_and_not_what_is_merely_alike(
    altered_copies: tuple[Thumbnails, Thumbnails],
) -> None:
    left, right = altered_copies
    rows = np.arange(len(left))
    left_over = unexplained(small_pictures(np.concatenate([left, right])), np.column_stack([rows, rows + len(left)]))
    assert left_over[show_the_same(left, right)].max() < 0.7 * UNEXPLAINED
    assert (left_over[-len(left) // 4 :] > UNEXPLAINED).mean() > 0.8


def test_a_small_move_explains_all_of_a_picture_that_is_equal_but_for_brightness_and_contrast() -> None:
    grey = np.random.default_rng(0).integers(60, 120, (5, 8, 8)).repeat(12, axis=1).repeat(12, axis=2)
    pictures = small_pictures(np.concatenate([grey, 2 * grey - 20, grey + 30]).astype(np.uint8))
    rows = np.arange(5)
    for first, second in ((0, 5), (0, 10), (10, 5)):
        assert unexplained(pictures, np.column_stack([rows + first, rows + second])).max() < 0.05


def test_equal_pictures_show_the_same_though_nothing_is_to_be_seen_on_them() -> None:
    flat = np.stack([np.full((96, 96), grey, dtype=np.uint8) for grey in (0, 77, 255)])
    assert show_the_same(flat, flat).all()
    assert show_the_same(flat, flat[::-1]).all()  # up to brightness
