"""Learners over frozen encoders on each layer: every content passes once for all of them, with the same bits."""

from pathlib import Path

import numpy as np
import pytest
from support.clips import tone, write_sound
from support.networks import one_core
from support.regressions import MOOD
from support.sequences import ToySequences, clips
from support.speech import make_speech
from support.uegd import DECISIVE, LAYERS, TINY, ToyEncoder, ToyUegd
from support.uegd import clips as toy_clips

from base_models.frozen import Frozen
from base_models.sequences.pooling import PooledStates
from base_models.textual.encoder import TextEncoder
from base_models.uegd.uegd import UegdTraining
from ensemble.bound_learners import LearnerSpec
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.folds import FoldSettings, make_plan
from ensemble.learner import HasLayers
from ensemble.run import Run
from ensemble.store import Store
from ensemble.tuning.layers import score_layers

TEXTS = ["great monday", None, "hate", "coffee cat boss meeting exam", "love " * 100]


@pytest.fixture(autouse=True)
def on_one_core():  # type: ignore[no-untyped-def]
    with one_core():
        yield


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("posts")
    for number in range(4):
        write_sound(folder / f"{number}.wav", tone(0.5 + number / 4, 300 + 90 * number))
    return clips(["0.wav", "1.wav", None, "2.wav", "3.wav"], folder).with_columns(text=TEXTS)


@pytest.fixture(scope="module")
def frozen(encoders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    speech = make_speech(tmp_path_factory.mktemp("speech") / "wavlm", "wavlm")
    return {"text": encoders["text"], "audio": str(speech)}


@pytest.fixture
def seen(encoders: dict[str, str]) -> dict[str, str]:
    return {"text": encoders["text"], "video": encoders["image"], "faces": "given"}


def test_pooled_features_of_all_layers_take_one_pass_and_no_states(tmp_path: Path) -> None:
    encoder, data = ToySequences(), clips([f"{steps}.wav" for steps in range(1, 10)])
    cache = FeatureCache(tmp_path)
    PooledStates(encoder, 1, "mean", cache).fill_layers(data, [1, 2])
    assert len(encoder.passes) == 3 and all(layers == [1, 2] for _, layers in encoder.passes)
    assert not list(tmp_path.glob("states-*"))
    for layer in (1, 2):
        pooled = PooledStates(encoder, layer, "mean", cache)
        pooled.fill(data)
        alone = PooledStates(ToySequences(), layer, "mean", FeatureCache())
        expected = alone.states.cache.get(*alone.request(data))
        np.testing.assert_array_equal(cache.get(*pooled.request(data)), expected)
    assert len(encoder.passes) == 3


def test_a_learner_of_another_layer_or_pooling_needs_no_pass_of_its_own(tmp_path: Path) -> None:
    encoder, data, cache = ToySequences(), clips([f"{steps}.wav" for steps in range(1, 10)]), FeatureCache(tmp_path)
    PooledStates(encoder, 1, "mean", cache).fill(data)
    passes = len(encoder.passes)
    for layer, pooling in ((2, "mean"), ("last", "mean"), (1, "max"), (1, "mean_std")):
        PooledStates(encoder, layer, pooling, cache).fill(data)  # type: ignore[arg-type]
    assert len(encoder.passes) == passes
    assert len(list(tmp_path.glob("states-*"))) == 1, "states of the layer that was asked for"


def test_frozen_features_of_each_layer_are_those_it_has_alone(
    posts: Dataset, frozen: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, learner = FeatureCache(), Frozen(**frozen, max_length=32)
    params = learner.layer_params()
    assert {name: list(of) for name, of in params.items()} == {"text": [1], "audio": [1, 2]}
    expected = {}
    for name, of in params.items():
        for layer, changed in of.items():
            alone = Frozen(**{"max_length": 32, **frozen, **changed})  # type: ignore[arg-type]
            assert alone.modalities() == (name,)
            alone.prepare(posts, FeatureCache())
            expected[name, layer] = alone._blocks(posts)[0]
    learner.prepare_layers(posts, cache)

    def never(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(TextEncoder, "encode_layers", never)
    monkeypatch.setattr("base_models.sequences.speech.SpeechEncoder.encode", never)
    for name, of in params.items():
        for layer, changed in of.items():
            alone = Frozen(**{"max_length": 32, **frozen, **changed})  # type: ignore[arg-type]
            alone.prepare(posts, cache)
            np.testing.assert_array_equal(alone._blocks(posts)[0], expected[name, layer])


def test_alone_on_a_layer_a_learner_has_no_other_encoder_and_no_faces_without_videos(seen: dict[str, str]) -> None:
    params = Frozen(**seen, fps=5.0).layer_params()  # type: ignore[arg-type]
    assert params["text"][1] == {"video": None, "faces": "none", "fps": 3.0, "text_layer": 1}
    assert Frozen(**{**seen, "fps": 5.0, **params["text"][1]}).modalities() == ("text",)  # type: ignore[arg-type]


def test_alone_on_a_layer_a_learner_has_no_layer_of_another_encoder(frozen: dict[str, str], posts: Dataset) -> None:
    params = Frozen(**frozen, text_layer=1).layer_params()
    assert params["audio"][2] == {"text": None, "text_layer": None, "audio_layer": 2}
    Frozen(**{**frozen, "text_layer": 1, **params["audio"][2]}).check_models(posts, FeatureCache())  # type: ignore[arg-type]


def test_the_layer_that_shows_it_is_found_under_uegd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy_clips(90)
    plan = make_plan(data, np.arange(90), FoldSettings(k=3))
    how = {"epochs": 6, "warmup": 1, "validation": 0.2, "workers": 0, "lr": 3e-3}
    params = {**TINY, "text": "toy", "audio": "toy", "layer": {"audio": 1}, "training": how}
    spec = LearnerSpec("toy", "toy", params)
    run = Run(
        Store(tmp_path), plan.with_groups(data), plan, {"toy": "support.uegd:ToyUegd"}, (spec,), cache=FeatureCache()
    )
    encoded: list[tuple[int, int]] = []
    encode = ToyEncoder.encode

    def counted(self: ToyEncoder, data: Dataset, rows: list[int], layers: list[int]) -> object:
        encoded.append((len(rows), len(layers)))
        return encode(self, data, rows, layers)

    monkeypatch.setattr(ToyEncoder, "encode", counted)
    found = score_layers(run, "toy", MOOD)
    by_modality = {curve["modality"]: curve for curve in found["curves"]}
    assert by_modality[DECISIVE]["best"] == 2, "the layer that shows the number best"
    assert [of["layer"] for of in by_modality[DECISIVE]["layers"]] == list(range(1, LAYERS + 1))
    assert sum(rows for rows, layers in encoded if layers == LAYERS) == 2 * 90, "each content once, for all layers"


def test_states_of_all_layers_that_find_no_room_are_refused() -> None:
    learner = ToyUegd(text="toy", training=UegdTraining())
    assert isinstance(learner, HasLayers)
    with pytest.raises(LearnerError, match=r"3 layers, take about .* leaves 10; set it to"):
        learner.prepare_layers(toy_clips(40), FeatureCache(image_bytes=10))
