"""Copies are found; different posts stay apart."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from support.world import SENTIMENT, toy_table

from ensemble.content.copies import equal_pairs, near_pairs, positions_by_key
from ensemble.content.duplicates import Duplicates, find_duplicates
from ensemble.content.scan import scan
from ensemble.content.thumbnails import SIDE, content_thumbnail
from ensemble.data import Dataset
from ensemble.system.files import write_table


def picture(seed: int, size: int = 200) -> Image.Image:
    """Coloured discs on a gradient: smooth enough to survive JPEG, different for every seed."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 120, size, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (size, 1)), np.tile(ramp[:, None], (1, size))] * 2)[:3].T.copy())
    pen = ImageDraw.Draw(image)
    for x, y, radius in random.integers(10, size, (8, 3)):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        pen.ellipse((x - radius / 3, y - radius / 3, x + radius / 3, y + radius / 3), fill=colour)
    return image


def captioned(template: Image.Image, words: Sequence[str]) -> Image.Image:
    image = template.copy()
    for line, word in enumerate(words):
        ImageDraw.Draw(image).text(
            (5, 5 + 60 * line), word, fill="white", stroke_fill="black", stroke_width=2, font_size=48
        )
    return image


def find(root: Path, images: Sequence[str | None], texts: Sequence[str | None] | None = None) -> Duplicates:
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(len(images))], "image": images}, dtype=object)
    frame = frame.assign(text=list(texts) if texts else None, part="train", sentiment=None).astype(object)
    return find_duplicates(*scan(Dataset(frame, root, (SENTIMENT,))))


def test_a_reencoded_and_a_resized_copy_are_found(tmp_path: Path) -> None:
    image = picture(1)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.jpg", quality=40)
    image.resize((90, 90)).save(tmp_path / "c.png")
    image.resize((500, 500)).save(tmp_path / "d.jpg", quality=60)
    found = find(tmp_path, ["a.png", "b.jpg", "c.png", "d.jpg"])
    assert len(set(found.group)) == 1
    assert len(found.pairs["near_image"]) == 6
    assert not len(found.pairs["same_image"])


def test_different_pictures_stay_apart(tmp_path: Path) -> None:
    names = [f"{seed}.png" for seed in range(12)]
    for seed, name in enumerate(names):
        picture(seed).save(tmp_path / name)
    assert len(set(find(tmp_path, names).group)) == 12


def test_memes_of_one_template_with_other_captions_stay_apart(tmp_path: Path) -> None:
    template = picture(3)
    captioned(template, ("WHEN", "MONDAY", "COMES")).save(tmp_path / "a.png")
    captioned(template, ("MY CAT", "IS A", "WIZARD")).save(tmp_path / "b.png")
    assert len(set(find(tmp_path, ["a.png", "b.png"]).group)) == 2


def test_equal_files_are_copies_whatever_they_are_called(tmp_path: Path) -> None:
    buffer = BytesIO()
    picture(1).save(buffer, "PNG")
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(buffer.getvalue())
    found = find(tmp_path, ["a.png", None, "b.png", "c.png"])
    assert found.group[0] == found.group[2] == found.group[3] != found.group[1]
    assert found.pairs["same_image"].tolist() == [[0, 2], [0, 3]]
    assert not len(found.pairs["near_image"])


def test_equal_texts_are_copies_whatever_case_and_links(tmp_path: Path) -> None:
    texts = ["Hello you", "hello  YOU https://t.co/x", "hello me"]
    found = find(tmp_path, [None] * 3, texts)
    assert found.group[0] == found.group[1] != found.group[2]
    assert found.pairs["same_text"].tolist() == [[0, 1]]


def test_missing_and_empty_texts_match_nothing(tmp_path: Path) -> None:
    found = find(tmp_path, [None] * 4, [None, "", "https://t.co/a", "https://t.co/b"])
    assert len(set(found.group)) == 4


def test_a_chain_of_image_and_text_copies_is_one_group(tmp_path: Path) -> None:
    image = picture(1)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.jpg")
    found = find(tmp_path, ["a.png", "b.jpg", None, None], ["one", "two", "TWO", "other"])
    assert found.group[0] == found.group[1] == found.group[2] != found.group[3]


def test_a_dataset_of_texts_alone_has_groups() -> None:
    data = toy_table(20)
    assert len(set(find_duplicates(*scan(data)).group)) == 20


def placed(texts: Sequence[str | None]) -> Dataset:
    return toy_table(len(texts)).with_columns(text=list(texts))


def test_a_text_on_very_many_posts_makes_no_copies_of_them(tmp_path: Path) -> None:
    found = find_duplicates(*scan(placed(["Say it"] * 40 + [f"word {row}" for row in range(58)] + ["twice", "Twice"])))
    assert len(set(found.group)) == 99
    assert found.pairs["same_text"].tolist() == [[98, 99]]


@pytest.mark.parametrize("text", ["nan", "None", "N/A", "image no longer available", "...", "\U0001f600"])
def test_a_text_that_says_nothing_makes_no_copies(text: str) -> None:
    assert len(set(find_duplicates(*scan(placed([text, text, "one", "two"]))).group)) == 4


def test_a_picture_of_very_many_posts_makes_no_copies_of_them(tmp_path: Path) -> None:
    picture(1).save(tmp_path / "gone.png")
    picture(1).save(tmp_path / "gone.jpg")
    picture(2).save(tmp_path / "a.png")
    picture(2).save(tmp_path / "b.jpg")
    assert len(set(find(tmp_path, ["gone.png"] * 20 + ["gone.jpg", "a.png", "b.jpg"]).group)) == 22


def test_near_pairs_are_found_in_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble.content.copies.CHUNK", 2)  # pairs at a time, of which there are seven
    originals = np.stack([content_thumbnail(picture(seed)) for seed in range(40)])
    noise = np.random.default_rng(0).integers(0, 256, (64, 8, 8)).astype(np.uint8)
    others = np.stack([content_thumbnail(Image.fromarray(one).resize((96, 96))) for one in noise])
    copied = [0, 7, 8, 11, 20, 38, 39]
    thumbnails = np.concatenate([originals, others, originals[copied] // 2 + 30])
    found = near_pairs(np.arange(len(thumbnails)) * 3, thumbnails)
    assert found.tolist() == [[3 * row, 3 * (40 + 64 + place)] for place, row in enumerate(copied)]


def test_pairs_that_were_found_are_read_again_and_a_damaged_file_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thumbnails = np.stack([content_thumbnail(picture(seed)) for seed in (1, 2, 1, 3)])
    assert near_pairs(np.arange(4), thumbnails, tmp_path).tolist() == [[0, 2]]
    (kept,) = (tmp_path / "near-copies").iterdir()
    whole = kept.read_bytes()
    write_table(kept, pa.table({"left": [1], "right": [3]}))
    assert near_pairs(np.arange(4) * 5, thumbnails, tmp_path).tolist() == [[5, 15]]
    for damage in (
        pa.table({"left": [1], "right": [4]}),
        pa.table({"left": [0]}),
        pa.table({"left": [0], "right": ["2"]}),
    ):
        write_table(kept, damage)
        assert near_pairs(np.arange(4), thumbnails, tmp_path).tolist() == [[0, 2]]
        assert kept.read_bytes() == whole
    kept.write_bytes(whole[:-9])
    assert near_pairs(np.arange(4), thumbnails, tmp_path).tolist() == [[0, 2]]
    assert near_pairs(np.arange(4), thumbnails[::-1], tmp_path).tolist() == [[1, 3]]  # another order, another file
    monkeypatch.setattr("ensemble.content.copies.RULE", -1)
    near_pairs(np.arange(4), thumbnails, tmp_path)
    assert len(list(kept.parent.iterdir())) == 3


def test_copies_are_looked_for_once_per_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seed in (("a.png", 1), ("b.jpg", 1), ("c.png", 2)):
        picture(seed).save(tmp_path / name)
    images = ["a.png", "b.jpg", "c.png"]
    frame = pd.DataFrame(
        {"id": images, "image": images, "text": None, "part": "train", "sentiment": None}, dtype=object
    )
    data = Dataset(frame, tmp_path, (SENTIMENT,))
    first = find_duplicates(*scan(data, tmp_path / "cache"))
    monkeypatch.setattr("ensemble.content.copies.candidates", None)  # not asked again
    assert find_duplicates(*scan(data, tmp_path / "cache")).group.tolist() == first.group.tolist() == [0, 0, 1]


@pytest.mark.parametrize("rows", [0, 1])
def test_no_pair_among_fewer_than_two(rows: int) -> None:
    assert near_pairs(np.arange(rows), np.zeros((rows, SIDE, SIDE), dtype=np.uint8)).shape == (0, 2)


def test_pictures_in_which_nothing_is_to_be_seen_are_no_copies() -> None:
    blank = np.stack([np.full((SIDE, SIDE), grey, dtype=np.uint8) for grey in (0, 0, 255)])
    assert not len(near_pairs(np.arange(3), blank))


@given(st.lists(st.sampled_from(["a", "b", "", "\u00e9", "b\0", None])))
def test_rows_of_a_key_are_found_the_most_frequent_first_and_each_is_paired_with_the_first(
    keys: list[str | None],
) -> None:
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        if key is not None:
            rows.setdefault(key, []).append(row)
    several = sorted((item for item in rows.items() if len(item[1]) > 1), key=lambda item: -len(item[1]))
    assert [(key, of.tolist()) for key, of in positions_by_key(keys).items()] == several
    expected = sorted((of[0], row) for of in rows.values() for row in of[1:])
    assert sorted(map(tuple, equal_pairs(keys).tolist())) == expected
