"""Posts as sequences: each row's own states, masked in training by seed, epoch and row alone, never copied whole."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from support.uegd import LAYERS, NAMES, WIDTH, ToyEncoder, clips

from base_models.faces.preparation import Faces
from base_models.sequences.states import SequenceStates
from base_models.uegd.examples import SequenceExamples, SequenceSource
from base_models.uegd.masks import Masks, Spans
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.jobs.ablation import hide

WHOLE = Faces("none", None, 3.0, FeatureCache())
ALL = tuple(range(1, LAYERS + 1))


def source_of(cache: FeatureCache, published_rows: bool = False, names: tuple[str, ...] = NAMES) -> SequenceSource:
    states = {name: SequenceStates(ToyEncoder(name), ALL, cache) for name in names}
    widths = dict.fromkeys(names, WIDTH)
    return SequenceSource(states, widths, Masks(Spans(2, 0.5), Spans(3, 0.2)), WHOLE, published_rows)


def examples_of(data: Dataset, cache: FeatureCache, training: bool = False) -> SequenceExamples:
    return source_of(cache).examples(data, 1, training)


@pytest.mark.parametrize("on_disk", [False, True])
def test_each_row_has_its_own_states_of_all_layers_and_zeros_beyond_them(on_disk: bool, tmp_path: Path) -> None:
    data = clips(12, missing=0.3)
    examples = examples_of(data, FeatureCache(tmp_path if on_disk else None))
    rows = [7, 2, 2, 11]
    batch = examples.batch(rows)
    for name in NAMES:
        for place, row in enumerate(rows):
            cell, length = data.cells(name)[row], int(batch[f"{name}_lengths"][place])
            states = batch[f"{name}_states"][place]
            assert states.shape[0] == LAYERS and states.shape[2] == WIDTH and not states[:, length:].any()
            assert (length == 0) == (cell is None)
            if cell is not None:
                own = ToyEncoder(name).encode(data, [row], ALL)
                assert all((states[at, :length].numpy() == own[at][0]).all() for at in range(LAYERS))
    assert examples.lengths[2] == sum(int(batch[f"{name}_lengths"][1]) for name in NAMES)


def test_masks_are_of_seed_epoch_and_row_alone_and_of_training_alone() -> None:
    examples = examples_of(clips(12), FeatureCache(), training=True)
    plain = examples.batch([3, 5])
    drawn = examples.augmented([(0, 1, 3), (0, 1, 5)])
    again = examples.augmented([(0, 1, 9), (0, 1, 3)])
    for name in NAMES:
        length = int(plain[f"{name}_lengths"][0])
        one = drawn[f"{name}_states"][0, :, :length]
        assert (one == again[f"{name}_states"][1, :, :length]).all(), "in any company"
    others = [(1, 1, 3), (0, 2, 3)]
    changed = {(seed, epoch): examples.augmented([(seed, epoch, 3)]) for seed, epoch, _ in [(0, 1, 3), *others]}
    flat = [torch.cat([batch[f"{name}_states"].flatten() for name in NAMES]) for batch in changed.values()]
    assert (flat[0] != flat[1]).any() and (flat[0] != flat[2]).any()
    assert not examples_of(clips(12), FeatureCache()).masks


def test_prediction_is_not_masked() -> None:
    data, cache = clips(5), FeatureCache()
    masked, plain = examples_of(data, cache, True).batch(range(5)), examples_of(data, cache).batch(range(5))
    assert all(masked[name].equal(plain[name]) for name in plain)


def test_a_hidden_modality_is_no_step_at_all() -> None:
    hidden = hide(clips(6), "audio")
    batch = examples_of(hidden, FeatureCache()).batch(range(6))
    assert not batch["audio_lengths"].any() and batch["audio_states"].shape == (6, LAYERS, 1, WIDTH)
    assert batch["text_lengths"].all()


def test_rows_with_anything_are_known_or_as_published_those_with_everything() -> None:
    data = clips(40, missing=0.5)
    there = np.array([[cell is not None for cell in data.cells(name)] for name in NAMES])
    usual, published = source_of(FeatureCache()), source_of(FeatureCache(), published_rows=True)
    assert usual.known(data).tolist() == np.flatnonzero(there.any(axis=0)).tolist()
    assert published.known(data).tolist() == np.flatnonzero(there.all(axis=0)).tolist()
    without = {f"without_{name}": int((~there[at]).sum()) for at, name in enumerate(NAMES)}
    assert usual.count(data, data) == {"rows": 40, **without}
    assert published.count(data, data) == {"rows": 40, **without, "left_out": int((~there.all(axis=0)).sum())}


def test_rows_that_are_left_out_as_published_are_said(caplog: pytest.LogCaptureFixture) -> None:
    data = clips(20).with_columns(video=None, video_hash=None)
    source_of(FeatureCache()).fill(data)
    assert not caplog.messages
    source_of(FeatureCache(), published_rows=True).fill(data)
    (said,) = caplog.messages
    assert said.startswith("uegd: published_rows leaves out 20 of 20 posts, those without text or audio or video;")


def test_states_without_room_are_refused_with_what_they_need(tmp_path: Path) -> None:
    data, cache = clips(200), FeatureCache(tmp_path, image_bytes=40_000)
    with pytest.raises(LearnerError) as refused:
        source_of(cache, names=("audio",)).fill(data)
    said = re.fullmatch(
        r"uegd: the states of toys under toy audio, 3 layers, take about ([\d,]+) bytes more, and run\.image_bytes = "
        r"40,000 leaves ([\d,]+); set it to ([\d,]+), or choose a single layer\.",
        str(refused.value),
    )
    assert said is not None, refused.value
    lacking, _, asked = (int(number.replace(",", "")) for number in said.groups())
    assert cache.used("states-") < 40_000 and 150_000 < lacking < 250_000
    source_of(FeatureCache(tmp_path, image_bytes=asked), names=("audio",)).fill(data)


def test_states_of_which_not_one_block_finds_room_are_refused_too(tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match=r"take about [\d,]+ bytes more, and run\.image_bytes = 10 leaves 10; set"):
        source_of(FeatureCache(tmp_path, image_bytes=10)).fill(clips(20))


def test_kept_states_need_no_room_and_are_not_computed_again(tmp_path: Path) -> None:
    data = clips(20)
    source_of(FeatureCache(tmp_path)).fill(data)
    again = source_of(FeatureCache(tmp_path, image_bytes=0))
    again.fill(data)
    assert len(again.examples(data, 1, False)) == 20
    assert all(states.encoder.encoded == 0 for states in again.states.values())  # type: ignore[attr-defined]


def test_a_batch_reads_maps_and_examples_hold_no_copy(tmp_path: Path) -> None:
    data = clips(20)
    source_of(FeatureCache(tmp_path)).fill(data)
    examples = examples_of(data, FeatureCache(tmp_path))
    held = [
        array for one in examples.sequences.values() for array in vars(one).values() if isinstance(array, np.ndarray)
    ]
    assert sum(array.nbytes for array in held) == 3 * 20 * (8 + 4 * LAYERS), "their lengths and means"
    assert isinstance(examples.sequences["text"]._states.find(data)[0][0], np.memmap)
