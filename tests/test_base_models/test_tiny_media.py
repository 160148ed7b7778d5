"""The tiny encoders of the demo tell what it draws: a tone that rises from one that falls, a smile from a frown."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

from base_models.acoustic.body import make_body, states
from base_models.sequences.frames import load
from base_models.tiny_media import make_frame_encoder, make_speech_encoder
from cli.drawn_clips import Clip, draw_frames, invent, invent_speakers, speak


@pytest.fixture
def clips(random: np.random.Generator) -> list[Clip]:
    speakers = invent_speakers(20, random)
    return [invent(speakers, random) for _ in range(120)]


def correlation(features: np.ndarray, told: list[float]) -> float:
    """Of what a ridge regression makes of features that it was not fitted on with what they should tell."""
    centred = features - features.mean(axis=0)
    centred /= np.sqrt(np.square(centred).sum(axis=1).mean())
    return float(np.corrcoef(cross_val_predict(RidgeCV(np.logspace(-4, 0, 5)), centred, told), told)[0, 1])


def test_a_tone_that_rises_is_told_from_one_that_falls(tmp_path: Path, clips: list[Clip]) -> None:
    body = make_body(str(make_speech_encoder(tmp_path / "audio", [speak(clip) for clip in clips[:20]])), True, 0).eval()
    last = [states(body, speak(clip))[-1].astype(np.float32) for clip in clips]
    assert abs(np.concatenate(last[:20]).mean()) < 0.01
    pooled = np.stack([np.concatenate([each.mean(axis=0), each.std(axis=0)]) for each in last])
    assert correlation(pooled, [clip.tone for clip in clips]) > 0.8


def test_a_smile_is_told_from_a_frown(tmp_path: Path, clips: list[Clip]) -> None:
    import torch

    pictures = [draw_frames(clip)[-1] for clip in clips]
    network = load(str(make_frame_encoder(tmp_path / "video", pictures[:20])), "")
    pixels = np.stack([np.asarray(each.resize((32, 32)), dtype=np.float32).transpose(2, 0, 1) for each in pictures])
    with torch.inference_mode():
        last = network.run(torch.from_numpy(pixels / 127.5 - 1))[1]
    assert abs(float(last[:20].mean())) < 0.01
    assert correlation(last.numpy(), [clip.face for clip in clips]) > 0.8
