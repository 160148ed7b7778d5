"""The feature cache: each content is encoded once, in the same blocks, whatever happens in between."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from ensemble.blocks import Features
from ensemble.errors import StoreError
from ensemble.features import FeatureCache
from ensemble.system.open_files import raise_limit

WIDTH = 3
Limit = Callable[[int], None]


class Encoder:
    """Features that depend on who shares the block, as those of real encoders do in their last bits."""

    def __init__(self, contents: Sequence[str | None], fail_after: int | None = None) -> None:
        self.contents, self.fail_after = contents, fail_after
        self.blocks: list[list[str | None]] = []

    def __call__(self, positions: Sequence[int]) -> Features:
        if self.fail_after is not None and len(self.blocks) >= self.fail_after:
            raise KeyboardInterrupt
        block = [self.contents[position] for position in positions]
        self.blocks.append(block)
        noise = int(sha256("".join(map(str, block)).encode()).hexdigest()[:6], 16)
        return np.array([[ord(str(content)[-1]), len(block), noise] for content in block], dtype=np.float32)

    @property
    def encoded(self) -> list[str | None]:
        return [content for block in self.blocks for content in block]


def get(cache: FeatureCache, encoder: Encoder, block: int = 4, name: str = "e") -> Features:
    return cache.get(name, encoder.contents, encoder, block, "rows")


KEYS = [f"key{letter}" for letter in "abcdefghijklmnopqrstu"]


@pytest.fixture
def whole(tmp_path: Path) -> Features:
    """What an undisturbed run gives."""
    return get(FeatureCache(tmp_path / "whole"), Encoder(KEYS))


@pytest.mark.parametrize("on_disk", [True, False])
def test_each_content_is_encoded_once(tmp_path: Path, on_disk: bool) -> None:
    cache = FeatureCache(tmp_path if on_disk else None)
    encoder = Encoder(["keya", "keyb", "keya", "keyc", "keyb", "keya"])
    features = get(cache, encoder)
    assert encoder.encoded == ["keya", "keyb", "keyc"]
    assert features[:, 0].tolist() == [ord(letter) for letter in "abacba"]
    again = Encoder(encoder.contents)
    np.testing.assert_array_equal(get(cache, again), features)
    assert not again.blocks


def test_missing_contents_are_rows_of_nan() -> None:
    features = get(FeatureCache(), Encoder(["keya", None, "keyb", None]))
    assert np.isnan(features).all(axis=1).tolist() == [False, True, False, True]
    assert features.dtype == np.float32


@pytest.mark.parametrize("keys", [[], [None, None]])
def test_no_content_at_all_needs_no_encoder(keys: list[str | None]) -> None:
    encoder = Encoder(keys)
    features = get(FeatureCache(), encoder)
    assert len(features) == len(keys)
    assert np.isnan(features).all()
    assert not encoder.blocks


def test_blocks_hold_at_most_so_many_rows() -> None:
    encoder = Encoder(KEYS)
    get(FeatureCache(), encoder, block=8)
    assert [len(block) for block in encoder.blocks] == [8, 8, 5]


def test_a_second_process_reads_what_the_first_wrote(tmp_path: Path, whole: Features) -> None:
    encoder = Encoder(KEYS)
    np.testing.assert_array_equal(get(FeatureCache(tmp_path / "whole"), encoder), whole)
    assert not encoder.blocks


def test_other_orders_and_parts_of_the_same_contents_are_known(tmp_path: Path, whole: Features) -> None:
    encoder = Encoder([KEYS[5], None, KEYS[0]])
    features = get(FeatureCache(tmp_path / "whole"), encoder)
    np.testing.assert_array_equal(features[[0, 2]], whole[[5, 0]])
    assert not encoder.blocks


def test_only_new_contents_are_encoded(tmp_path: Path, whole: Features) -> None:
    encoder = Encoder([*KEYS, "keyx", "keyy"])
    features = get(FeatureCache(tmp_path / "whole"), encoder)
    assert encoder.encoded == ["keyx", "keyy"]
    np.testing.assert_array_equal(features[: len(KEYS)], whole)


def test_encoders_do_not_share_features(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    get(cache, Encoder(KEYS), name="one")
    other = Encoder(KEYS)
    get(cache, other, name="two")
    assert other.encoded == KEYS


@pytest.mark.parametrize("done", [0, 1, 3])
def test_a_killed_run_continues_with_the_same_bits(tmp_path: Path, whole: Features, done: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        get(FeatureCache(tmp_path / "killed"), Encoder(KEYS, fail_after=done))
    rest = Encoder(KEYS)
    np.testing.assert_array_equal(get(FeatureCache(tmp_path / "killed"), rest), whole)
    assert rest.encoded == KEYS[4 * done :]


@pytest.mark.parametrize("part", ["ids", "values"])
@pytest.mark.parametrize("damage", ["gone", "empty", "truncated", "nonsense"])
def test_a_damaged_block_is_computed_again(tmp_path: Path, whole: Features, part: str, damage: str) -> None:
    folder = tmp_path / "whole" / "e"
    ids = sorted(folder.glob("*.ids.npy"))[0]
    path = ids if part == "ids" else ids.with_name(ids.name.replace(".ids", ""))
    raw = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes({"empty": b"", "truncated": raw[:-5], "nonsense": b"not an array"}[damage])
    again = Encoder(KEYS)
    np.testing.assert_array_equal(get(FeatureCache(tmp_path / "whole"), again), whole)
    assert len(again.blocks) == 1
    assert path.read_bytes() == raw


def test_a_pickled_array_is_never_loaded(tmp_path: Path, whole: Features) -> None:
    ids = sorted((tmp_path / "whole" / "e").glob("*.ids.npy"))[0]
    np.save(ids, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    again = Encoder(KEYS)
    np.testing.assert_array_equal(get(FeatureCache(tmp_path / "whole"), again), whole)
    assert len(again.blocks) == 1


def test_no_temporary_file_is_left(tmp_path: Path, whole: Features) -> None:
    names = {path.suffix for path in (tmp_path / "whole" / "e").iterdir() if path.name != ".lock"}
    assert names == {".npy", ".seconds"}


def fill(root: Path, calls: Path) -> None:
    encoder = Encoder(KEYS)
    features = get(FeatureCache(root), encoder, block=2)
    assert features[:, 0].tolist() == [ord(key[-1]) for key in KEYS]
    with calls.open("a") as file:
        file.writelines(f"{key}\n" for key in encoder.encoded)


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fill, args=(tmp_path / "cache", tmp_path / "calls")) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted((tmp_path / "calls").read_text().split()) == KEYS


def test_progress_counts_only_the_blocks_to_do(tmp_path: Path) -> None:
    totals: list[tuple[str, int]] = []

    def track(items, label, total):  # type: ignore[no-untyped-def]
        totals.append((label, total))
        yield from items

    with pytest.raises(KeyboardInterrupt):
        get(FeatureCache(tmp_path), Encoder(KEYS, fail_after=2))
    get(FeatureCache(tmp_path, track), Encoder(KEYS))
    assert totals == [("rows (2 cached)", 4)]


@pytest.fixture
def few_files() -> Iterator[Limit]:
    """Lets this process open so many files more, until it asks for others."""
    import os
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []

    def limit(room: int) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        with pytest.raises(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for number in taken[-room:]:
            os.close(number)
        del taken[-room:]

    yield limit
    for number in taken:
        os.close(number)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_process_opens_as_many_files_as_its_system_lets_it(tmp_path: Path, few_files: Limit) -> None:
    keys = [f"key{number}" for number in range(60)]
    get(FeatureCache(tmp_path), Encoder(keys), block=1)
    few_files(20)
    raise_limit.cache_clear()
    again = Encoder(keys)
    assert len(get(FeatureCache(tmp_path), again, block=1)) == 60 and not again.blocks


def test_too_few_files_are_no_damage_and_are_said(
    tmp_path: Path, few_files: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"key{number}" for number in range(60)]
    get(FeatureCache(tmp_path), Encoder(keys), block=1)
    few_files(20)
    monkeypatch.setattr("ensemble.system.open_files.raise_limit", lambda: "256")
    again = Encoder(keys)
    with pytest.raises(
        StoreError, match=r"more files open at once than this process may have \(256\): raise the limit"
    ):
        get(FeatureCache(tmp_path), again, block=1)
    assert not again.blocks
