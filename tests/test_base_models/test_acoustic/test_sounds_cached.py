"""Sounds decoded once: what is kept of them, within what room, what is counted, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clips import cut, write_sound, write_video
from support.networks import one_core
from support.speech import sound
from support.world import SENTIMENT

from base_models.acoustic.body import load_family
from base_models.acoustic.masking import TimeMasks
from base_models.acoustic.sounds import SoundSource
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache

NO_MASKS = TimeMasks(0, 0.0)
KINDS = ["whisper", "wav2vec2-base"]


@pytest.fixture(autouse=True)
def on_one_core():  # type: ignore[no-untyped-def]
    with one_core():
        yield


def heard(folder: Path, files: list[str | None], column: str = "audio") -> Dataset:
    frame = pd.DataFrame({"id": [f"post{row}" for row in range(len(files))], column: files}, dtype=object)
    return Dataset(frame.assign(text=None, part="train", sentiment="neutral"), folder, (SENTIMENT,))


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """A second, three seconds, nothing, and one that is cut off."""
    write_sound(tmp_path / "one.wav", sound(16_000))
    write_sound(tmp_path / "three.flac", sound(48_000, seed=1))
    cut(write_sound(tmp_path / "broken.wav", sound(24_000, seed=2)), 0.5)
    return heard(tmp_path, ["one.wav", "three.flac", None, "broken.wav"])


def source_of(
    kind: str, encoders: dict[str, str], cache: FeatureCache | None = None, seconds: float = 30.0
) -> SoundSource:
    return SoundSource(load_family(encoders[kind]), seconds, cache or FeatureCache(), NO_MASKS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_gives_the_inputs_again(kind: str, encoders: dict[str, str]) -> None:
    family = load_family(encoders[kind])
    samples = sound(5000)
    kept, inputs = family.keep(samples), family.inputs(samples)
    assert kept.dtype.itemsize == 2 and kept.shape == inputs.shape
    np.testing.assert_allclose(family.restore(kept), inputs, atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_is_decoded_once_and_read_from_disk_again(
    kind: str, encoders: dict[str, str], data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = data.take([0, 1, 3])
    source_of(kind, encoders, FeatureCache(tmp_path / "cache")).fill(data)
    monkeypatch.setattr("base_models.acoustic.sounds.read_sound", None)
    again = source_of(kind, encoders, FeatureCache(tmp_path / "cache")).examples(known, 1, False)
    monkeypatch.undo()
    fresh = source_of(kind, encoders).examples(known, 1, False)
    batches = [examples.batch([0, 1, 2]) for examples in (again, fresh)]
    assert all((batches[0][name] == batches[1][name]).all() for name in ("inputs", "lengths"))
    assert (again.lengths == fresh.lengths).all() and again.lengths[1] == 3 * again.lengths[0]


def test_networks_that_read_samples_share_what_is_kept(encoders: dict[str, str]) -> None:
    kinds = ["wav2vec2", "wavlm", "hubert", "unispeech", "wav2vec2-base"]
    assert len({source_of(kind, encoders).key for kind in kinds}) == 1
    others = [source_of("whisper", encoders), source_of("wavlm", encoders, seconds=2.0), source_of("wavlm", encoders)]
    assert len({source.key for source in others}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_counted_by_what_there_is_to_hear(kind: str, encoders: dict[str, str], data: Dataset) -> None:
    counted = source_of(kind, encoders, seconds=2.0).count(data, data)
    assert counted == {"rows": 4, "missing": 1, "cut": 1, "damaged": 1}


def test_whisper_cuts_what_its_positions_do_not_hold_and_says_so(
    encoders: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_sound(tmp_path / "five.wav", sound(80_000))
    data = heard(tmp_path, ["five.wav"])
    source = source_of("whisper", encoders)
    source.fill(data)
    assert "1 of 1 sounds are longer than 4 s and are cut." in caplog.text
    assert source.count(data, data)["cut"] == 1 and source.examples(data, 1, False).lengths.tolist() == [400]


def test_sounds_that_find_no_room_are_decoded_at_every_use(
    encoders: dict[str, str], data: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = FeatureCache(tmp_path / "cache", image_bytes=10)
    source, known = source_of("whisper", encoders, cache), data.take([0, 1, 3])
    source.fill(data)
    assert "3 of 3 sounds are decoded at every use" in caplog.text
    assert source.count(data, data)["rows"] == 4
    unkept, kept = source.examples(known, 1, False), source_of("whisper", encoders).examples(known, 1, False)
    assert (unkept.batch([1, 0])["inputs"] == kept.batch([1, 0])["inputs"]).all()
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_kept_sounds_count_towards_the_budget(encoders: dict[str, str], data: Dataset, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache")
    source_of("wavlm", encoders, cache).fill(data)
    assert cache.room() == cache.image_bytes - cache.used("sounds-") < cache.image_bytes


def test_a_file_that_has_gone_since_the_scan_is_named(encoders: dict[str, str], data: Dataset, tmp_path: Path) -> None:
    known = data.take([0])
    (tmp_path / "one.wav").write_bytes(b"gone")
    source_of("whisper", encoders).fill(known)  # nothing would be remembered of it
    with pytest.raises(LearnerError, match=r"one\.wav could be read when scanned and cannot be now"):
        source_of("whisper", encoders).examples(known, 1, False)


def test_the_sound_of_a_video_serves(encoders: dict[str, str], tmp_path: Path) -> None:
    write_video(tmp_path / "loud.mp4", sound=sound(32_000))
    write_video(tmp_path / "mute.mp4")
    data = scan(heard(tmp_path, ["loud.mp4", "mute.mp4"], "video"))[0]
    source = source_of("whisper", encoders)
    assert source.known(data).tolist() == [0]
    assert source.count(data, data)["missing"] == 1
    assert abs(source.examples(data.take([0]), 1, False).lengths[0] - 200) < 15
