"""Images are decoded once and kept as long as there is room; whatever happens to the cache, pixels stay the same."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from support.photos import SHAPES, blind, photographed
from support.world import SENTIMENT

from base_models.visual import pixels
from base_models.visual.finetuned import Visual, VisualTraining
from base_models.visual.pixels import ImageExamples, PixelSource
from base_models.visual.views import Pixels, Preprocessing
from ensemble.blocks import Blocks, Ragged, block_files, missing
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache

HOW = Preprocessing((32, 32), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear", 0.875)
NAMES = ("*[0-9a-f].npy", "*.ids.npy", "*.shapes.npy")


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return photographed(tmp_path_factory.mktemp("shots"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each image was decoded, by its file name."""
    counts: Counter[str] = Counter()
    door = pixels.open_image

    def counting(path: Path) -> Image.Image:
        counts[path.name] += 1
        return door(path)

    monkeypatch.setattr(pixels, "open_image", counting)
    return counts


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "BLOCK", 3)


def source(cache: FeatureCache, size: int = 32) -> PixelSource:
    return PixelSource(Preprocessing((size, size), *list(vars(HOW).values())[1:]), 10, cache)


def read_all(one: PixelSource, data: Dataset) -> list[Pixels]:
    return [np.array(one.of(data)[row]) for row in range(len(data))]


def equal(some: list[Pixels], others: list[Pixels]) -> bool:
    return all((one == other).all() for one, other in zip(some, others, strict=True))


def network(model: str = "test_resnet", size: int = 64, how: Literal["bilinear", "nearest"] = "bilinear") -> Visual:
    training = VisualTraining(epochs=2, batch=6)
    return Visual(model, False, size=size, views=2, interpolation=how, training=training)


def on_disk(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def test_an_image_is_decoded_once_for_all_folds_epochs_learners_and_runs(
    shots: Dataset, opened: Counter[str], tmp_path: Path
) -> None:
    for fold in (0, 1):
        cache = FeatureCache(tmp_path)  # as in another process
        for model in ("test_resnet", "test_efficientnet"):
            learner = network(model)
            learner.prepare(shots.without_labels(), cache)
            learner.fit(shots.take(np.arange(len(shots)) % 2 != fold), SENTIMENT, seed=0)
            learner.predict_proba(shots.take(np.arange(len(shots)) % 2 == fold))
    assert opened == {f"{row}.png": 1 for row in range(len(shots))}
    for times, other in enumerate((network(size=32), network(how="nearest")), start=2):
        other.prepare(shots, cache)
        assert set(opened.values()) == {times}


@pytest.mark.parametrize("kept", [True, False])
def test_copies_of_an_image_are_decoded_once(opened: Counter[str], tmp_path: Path, kept: bool) -> None:
    data = photographed(tmp_path / "shots", [(50, 40)] * 3)
    for copy in ("1.png", "2.png"):
        (tmp_path / "shots" / copy).write_bytes((tmp_path / "shots" / "0.png").read_bytes())
    data = data.with_columns(image_hash=data.frame["image_hash"].iloc[0])
    one = source(FeatureCache(tmp_path / "cache" if kept else None))
    one.fill(data)
    assert equal(read_all(one, data)[:1] * 3, read_all(one, data))
    assert sum(opened.values()) == 1


@given(views=st.sampled_from([1, 2, 5, 10]), rows=st.permutations(range(len(SHAPES))))
def test_batches_have_the_views_of_their_rows_with_and_without_a_cache(
    shots: Dataset, views: int, rows: list[int]
) -> None:
    filled = source(FeatureCache())
    filled.fill(shots)
    sources = (filled, source(FeatureCache()))
    batches = [ImageExamples(one.of(shots), (32, 32), views).batch(rows)["pixels"] for one in sources]
    assert batches[0].shape == (len(rows), views, 32, 32, 3)
    assert batches[0].equal(batches[1])
    (centre,) = read_all(filled, shots.take(rows[:1]))
    top, left = (round((side - 32) / 2) for side in centre.shape[:2])
    assert (batches[0][0, 4 * (views > 2)].numpy() == centre[top : top + 32, left : left + 32]).all()


@pytest.fixture(scope="module")
def whole(shots: Dataset) -> list[Pixels]:
    return read_all(source(FeatureCache()), shots)


@given(share=st.floats(0, 1.2), data=st.data())
def test_beyond_the_budget_images_are_decoded_at_use_and_have_the_same_pixels(
    shots: Dataset, whole: list[Pixels], share: float, data: st.DataObject
) -> None:
    needed = sum(image.nbytes for image in whole)
    order = data.draw(st.permutations(range(len(shots))))
    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder), image_bytes=int(share * needed))
        one = source(cache)
        one.fill(shots.take(order))
        assert equal(read_all(one, shots), whole)
        kept = sum(found is not None for found in cache.find(one.key, shots.image_hashes()))
        assert (kept == len(shots)) == (share >= 1) or 0.9 < share < 1.1


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_the_cache_never_takes_more_bytes_on_disk_than_given(shots: Dataset, tmp_path: Path, blocks: int) -> None:
    source(FeatureCache(tmp_path / "free")).fill(shots.take(range(min(len(shots), 3 * blocks))))
    exact = on_disk(tmp_path / "free")
    for budget, expected in ((exact, blocks), (exact - 1, blocks - 1)):
        folder = tmp_path / str(budget)
        cache = FeatureCache(folder, image_bytes=budget)
        for size in (32, 40):
            source(cache, size).fill(shots)
            assert on_disk(folder) <= budget
        assert len(list(folder.rglob(NAMES[0]))) == expected


def test_images_in_memory_are_bounded_too(shots: Dataset, whole: list[Pixels]) -> None:
    budget = sum(image.nbytes for image in whole[:7])
    cache = FeatureCache(None, image_bytes=budget)
    one = source(cache)
    one.fill(shots)
    assert 0 < cache.used("pixels-") <= budget
    assert equal(read_all(one, shots), whole)


def test_a_budget_of_zero_changes_no_probability_and_keeps_nothing(shots: Dataset, tmp_path: Path) -> None:
    probabilities = []
    for budget in (0, 10**9):
        learner = network()
        learner.prepare(shots, FeatureCache(tmp_path / str(budget), image_bytes=budget))
        learner.fit(shots, SENTIMENT, seed=0)
        probabilities.append(learner.predict_proba(shots))
    assert (probabilities[0] == probabilities[1]).all()
    assert on_disk(tmp_path / "0") == 0 < on_disk(tmp_path / str(10**9))


def test_a_full_cache_is_said_once_per_fill_and_not_filled_again(
    shots: Dataset, opened: Counter[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    some = blind(shots, [1, 5])
    source(FeatureCache(tmp_path / "wide")).fill(some)
    assert not caplog.messages
    cache = FeatureCache(tmp_path / "narrow", image_bytes=40_000)
    opened.clear()
    for fills in (1, 2):
        source(cache).fill(some)
        assert len(caplog.messages) == fills and sum(opened.values()) == 6
    left = sum(found is None for found in cache.find(source(cache).key, some.image_hashes())) - 2
    assert f"40,000): {left} of {len(some) - 2} images" in caplog.text and 0 < left < len(some) - 2


@pytest.mark.parametrize("pattern", NAMES)
@pytest.mark.parametrize("damage", ["gone", "empty", "truncated", "nonsense"])
def test_a_damaged_block_is_decoded_again(
    shots: Dataset, whole: list[Pixels], opened: Counter[str], tmp_path: Path, pattern: str, damage: str
) -> None:
    source(FeatureCache(tmp_path)).fill(shots)
    path = sorted(tmp_path.glob(f"*/{pattern}"))[0]
    raw = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes({"empty": b"", "truncated": raw[:-5], "nonsense": b"not an array"}[damage])
    opened.clear()
    one = source(FeatureCache(tmp_path))
    one.fill(shots)
    assert 1 <= sum(opened.values()) <= 3
    assert equal(read_all(one, shots), whole)
    assert path.read_bytes() == raw


def test_an_image_that_has_gone_since_the_scan_is_one_line(tmp_path: Path) -> None:
    data = photographed(tmp_path / "shots", SHAPES[:5])
    kept = FeatureCache(tmp_path / "cache")
    source(kept).fill(data)
    before = read_all(source(kept), data)
    (tmp_path / "shots" / "2.png").unlink()
    assert equal(read_all(source(kept), data), before)
    with pytest.raises(LearnerError, match=r"^1 files could be read when scanned and cannot be now; .*again\.$"):
        source(FeatureCache(tmp_path / "other")).fill(data)
    for prepared in (False, True):
        learner = network()
        if prepared:
            learner.prepare(data, FeatureCache())
        with pytest.raises(LearnerError, match=r"^\S+2\.png could be read when scanned and cannot be now; .*again\.$"):
            learner.fit(data, SENTIMENT, seed=0)


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (2, 9000), (7, 56)])
def test_extreme_shapes_stay_small_and_keep_their_middle(tmp_path: Path, shape: tuple[int, int]) -> None:
    short, long = min(shape), max(shape)
    striped = np.zeros((short, long, 3), dtype=np.uint8)
    striped[:, long // 2 - short : long // 2 + short] = 255
    Image.fromarray(striped if shape[0] == long else striped.transpose(1, 0, 2)).save(tmp_path / "long.png")
    decoded = source(FeatureCache()).read(tmp_path / "long.png")
    assert sorted(decoded.shape[:2]) == [round(32 / 0.875), round(8 * 32 / 0.875)]
    assert decoded[decoded.shape[0] // 2, decoded.shape[1] // 2].tolist() == [255] * 3
    assert decoded.mean() == pytest.approx(255 / 4, rel=0.05)


SIDES = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 3))
RAGGED = st.lists(SIDES.flatmap(lambda shape: arrays.arrays(np.uint8, shape)), min_size=1, max_size=6)


@given(RAGGED)
def test_arrays_of_many_shapes_come_back_from_memory_and_disk(stored: list[Pixels]) -> None:
    block, keys, opened = Ragged.of(stored), [f"key{row}" for row in range(len(stored))], Blocks()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in block_files(keys, block).items():
            (Path(folder) / name).write_bytes(content)
        opened.refresh(Path(folder))
        for row, array in enumerate(stored):
            np.testing.assert_array_equal(block[row], array, strict=True)
            np.testing.assert_array_equal(opened.find(keys[row]), array, strict=True)
    assert len(block) == len(stored) and block.is_whole() and not Ragged(block.flat[:0], block.shapes + 1).is_whole()
    assert missing(block) == sum(not array.size for array in stored)
    assert opened.find("unheard of") is None and opened.find(None) is None
