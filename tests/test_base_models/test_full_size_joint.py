"""The published joint networks at full size: minutes and gigabytes, so only with -m slow."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from photos import photographed
from world import SENTIMENT

from base_models.multimodal.flava import Flava, FlavaTraining
from base_models.multimodal.flava_network import make_flava
from base_models.tiny import make_text_encoder
from ensemble.features import FeatureCache


@pytest.mark.slow
def test_a_step_and_a_prediction_of_flava_at_full_size(tmp_path: Path) -> None:
    from transformers import FlavaConfig

    data = photographed(tmp_path / "images", ((300, 200), (200, 300), (224, 224)))
    data = data.with_columns(text=["i hate monday", "coffee", "so much love for a monday"])
    folder = make_text_encoder(tmp_path / "flava", ["i hate monday coffee so much love for a"])  # a small tokenizer
    (folder / "model.safetensors").unlink()
    FlavaConfig().save_pretrained(folder)  # facebook/flava-full
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"feature_extractor_type": "FLAVAFeatureExtractor", "size": 224, "crop_size": 224})
    )
    with torch.device("meta"):  # nothing but the shapes
        body = make_flava(str(folder), False, 128, 0)
    assert sum(one.numel() for one in body.parameters()) / 1e6 == pytest.approx(241.36, abs=0.01)

    how = FlavaTraining(epochs=1, batch=2, resample=0, validation=0, patience=0)
    learner = Flava(str(folder), pretrained=False, training=how)
    learner.prepare(data, FeatureCache())
    learner.fit(data.take([0, 1]), SENTIMENT, seed=0)
    facts = learner.facts()
    assert facts["parameters"] / 1e6 == pytest.approx(239.58, abs=0.01)
    assert facts["trainable_parameters"] / 1e6 == pytest.approx(44.89, abs=0.01)
    assert np.isfinite(learner.curve()[0]["loss"])
    values = learner.predict_proba(data.take([2]))
    assert np.isfinite(values).all() and values.sum() == pytest.approx(1)
