"""Whisper's encoder on real sounds: every layer, the last and the mean, alone and in company."""

import numpy as np
import pandas as pd
import pytest
from support import SHARED

from base_models.frozen import Frozen
from base_models.sequences.speech import SpeechEncoder
from base_models.sequences.states import SequenceStates
from ensemble.content.scan import scan
from ensemble.data import Dataset, Task
from ensemble.features import FeatureCache

pytestmark = pytest.mark.real_data
WHISPER = str(SHARED / "weights/whisper-tiny.en-encoder")
INTENSITY = Task("intensity", ("normal", "strong"))


@pytest.fixture(scope="module")
def sounds() -> Dataset:
    """A dozen clips of RAVDESS, said normally and strongly."""
    root = SHARED / "data/ravdess"
    chosen = pd.read_csv(root / "labels.csv", dtype=str).groupby("intensity").head(6)
    frame = chosen.rename(columns={"file": "audio"})[["audio", "intensity"]].assign(part="train", id=chosen["file"])
    return scan(Dataset(frame.reset_index(drop=True), root, (INTENSITY,)))[0]


def test_layers_by_number_the_last_and_the_mean(sounds: Dataset) -> None:
    encoder = SpeechEncoder(WHISPER)
    assert (encoder.layers, encoder.width) == (4, 384)
    layers = (0, 1, 2, 3, 4, -1, "last", "mean")
    states = SequenceStates(encoder, layers, FeatureCache())
    assert states.fill(sounds)
    *numbered, top, last, mean = states.find(sounds)
    for row in range(len(sounds)):
        seconds = len(last[row]) / 50
        assert 2.5 < seconds < 5.5  # fifty frames a second, of the clip alone
        np.testing.assert_array_equal(top[row], numbered[4][row])
        assert not np.allclose(top[row], last[row], atol=0.1)
        listed = [*(found[row] for found in numbered[:4]), last[row]]
        np.testing.assert_allclose(mean[row], np.mean(listed, axis=0, dtype=np.float32), rtol=2e-3, atol=2e-2)
    (alone,) = SequenceStates(encoder, [3], FeatureCache()).read(sounds.take([5]))
    np.testing.assert_array_equal(alone[0], numbered[3][5])


@pytest.mark.parametrize("layer", [3, -2, "last", "mean"])
def test_a_probe_learns_from_each(sounds: Dataset, layer: int | str) -> None:
    learner = Frozen(audio=WHISPER, audio_layer=layer, audio_pooling="mean_std")  # type: ignore[arg-type]
    learner.prepare(sounds, FeatureCache())
    learner.fit(sounds, INTENSITY, 0)
    assert (learner.predict_proba(sounds).argmax(axis=1) == sounds.codes(INTENSITY)).mean() > 0.8
