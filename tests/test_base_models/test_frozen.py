"""Frozen encoders of sounds and videos: encoded once, pooled over time, missing ones usual, records as they were."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.clips import tone, write_sound, write_video
from support.networks import one_core
from support.speech import make_speech
from support.world import SARCASM

from base_models import LEARNERS
from base_models.frozen import Frozen
from ensemble.bound_learners import LearnerSpec, bind_learner
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.errors import ConfigError, LearnerError
from ensemble.features import FeatureCache
from ensemble.jobs.ablation import hide

ROWS = 12


@pytest.fixture(autouse=True)
def on_one_core():  # type: ignore[no-untyped-def]
    with one_core():
        yield


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_speech(tmp_path_factory.mktemp("speech") / "wavlm", "wavlm"))


@pytest.fixture(scope="module")
def posts_with_clips(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Sounds that rise or fall, and videos, one without sound; some posts lack one of them, one has a web page."""
    folder = tmp_path_factory.mktemp("posts")
    table = []
    for number in range(ROWS):
        label = number % 2
        low, high = ((200, 1200), (1200, 200))[label]
        write_sound(folder / f"{number}.wav", tone(0.4 + number / 40, low + 3 * number, high))
        if number < 4:
            write_video(folder / f"{number}.mp4", 1.0, sound=None if number == 1 else tone(1.0), seed=number)
        table.append(
            {
                "id": f"p{number}",
                "part": "train",
                "text": f"rise {number}",
                "audio": None if number == 3 else f"{number}.wav",
                "video": f"{number}.mp4" if number < 4 else None,
                SARCASM.name: str(label),
            }
        )
    (folder / "5.wav").write_text("<html>")
    return scan(Dataset(pd.DataFrame(table, dtype=object), folder, (SARCASM,)))[0]


def predictions(learner: Frozen, data: Dataset, cache: FeatureCache) -> Any:
    learner.prepare(data.without_labels(), cache)
    learner.fit(data, SARCASM, 0)
    return learner.predict_proba(data)


def test_sounds_and_videos_teach_and_missing_ones_are_predicted_for(
    posts_with_clips: Dataset, speech: str, encoders: dict[str, str], tmp_path: Path
) -> None:
    learner = Frozen(audio=speech, audio_layer=1, video=encoders["image"], video_pooling="mean_std", fps=2)
    assert learner.modalities() == ("audio", "video")
    found = predictions(learner, posts_with_clips, FeatureCache(tmp_path / "cache"))
    assert (found.argmax(axis=1) == posts_with_clips.codes(SARCASM)).mean() > 0.8
    learner.save(tmp_path)
    loaded = Frozen(audio=speech, audio_layer=1, video=encoders["image"], video_pooling="mean_std", fps=2)
    loaded.load(tmp_path)
    loaded.prepare(posts_with_clips, FeatureCache())
    np.testing.assert_array_equal(loaded.predict_proba(posts_with_clips), found)
    hidden = loaded.predict_proba(hide(hide(posts_with_clips, "audio"), "video"))
    assert np.isfinite(hidden).all() and len(np.unique(hidden, axis=0)) == 1


def test_without_a_column_of_sounds_those_of_the_videos_count(posts_with_clips: Dataset, speech: str) -> None:
    videos = replace(
        posts_with_clips, frame=posts_with_clips.frame[["id", "part", "text", "video", SARCASM.name]].head(4)
    )
    data = scan(videos)[0]
    learner = Frozen(audio=speech)
    learner.prepare(data, FeatureCache())
    (features,) = learner._blocks(data)
    assert np.isnan(features).any(axis=1).tolist() == [False, True, False, False]  # one has a picture alone


def test_a_second_learner_pays_only_for_its_probe(
    posts_with_clips: Dataset, speech: str, encoders: dict[str, str], tmp_path: Path
) -> None:
    first = predictions(Frozen(audio=speech, video=encoders["image"]), posts_with_clips, FeatureCache(tmp_path))
    cache = FeatureCache(tmp_path)
    second = Frozen(audio=speech, video=encoders["image"], probe="svm")
    assert predictions(second, posts_with_clips, cache).shape == first.shape
    assert not cache.spent  # seconds of any encoding
    predictions(Frozen(audio=speech, audio_pooling="max"), posts_with_clips, cache)
    assert [name.startswith("audio-") for name in cache.spent] == [True]  # pooled from states that are kept


def test_no_room_for_states_changes_no_bit(posts_with_clips: Dataset, speech: str) -> None:
    whole, none = (
        predictions(Frozen(audio=speech, audio_layer="mean"), posts_with_clips, FeatureCache(image_bytes=size))
        for size in (10**9, 0)
    )
    np.testing.assert_array_equal(whole, none)


def test_of_an_encoder_whose_features_are_kept_nothing_is_needed(
    posts_with_clips: Dataset, speech: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = Frozen(audio=speech)
    learner.prepare(posts_with_clips, FeatureCache(tmp_path))
    monkeypatch.setattr("base_models.frozen.check_available", lambda model: pytest.fail("it was looked for"))
    learner.check_models(posts_with_clips, FeatureCache(tmp_path))


def test_a_folder_without_a_network_is_refused_before_the_first_job(posts_with_clips: Dataset, tmp_path: Path) -> None:
    for learner in (Frozen(audio=str(tmp_path)), Frozen(video=str(tmp_path))):
        with pytest.raises(LearnerError, match=r"Cannot load model .*: there is no config\.json in that folder"):
            learner.check_models(posts_with_clips, FeatureCache())
    with pytest.raises(LearnerError, match="No such model folder"):
        Frozen(video="./gone").sources()


def test_a_layer_of_an_encoder_that_is_not_set_is_refused_before_the_first_job(
    posts_with_clips: Dataset, encoders: dict[str, str]
) -> None:
    with pytest.raises(LearnerError, match="text_layer = 0 is of no encoder: text is not set"):
        Frozen(image=encoders["image"], text_layer=0).check_models(posts_with_clips, FeatureCache())
    Frozen(text=encoders["text"], audio_layer="last").check_models(posts_with_clips, FeatureCache())


def test_what_is_not_used_is_in_no_record(speech: str) -> None:
    def recorded(**params: object) -> dict[str, object]:
        return bind_learner(LEARNERS, LearnerSpec("x", "frozen", params), Path()).params

    new = {"audio", "audio_layer", "audio_pooling", "video", "video_layer", "video_pooling", "fps", "max_seconds"}
    assert not new & set(recorded(text="bert"))
    assert new & set(recorded(audio=speech)) == {"audio", "audio_layer", "audio_pooling", "max_seconds"}
    assert new & set(recorded(video="vit")) == {"video", "video_layer", "video_pooling", "fps", "max_seconds"}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "frozen needs an encoder: set image, text, audio or video, or several of them"),
        ({"audio": "a", "audio_layer": "first"}, r"params.audio_layer = 'first': must be .*'last' or 'mean'"),
        ({"audio": "a", "audio_pooling": "std"}, r"params.audio_pooling = 'std': must be 'mean', 'mean_std' or 'max'"),
        ({"text": "t", "audio_layer": 3}, r"frozen: audio_layer is of audio, and audio is not set"),
        ({"audio": "a", "fps": 5.0}, r"frozen: fps is of video, and video is not set"),
        ({"image": "i", "max_seconds": 5.0}, r"max_seconds is of audio and video, and audio and video are not set"),
        ({"video": "v", "faces": "given", "face_margin": 9}, r'face_margin is set, and faces = "given" looks for none'),
        ({"video": "v", "fps": 0}, r"params.fps = 0: must be above 0"),
        ({"video": "v", "max_seconds": 1e6}, r"params.max_seconds = 1000000.0: must be at most 600"),
    ],
)
def test_parameters_that_cannot_be_are_refused(params: dict[str, object], message: str) -> None:
    with pytest.raises((ConfigError, LearnerError), match=message):
        bind_learner(LEARNERS, LearnerSpec("x", "frozen", params), Path())


def test_a_layer_there_is_not_is_refused(posts_with_clips: Dataset, speech: str) -> None:
    with pytest.raises(LearnerError, match=r"there is no layer 3; set 0 to 2, -1 for the highest"):
        Frozen(audio=speech, audio_layer=3).prepare(posts_with_clips, FeatureCache())
