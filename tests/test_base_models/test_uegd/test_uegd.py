"""The learner UEGD over toy encoders: what it learns, counts, leaves out, records and refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.networks import Killed, killed_after
from support.regressions import MOOD
from support.uegd import NAMES, TINY, ToyUegd, clips

from base_models import LEARNERS
from base_models.uegd.uegd import Uegd, UegdTraining
from ensemble.data import Dataset
from ensemble.errors import ConfigError, LearnerError
from ensemble.features import FeatureCache
from ensemble.jobs.ablation import hide
from ensemble.learner import TrainingContext
from ensemble.learner_factory import make_learner

QUICK = {"epochs": 3, "warmup": 1, "validation": 0.2, "workers": 0}


def learner_of(training: dict[str, Any] | None = None, **changed: Any) -> ToyUegd:
    names = {name: "toy" for name in NAMES if changed.get(name, "toy")}
    how = UegdTraining.model_validate({**QUICK, **(training or {})})
    given = {name: value for name, value in changed.items() if name not in NAMES}
    return ToyUegd(**names, **{**TINY, **given}, training=how)


def fitted(learner: ToyUegd, data: Dataset, seed: int = 0) -> ToyUegd:
    learner.fit(data, MOOD, seed)
    return learner


LONG = {"epochs": 12, "lr": 1e-2, "warmup": 1}


@pytest.mark.parametrize("combine", ["gates", "concatenation"])
def test_what_one_modality_says_is_learned_in_the_company_of_others(combine: str) -> None:
    learner = fitted(learner_of(LONG, combine=combine), clips(200))
    new = clips(60, seed=1)
    assert np.corrcoef(learner.predict(new), new.labels(MOOD))[0, 1] > 0.9


def test_the_defaults_are_the_papers() -> None:
    how = UegdTraining()
    assert (how.epochs, how.batch, how.optimizer, how.lr, how.weight_decay) == (50, 16, "adam", 1e-4, 0)
    assert (how.schedule, how.warmup, how.patience, how.clip, how.stop_on) == (
        "cosine_by_epoch",
        10,
        None,
        None,
        "loss",
    )
    learner = Uegd(text="bert")
    assert (learner.hidden_width, learner.heads, learner.width, learner.dropout) == (256, 4, 128, 0.2)
    assert (learner.time_masks, learner.time_share, learner.feature_masks, learner.feature_share) == (2, 0.2, 10, 0.02)


def test_what_is_hidden_at_prediction_is_as_if_it_had_never_been_there() -> None:
    learner, new = fitted(learner_of(), clips(60)), clips(20, seed=1)
    hidden = hide(new, "audio")
    other = new.with_columns(audio=["9.0"] * 20, audio_hash=["9.0"] * 20)
    np.testing.assert_array_equal(learner.predict(hidden), learner.predict(hide(other, "audio")))
    assert not np.allclose(learner.predict(hidden), learner.predict(new), atol=1e-3)


def test_a_post_of_a_text_alone_is_predicted_by_a_learner_of_three(tmp_path: Path) -> None:
    learner = fitted(learner_of(), clips(60))
    learner.save(tmp_path)
    loaded = learner_of()
    loaded.load(tmp_path)
    new = clips(5, seed=1)
    alone = Dataset(new.frame[["id", "part", "text", "mood"]], new.root, new.tasks).without_labels()
    values = loaded.predict(alone)
    assert np.isfinite(values).all() and len(set(values)) > 1
    np.testing.assert_array_equal(values, learner.predict(hide(hide(new, "audio"), "video")))
    gates = loaded.modality_weights(alone)
    assert gates is not None and np.isnan(gates[:, 1:]).all() and ((gates[:, 0] > 0) & (gates[:, 0] < 1)).all()


def test_company_changes_no_prediction() -> None:
    learner, new = fitted(learner_of(layer="weighted"), clips(60, missing=0.2)), clips(20, seed=1, missing=0.2)
    together = learner.predict(new)
    alone = [float(learner.predict(new.take([row]))[0]) for row in range(20)]
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)


def test_missing_modalities_are_counted() -> None:
    data = clips(60, missing=0.3)
    learner = fitted(learner_of(), data)
    learner.predict(data.take(range(4)))
    info: dict[str, Any] = {**learner.training_info()}
    lacking = {f"without_{name}": int(data.frame[name].isna().sum()) for name in NAMES}
    assert info["fit_posts"] == {"rows": 60, **lacking}
    assert info["predicted_posts"]["rows"] == 4
    json.dumps(info)


def test_published_rows_are_fitted_on_and_predicted_alone() -> None:
    data = clips(60, missing=0.2)
    whole = data.frame[list(NAMES)].notna().all(axis=1).to_numpy()
    learner = learner_of({"validation": 0}, published_rows=True)
    found = fitted(learner, data).predict(data)
    assert learner.training_info()["fit_rows"] == whole.sum() and len(set(found[whole])) == whole.sum()
    assert set(found[~whole]) == {float(np.median(data.labels(MOOD)))}
    info: dict[str, Any] = {**learner.training_info()}
    assert info["fit_posts"]["left_out"] == info["predicted_posts"]["left_out"] == (~whole).sum() > 0
    gates = learner.modality_weights(data)
    assert gates is not None and np.isnan(gates[~whole]).all() and not np.isnan(gates[whole]).any()


def test_a_table_of_layers_names_them_by_modality_and_weights_go_into_the_record() -> None:
    learner = fitted(learner_of({"lr": 1e-2}, layer={"audio": "weighted", "text": 2}), clips(60))
    weights = learner.training_info()["layer_weights"]
    assert set(weights) == {"audio"} and len(weights["audio"]) == 3 and sum(weights["audio"]) == pytest.approx(1)
    assert weights["audio"] != pytest.approx([1 / 3] * 3, abs=1e-3)
    assert "layer_weights" not in fitted(learner_of(layer=2), clips(60)).training_info()


def test_gates_are_of_each_row_and_there_are_none_under_concatenation() -> None:
    data = clips(60, missing=0.2)
    gates = fitted(learner_of(), data).modality_weights(data)
    there = data.frame[list(NAMES)].notna().to_numpy()
    assert gates is not None and (np.isnan(gates) == ~there).all()
    assert ((gates[there] > 0) & (gates[there] < 1)).all()
    assert fitted(learner_of(combine="concatenation"), data).modality_weights(data) is None


def test_the_best_epoch_is_that_of_the_development_rows_and_nothing_is_fitted_on_them() -> None:
    data, aside = clips(60), clips(30, seed=2)
    learner = learner_of({"epochs": 6, "lr": 1e-2})
    learner.set_development(aside)
    learner.fit(data, MOOD, 0)
    info = learner.training_info()
    losses = np.array([row["validation_loss"] for row in learner.curve()])
    assert len(losses) == 6 and (info["fit_rows"], info["validation_rows"]) == (60, 30)
    assert info["best_epoch"] == 6 - int(np.argmin(losses[::-1]))
    middle = np.quantile(data.labels(MOOD), [0.25, 0.75])
    scale = (middle[1] - middle[0]) / 1.349
    error = np.abs(learner.predict(aside) - aside.labels(MOOD)).mean() / scale
    assert error == pytest.approx(losses.min(), rel=1e-4)


@pytest.mark.parametrize("steps", [5, 11])
def test_a_training_killed_on_the_way_ends_with_the_same_bytes(steps: int, tmp_path: Path) -> None:
    data = clips(60, missing=0.1)
    whole = fitted(learner_of({"checkpoint_minutes": 0}, layer="weighted"), data)
    whole.save(tmp_path / "whole")
    killed = learner_of({"checkpoint_minutes": 0}, layer="weighted")
    killed.set_context(TrainingContext(tmp_path / "training", track=killed_after(steps)))
    with pytest.raises(Killed):
        killed.fit(data, MOOD, 0)
    torch.manual_seed(99)
    again = learner_of({"checkpoint_minutes": 0}, layer="weighted")
    again.set_context(TrainingContext(tmp_path / "training"))
    fitted(again, data).save(tmp_path / "again")
    for name in ("uegd.safetensors", "uegd.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_masks_make_a_difference_and_can_be_switched_off() -> None:
    data = clips(60)
    masked, plain = fitted(learner_of(feature_share=0.5), data), fitted(learner_of(time_masks=0, feature_masks=0), data)
    assert not np.array_equal(masked.predict(data), plain.predict(data))


def test_each_layer_of_each_modality_alone_is_prepared_in_one_pass() -> None:
    learner, data, cache = learner_of(layer={"text": 2}), clips(20), FeatureCache()
    found = learner.layer_params()
    assert {name: list(layers) for name, layers in found.items()} == {name: [1, 2, 3] for name in NAMES}
    assert found["audio"][2] == {"text": None, "video": None, "layer": 2}
    learner.prepare_layers(data, cache)
    cache.image_bytes = 0  # what is not there now finds no room
    for name in NAMES:
        for params in found[name].values():
            alone = ToyUegd(**{**TINY, **dict.fromkeys(NAMES, "toy"), **params})  # type: ignore[arg-type]
            assert alone.modalities() == (name,)
            alone.prepare(data, cache)
    with pytest.raises(LearnerError, match="bytes more"):
        learner_of().prepare(data, cache)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "uegd needs an encoder: set one or more of text, image, audio, video"),
        ({"text": "bert", "layer": {"txt": 3}}, "layer: Unknown encoder 'txt'. Did you mean 'text'"),
        ({"text": "bert", "layer": "wieghted"}, "did you mean 'weighted'"),
        ({"text": "bert", "layer": 1.5}, "layer"),
        ({"text": "bert", "audio_stride": 5}, "uegd: audio_stride is of audio, and audio is not set"),
        ({"audio": "wavlm", "faces": "given"}, "uegd: faces is of video, and video is not set"),
        ({"text": "bert", "dropout": 1.0}, "dropout"),
        ({"text": "bert", "training": {"epochs": 5}}, "warmup"),
    ],
)
def test_what_makes_no_sense_is_refused(params: dict[str, object], message: str) -> None:
    with pytest.raises((ConfigError, LearnerError), match=message):
        make_learner(LEARNERS, "uegd", params, "base.uegd.params")


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(LearnerError, match=r"toy text: there is no layer 99; set 0 to 3"):
        learner_of(layer=99).fit(clips(10), MOOD, 0)
