"""One look at every image, kept beside the run."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.world import SENTIMENT

from ensemble.content.image_scan import thumbnails
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.errors import DataError
from ensemble.system.files import file_hash, fingerprint


def posts(root: Path, images: list[str | None]) -> Dataset:
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(len(images))], "image": images}, dtype=object)
    return Dataset(frame.assign(text=None, part="train", sentiment=None), root, (SENTIMENT,))


def kept_in(cache: Path, root: Path) -> Path:
    return cache / f"images-{fingerprint(str(root.resolve()))}.parquet"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (30, 20), "red").save(folder / "a.png")
    Image.new("L", (10, 10), 50).save(folder / "b.jpg")
    (folder / "broken.jpg").write_text("no picture")
    return folder


def test_usable_images_get_their_hash_and_the_others_are_made_missing(root: Path) -> None:
    data, scans = scan(posts(root, ["a.png", None, "broken.jpg", "gone.jpg", "b.jpg"]))
    assert data.images == ["a.png", None, None, None, "b.jpg"]
    assert data.image_hashes() == [file_hash(root / "a.png"), None, None, None, file_hash(root / "b.jpg")]
    assert scans["image"].problems["problem"].tolist() == ["a text, not an image", "no such file"]
    assert scans["image"].problems.index.tolist() == [2, 3]


def test_thumbnails_are_of_the_readable_rows(root: Path) -> None:
    _, scans = scan(posts(root, [None, "b.jpg", "broken.jpg", "a.png"]))
    positions, grey = thumbnails(scans["image"])
    assert positions.tolist() == [1, 3]
    assert grey.shape == (2, 96, 96)
    assert np.abs(grey[0].astype(int) - 50).max() <= 2


def test_a_dataset_without_images_has_no_thumbnails(root: Path) -> None:
    data, scans = scan(posts(root, [None, None]))
    positions, grey = thumbnails(scans["image"])
    assert data.images == [None, None]
    assert (len(positions), grey.shape) == (0, (0, 96, 96))
    assert scans["image"].problems.empty


def test_one_image_of_several_posts_is_looked_at_once(root: Path) -> None:
    looked: list[int] = []

    def track(items, label, total):  # type: ignore[no-untyped-def]
        looked.append(total)
        yield from items

    scan(posts(root, ["a.png", "b.jpg", "a.png"]), track=track)
    assert looked == [2]


def test_files_of_unchanged_size_and_time_are_not_opened_again(root: Path, tmp_path: Path) -> None:
    data = posts(root, ["a.png", "b.jpg", "gone.jpg"])
    first, _ = scan(data, tmp_path)
    status = (root / "a.png").stat()
    (root / "a.png").write_bytes(b"x" * status.st_size)  # a second look would notice
    os.utime(root / "a.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    second, scans = scan(data, tmp_path)
    assert second.image_hashes() == first.image_hashes()
    assert scans["image"].frame.loc[0, "mode"] == "RGB"


def test_a_changed_file_is_looked_at_again(root: Path, tmp_path: Path) -> None:
    data = posts(root, ["a.png", "gone.jpg"])
    before, _ = scan(data, tmp_path)
    Image.new("RGB", (99, 20), "blue").save(root / "a.png")
    Image.new("RGB", (20, 20), "blue").save(root / "gone.jpg")
    after, scans = scan(data, tmp_path)
    assert before.image_hashes()[0] != after.image_hashes()[0] == file_hash(root / "a.png")
    assert after.images == ["a.png", "gone.jpg"]
    assert scans["image"].frame["width"].tolist() == [99, 20]


@pytest.mark.parametrize("raw", [b"", b"PAR1 but not really"])
def test_a_damaged_memory_of_looks_is_made_anew(root: Path, tmp_path: Path, raw: bytes) -> None:
    kept = kept_in(tmp_path, root)
    kept.write_bytes(raw)
    data, _ = scan(posts(root, ["a.png"]), tmp_path)
    assert data.images == ["a.png"]
    assert kept.stat().st_size > len(raw)


def test_a_memory_with_other_columns_is_made_anew(root: Path, tmp_path: Path) -> None:
    pd.DataFrame({"path": ["a.png"], "size": [1]}).to_parquet(kept_in(tmp_path, root))
    data, _ = scan(posts(root, ["a.png"]), tmp_path)
    assert data.images == ["a.png"]


def test_scanning_keeps_the_order_of_rows(root: Path, tmp_path: Path) -> None:
    paths: list[str | None] = ["b.jpg", "a.png", None, "b.jpg"]
    forward, _ = scan(posts(root, paths), tmp_path)
    backward, _ = scan(posts(root, paths[::-1]), tmp_path)
    assert forward.image_hashes() == backward.image_hashes()[::-1]


@pytest.mark.parametrize("path", ["../secret.png", "/etc/hostname"])
def test_an_image_outside_the_root_stops_the_scan(root: Path, tmp_path: Path, path: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    with pytest.raises(DataError, match=r"Row 'p1': image path .* leaves the image folder"):
        scan(posts(root, ["a.png", path]))


def test_a_folder_in_place_of_an_image_is_no_file(root: Path) -> None:
    (root / "folder.png").mkdir()
    assert scan(posts(root, ["folder.png"]))[1]["image"].problems["problem"].tolist() == ["a folder, not an image"]
