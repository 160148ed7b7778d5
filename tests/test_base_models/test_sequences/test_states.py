"""Sequences of states: one pass for all layers, each kept by itself, the same bits whatever happens in between."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sequences import ToySequences, clips

from base_models.sequences.layers import Layer
from base_models.sequences.pooling import PooledStates, SequencePooling, pool_steps
from base_models.sequences.states import SequenceStates
from ensemble.blocks import Features
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache

CELLS = ["3.wav", "1.wav", None, "7.wav", "3.wav", "2.wav", "9.wav", "4.wav", "5.wav", "8.wav", "6.wav"]
DISTINCT = ["3.wav", "1.wav", "7.wav", "2.wav", "9.wav", "4.wav", "5.wav", "8.wav", "6.wav"]
ALL: tuple[Layer, ...] = (0, 1, 2, "last", "mean")


@pytest.fixture
def data() -> Dataset:
    return clips(CELLS)


def pooled(encoder: ToySequences, data: Dataset, cache: FeatureCache, pooling: SequencePooling = "mean") -> Features:
    features = PooledStates(encoder, 1, pooling, cache)
    features.fill(data)
    return cache.get(*features.request(data))


def test_one_pass_writes_all_layers_and_each_content_is_encoded_once(tmp_path: Path, data: Dataset) -> None:
    encoder = ToySequences()
    states = SequenceStates(encoder, ALL, FeatureCache(tmp_path))
    assert states.fill(data)
    assert encoder.encoded == DISTINCT and all(layers == list(ALL) for _, layers in encoder.passes)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(states.keys)  # a folder for each layer
    for layer, found in zip(ALL, states.find(data), strict=True):
        assert [None if one is None else len(one) for one in found] == [3, 1, None, 7, 3, 2, 9, 4, 5, 8, 6]
        np.testing.assert_array_equal(found[0], encoder._states(3, layer))
        assert isinstance(found[0], np.memmap) and found[0].dtype == np.float16


def test_of_more_layers_only_the_new_ones_are_encoded(tmp_path: Path, data: Dataset) -> None:
    encoder = ToySequences()
    SequenceStates(encoder, [1], FeatureCache(tmp_path)).fill(data)
    SequenceStates(encoder, [0, -2, "last"], FeatureCache(tmp_path)).fill(data)
    assert [layers for _, layers in encoder.passes] == [[1]] * 3 + [[0, "last"]] * 3  # -2 of two is 1


def test_a_killed_run_goes_on_with_the_same_blocks(tmp_path: Path, data: Dataset) -> None:
    killed, again, whole = ToySequences(fail_after=1), ToySequences(), ToySequences()
    with pytest.raises(KeyboardInterrupt):
        SequenceStates(killed, ALL, FeatureCache(tmp_path / "killed")).fill(data)
    assert SequenceStates(again, ALL, FeatureCache(tmp_path / "killed")).fill(data)
    assert SequenceStates(whole, ALL, FeatureCache(tmp_path / "whole")).fill(data)
    assert killed.passes + again.passes == whole.passes
    names = [
        sorted(p.relative_to(tmp_path / run) for p in (tmp_path / run).rglob("*.npy")) for run in ("killed", "whole")
    ]
    assert names[0] == names[1]
    for name in names[0]:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_killed_between_two_layers_of_a_block_encodes_what_is_absent(tmp_path: Path, data: Dataset) -> None:
    whole = SequenceStates(ToySequences(), [1, 2], FeatureCache(tmp_path))
    whole.fill(data)
    first = sorted((tmp_path / whole.keys[1]).glob("*.npy"))[0].name.partition(".")[0]
    for path in (tmp_path / whole.keys[1]).glob(f"{first}*"):
        path.unlink()
    encoder = ToySequences()
    assert SequenceStates(encoder, [1, 2], FeatureCache(tmp_path)).fill(data)
    assert [layers for _, layers in encoder.passes] == [[2]]


def test_another_process_finds_what_was_kept(tmp_path: Path, data: Dataset) -> None:
    SequenceStates(ToySequences(), [1], FeatureCache(tmp_path)).fill(data)
    encoder = ToySequences()
    other = SequenceStates(encoder, [1], FeatureCache(tmp_path))
    assert [state is None for state in other.find(data)[0]] == [cell is None for cell in CELLS]
    assert other.read(data)[0][0] is not None and not encoder.passes


def test_states_that_are_no_numbers_are_refused(data: Dataset) -> None:
    for plus in (np.inf, np.nan):
        with pytest.raises(
            LearnerError, match=r"toy, layer 2: states of sounds are no finite numbers in half precision"
        ):
            SequenceStates(ToySequences(plus=plus), [2], FeatureCache()).fill(data)


def test_a_layer_below_the_lowest_is_refused(data: Dataset) -> None:
    states = SequenceStates(ToySequences(), [-4], FeatureCache())
    with pytest.raises(LearnerError, match="toy: there is no layer -4; set 0 to 2, -1 for the highest"):
        states.fill(data)


def test_a_second_learner_of_the_same_layer_encodes_nothing(tmp_path: Path, data: Dataset) -> None:
    first, second = ToySequences(), ToySequences()
    features = pooled(first, data, FeatureCache(tmp_path))
    cache = FeatureCache(tmp_path)
    np.testing.assert_array_equal(pooled(second, data, cache), features)
    assert len(first.encoded) == len(DISTINCT) and not second.passes and not cache.spent


def test_another_pooling_of_the_same_layer_encodes_nothing(tmp_path: Path, data: Dataset) -> None:
    pooled(ToySequences(), data, FeatureCache(tmp_path))
    second = ToySequences()
    assert pooled(second, data, FeatureCache(tmp_path), "mean_std").shape == (len(CELLS), 6)
    assert not second.passes


def test_kept_features_need_no_states(tmp_path: Path, data: Dataset) -> None:
    cache = FeatureCache(tmp_path)
    features = pooled(ToySequences(), data, cache)
    for path in tmp_path.glob("states-*/*"):
        path.unlink()
    encoder = ToySequences()
    np.testing.assert_array_equal(pooled(encoder, data, FeatureCache(tmp_path)), features)
    assert not encoder.passes


@pytest.mark.parametrize("room", [0, 900, 1400])
@pytest.mark.parametrize("on_disk", [True, False])
def test_features_are_the_same_where_states_find_no_room(
    tmp_path: Path, data: Dataset, room: int, on_disk: bool
) -> None:
    whole = pooled(ToySequences(), data, FeatureCache())
    cache = FeatureCache(tmp_path if on_disk else None, image_bytes=room)
    np.testing.assert_array_equal(pooled(ToySequences(), data, cache), whole)
    assert cache.used("states-") <= room


@settings(max_examples=30)
@given(
    cells=st.lists(st.none() | st.integers(1, 12).map("{}.wav".format), min_size=1, max_size=14),
    room=st.integers(0, 3000),
    passes=st.integers(0, 3),
    layers=st.lists(st.sampled_from(ALL), min_size=1, unique=True),
)
def test_features_are_the_same_whatever_has_happened(
    cells: list[str | None], room: int, passes: int, layers: list[Layer]
) -> None:
    data = clips(cells)
    whole = pooled(ToySequences(), data, FeatureCache())
    with TemporaryDirectory() as folder:
        with suppress(KeyboardInterrupt):
            killed = FeatureCache(Path(folder), image_bytes=room)
            SequenceStates(ToySequences(fail_after=passes), layers, killed).fill(data)
        cache = FeatureCache(Path(folder), image_bytes=room)
        np.testing.assert_array_equal(pooled(ToySequences(), data, cache), whole)
        assert cache.used("states-") <= room


def test_missing_contents_are_rows_of_nan(data: Dataset) -> None:
    features = pooled(ToySequences(), data, FeatureCache())
    assert np.isnan(features).all(axis=1).tolist() == [cell is None for cell in CELLS]


def test_a_file_that_can_no_longer_be_read_is_no_fact_to_remember(tmp_path: Path) -> None:
    data = clips(["3.wav", "0.wav"])  # no steps: what an encoder gives of a file it cannot read
    with pytest.raises(LearnerError, match="1 files could be read when scanned and cannot be now"):
        pooled(ToySequences(), data, FeatureCache(tmp_path))
    assert np.isnan(pooled(ToySequences(), data, FeatureCache())).any(axis=1).tolist() == [False, True]


def test_poolings_are_those_of_numpy(random: np.random.Generator) -> None:
    states = random.normal(size=(5, 4)).astype(np.float16)
    exact = states.astype(np.float64)
    np.testing.assert_allclose(pool_steps(states, "mean"), exact.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(pool_steps(states, "max"), states.max(axis=0))
    both = np.concatenate([exact.mean(axis=0), exact.std(axis=0)])
    np.testing.assert_allclose(pool_steps(states, "mean_std"), both, atol=1e-6)


def test_what_was_cut_is_counted_in_one_line(data: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    encoder = ToySequences()
    why = "longer than max_seconds = 60"
    encoder.cut = {Path("a"): why, Path("b"): "", Path("c"): why}
    pooled(encoder, data, FeatureCache())
    assert caplog.messages == ["toy: 2 of 3 sounds are cut: longer than max_seconds = 60."]


def test_all_layers_of_an_encoder_that_tells_none_apart_are_refused() -> None:
    with pytest.raises(LearnerError, match='toy: its layers cannot be told apart; "last" is its only one'):
        SequenceStates(ToySequences(), (), FeatureCache())
