"""The four networks of the Modality Ensemble at their own input sizes: minutes and gigabytes, so only with -m slow."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.photos import photographed
from support.world import SENTIMENT

from base_models.visual.finetuned import Visual, VisualTraining
from base_models.visual.network import make_classifier, preprocessing_of

NETWORKS = {  # input size, millions of parameters for 3 and for 1,000 classes
    "inception_resnet_v2": (299, 54.3, 55.8),
    "polynet": (331, 93.3, 95.4),
    "legacy_senet154": (224, 113.0, 115.1),
    "pnasnet5large": (331, 81.7, 86.1),
}


@pytest.mark.slow
@pytest.mark.parametrize("model", NETWORKS)
def test_a_step_and_ten_views_of_a_post_at_full_size(model: str, tmp_path: Path) -> None:
    size, of_three, of_thousand = NETWORKS[model]
    how = preprocessing_of(model, None, None, None, None, None)
    assert how.size == (size, size)
    with torch.device("meta"):  # nothing but the shapes
        published = make_classifier(model, 1000, False, None, None, 0, how)
    assert sum(one.numel() for one in published.parameters()) / 1e6 == pytest.approx(of_thousand, abs=0.1)

    data = photographed(tmp_path, [(400, 300), (320, 480)], ["negative", "positive"])
    # Gradients through the random weights of so many layers are huge; a plain step would be the last.
    learner = Visual(model, pretrained=False, training=VisualTraining(epochs=1, batch=2, clip=1.0))
    learner.fit(data, SENTIMENT, seed=0)
    assert learner.training_info()["parameters"] / 1e6 == pytest.approx(of_three, abs=0.1)
    assert np.isfinite(learner.curve()[0]["loss"])
    values, spread = learner.predict_with_spread(data.take([0]))
    assert np.isfinite(values).all() and np.isfinite(spread).all()
    assert values.sum() == pytest.approx(1) and (spread > 0).any()
