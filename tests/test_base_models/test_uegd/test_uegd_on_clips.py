"""UEGD from files to predictions: drawn clips under tiny speech, image and text networks."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clips import tone, write_video
from support.networks import Killed
from support.regressions import MOOD
from support.speech import make_speech

from base_models.acoustic.body import load_body
from base_models.sequences.frames import load as load_images
from base_models.tiny import make_clip, make_text_encoder
from base_models.uegd.network import States
from base_models.uegd.uegd import Uegd, UegdTraining
from ensemble.content.scan import scan
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.system.progress import Label

TEXTS = ["so glad", "so sad", "glad", "sad and so so sad", None, "well"]
SECONDS = (1.0, 2.0, 1.0, 2.0, 1.0)
SMALL = {"hidden_width": 8, "width": 8, "heads": 2, "max_length": 16}
GLAD = Task("glad", ("no", "yes"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "text": str(make_text_encoder(folder / "text", ["so sad and glad well"])),
        "audio": str(make_speech(folder / "audio", "wavlm-large")),
        "video": str(make_clip(folder / "video", ["sad"])),
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six clips of a second or two, the third without sound, the fifth without a text, the last a text alone."""
    root = tmp_path_factory.mktemp("clips")
    for row, seconds in enumerate(SECONDS):
        write_video(root / f"{row}.mp4", seconds, sound=None if row == 2 else tone(seconds, 200 + 100 * row), seed=row)
    videos = [f"{row}.mp4" for row in range(5)]
    frame = pd.DataFrame({"id": list("abcdef"), "part": "train", "text": TEXTS, "video": [*videos, None]})
    frame["audio"] = [None if row == 2 else name for row, name in enumerate(frame["video"])]
    frame["mood"], frame["glad"] = [2.0, -2.0, 1.0, -1.0, 0.0, 0.5], ["yes", "no", "yes", "no", "no", "yes"]
    return scan(Dataset(frame, root, (MOOD, GLAD)))[0]


def make(models: dict[str, str], **changed: object) -> Uegd:
    how = UegdTraining(epochs=2, warmup=1, validation=0, workers=0, batch=2)
    return Uegd(**models, **{**SMALL, **changed}, training=how)  # type: ignore[arg-type]


@pytest.mark.parametrize("layer", ["last", "weighted", {"audio": 1, "text": "mean"}])
def test_clips_are_learned_from_and_predicted(models: dict[str, str], data: Dataset, layer: object) -> None:
    learner, cache = make(models, layer=layer), FeatureCache()
    learner.prepare(data, cache)
    learner.fit(data, MOOD, 0)
    values = learner.predict(data.without_labels())
    assert len(set(values)) == 6 and np.isfinite(values).all()
    gates, there = learner.modality_weights(data), data.frame[["text", "audio", "video"]].notna().to_numpy()
    assert gates is not None and (np.isnan(gates) == ~there).all()
    counted = dict(learner.training_info())["fit_posts"]
    assert counted == {"rows": 6, "without_text": 1, "without_audio": 2, "without_video": 1}


def test_classes_are_learned_too_and_a_saved_learner_predicts_the_same(
    models: dict[str, str], data: Dataset, tmp_path: Path
) -> None:
    learner = make(models)
    learner.fit(data, GLAD, 0)
    learner.save(tmp_path)
    loaded = make(models)
    loaded.load(tmp_path)
    values = loaded.predict_proba(data)
    np.testing.assert_array_equal(values, learner.predict_proba(data))
    np.testing.assert_allclose(values.sum(axis=1), 1)


def test_one_of_ten_frames_is_heard_and_so_many_a_second_are_seen(models: dict[str, str], data: Dataset) -> None:
    def steps(name: str, **changed: object) -> list[int]:
        learner = make(models, **changed)
        return learner._source().examples(data, 1, False).sequences[name].lengths.tolist()

    every = steps("audio", audio_stride=1)
    assert steps("audio", audio_stride=10) == [-(-count // 10) for count in every] and every[2] == 0
    assert steps("video", fps=4.0) == [4, 8, 4, 8, 4, 0]


def test_clips_that_are_cut_are_said_once(
    models: dict[str, str], data: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    learner, cache = make(models, max_seconds=1.5), FeatureCache()
    learner.prepare(data, cache)
    why = "are cut: longer than max_seconds = 1.5."
    assert caplog.messages == [
        f"{models['audio']}: 2 of 4 sounds {why}",
        f"{models['video']}: 2 of 5 videos {why}",
    ]
    learner.prepare(data, cache)
    assert len(caplog.messages) == 2


def test_a_run_killed_while_states_are_cached_goes_on_with_the_same_bytes(
    models: dict[str, str], data: Dataset, tmp_path: Path
) -> None:
    def third(items: Iterable[object], label: Label, total: int) -> Iterator[object]:
        nonlocal passes
        passes += 1
        if passes == 3:
            raise Killed
        return iter(items)

    passes = 0
    with pytest.raises(Killed):
        make(models, layer="weighted").prepare(data, FeatureCache(tmp_path / "killed", track=third))  # type: ignore[arg-type]
    for name in ("killed", "whole"):
        learner = make(models, layer="weighted")
        learner.prepare(data, FeatureCache(tmp_path / name))
        learner.fit(data, MOOD, 0)
        learner.save(tmp_path / f"{name}-model")
    for folder in ("", "-model"):
        left, right = tmp_path / f"killed{folder}", tmp_path / f"whole{folder}"
        files = sorted(path.relative_to(right) for path in right.rglob("*") if path.suffix in (".npy", ".safetensors"))
        assert files and all((left / path).read_bytes() == (right / path).read_bytes() for path in files)


def test_clips_that_find_no_room_are_one_clear_line(models: dict[str, str], data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match=r"uegd: the states of texts under .* take about .* set it to "):
        make(models).prepare(data, FeatureCache(tmp_path, image_bytes=100))


@pytest.mark.parametrize("modality", ["text", "audio", "video", "image"])
def test_an_encoder_is_as_large_as_its_configuration_says(
    models: dict[str, str], encoders: dict[str, str], modality: str
) -> None:
    learner = Uegd(**{modality: models.get(modality, encoders["image"])})
    encoder = learner._encoder(modality)
    assert learner._size(encoder) == States(encoder.layers, encoder.width)


def test_a_text_alone_is_predicted_where_the_other_encoders_were_never_loaded(
    models: dict[str, str], data: Dataset, tmp_path: Path
) -> None:
    learner = make(models)
    learner.fit(data, MOOD, 0)
    expected = learner.predict(data)[5]
    learner.save(tmp_path)
    for load in (load_body, load_images):
        load.cache_clear()
    loaded = make(models)
    loaded.load(tmp_path)
    alone = data.take([5]).without_labels()
    assert loaded.predict(alone) == pytest.approx(expected, abs=1e-6)
    assert load_body.cache_info().currsize == load_images.cache_info().currsize == 0


@pytest.mark.parametrize("layer", [1, "weighted"])
def test_inner_layers_of_another_width_are_refused(
    models: dict[str, str], encoders: dict[str, str], data: Dataset, layer: object
) -> None:
    learner = make({**models, "video": encoders["image"]}, layer={"video": layer})
    with pytest.raises(
        LearnerError, match=r'layer 1: its states have \d+ numbers, those of the last layer \d+; .*"last"'
    ):
        learner.fit(data, MOOD, 0)
