"""The published joint networks at full size: minutes and gigabytes, so only with -m slow."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.photos import photographed
from support.world import SENTIMENT

from base_models.multimodal.clip import Clip, ClipTraining
from base_models.multimodal.flava import Flava, FlavaTraining
from base_models.multimodal.flava_network import make_flava
from base_models.tiny import make_clip, make_text_encoder
from ensemble.data import Dataset
from ensemble.features import FeatureCache

HEAD = 2 * 512 * 3 + 3
ADAPTERS = 2 * 12 * (512 + 512 + 768 + 768)  # of rank 1, for queries and values of 12 layers in both encoders


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """ViT-B/32 as published, but for its weights and words."""
    from transformers import CLIPConfig, CLIPModel

    folder = make_clip(tmp_path_factory.mktemp("clip"), ["so sad", "so happy"])
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    said = json.loads((folder / "preprocessor_config.json").read_text())
    sizes = {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    (folder / "preprocessor_config.json").write_text(json.dumps({**said, **sizes}))
    return str(folder)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    seen = photographed(tmp_path, [(400, 300), (320, 480)], ["negative", "positive"])
    return seen.with_columns(text=["so sad", "so very happy"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("train", "millions", "trained"),
    [
        ("none", 151.28, 0),
        ("head", 151.28, HEAD),
        ("lora", 151.34, HEAD + ADAPTERS),
        ("full", 151.28, 151_277_312 + HEAD),
    ],
)
def test_clip_at_full_size(clip: str, data: Dataset, train: str, millions: float, trained: int, tmp_path: Path) -> None:
    learner = Clip(clip, train, training=ClipTraining(epochs=1, batch=2))  # type: ignore[arg-type]
    learner.fit(data, SENTIMENT, seed=0)
    facts = learner.training_info()
    assert facts["parameters"] / 1e6 == pytest.approx(millions, abs=0.01), "published: 151.3, and 152 with a head"
    assert facts["trainable_parameters"] == trained
    assert all(np.isfinite(row["loss"]) for row in learner.curve())
    values = learner.predict_proba(data.take([1]))
    assert np.isfinite(values).all() and values.sum() == pytest.approx(1)
    learner.save(tmp_path)
    kept = (tmp_path / "joint.safetensors").stat().st_size
    assert kept > 6e8 if train == "full" else kept < 3e5


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
    facts = learner.training_info()
    assert facts["parameters"] / 1e6 == pytest.approx(239.58, abs=0.01)
    assert facts["trainable_parameters"] / 1e6 == pytest.approx(44.89, abs=0.01)
    assert np.isfinite(learner.curve()[0]["loss"])
    values = learner.predict_proba(data.take([2]))
    assert np.isfinite(values).all() and values.sum() == pytest.approx(1)
