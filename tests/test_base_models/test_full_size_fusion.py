"""The fusion of joint fine-tuning at full size: minutes and gigabytes, so only with -m slow."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.photos import photographed
from support.world import SENTIMENT

from base_models.multimodal.combination import Combine
from base_models.multimodal.fusion import Fusion, FusionTraining
from base_models.textual.network import make_body
from base_models.tiny import FAMILIES
from base_models.visual.network import make_classifier, preprocessing_of

WORDS = ["great monday", "I hate meetings"]


def distilbert(folder: Path) -> str:
    """DistilBERT-base-uncased as published, but for its weights and its vocabulary."""
    from transformers import DistilBertConfig

    FAMILIES["bert"](folder, WORDS)
    DistilBertConfig().save_pretrained(folder)
    return str(folder)


def millions(network: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


@pytest.mark.slow
@pytest.mark.parametrize(("combine", "expected"), [("attention", 90.3), ("concatenation", 90.26), ("gate", 90.26)])
def test_fusion_of_resnet50_and_distilbert_steps_and_predicts_at_full_size(
    tmp_path: Path, combine: Combine, expected: float
) -> None:
    """Published: 23.5 million of ResNet-50, 66.4 of DistilBERT, 90.3 together; their concatenation, whose layers are
    not printed, has 90.0."""
    text = distilbert(tmp_path)
    how = preprocessing_of("resnet50", None, None, None, None, None)
    with torch.device("meta"):  # nothing but the shapes
        images, texts = make_classifier("resnet50", 0, False, None, None, 0, how), make_body(text, False, 0)
    assert millions(images) == pytest.approx(23.5, abs=0.05) and millions(texts) == pytest.approx(66.4, abs=0.05)

    data = photographed(tmp_path / "images", [(400, 300), (320, 480)], ["negative", "positive"])
    data = data.with_columns(text=WORDS)
    training = FusionTraining(epochs=1, batch=2, patience=None)
    learner = Fusion("resnet50", text, pretrained=False, combine=combine, width=128, training=training)
    learner.fit(data, SENTIMENT, seed=0)
    assert learner.training_info()["parameters"] / 1e6 == pytest.approx(expected, abs=0.01)
    assert np.isfinite(learner.curve()[0]["loss"])
    values = learner.predict_proba(data)
    assert np.isfinite(values).all() and values.sum(axis=1) == pytest.approx(1)
