"""The four text networks of the Modality Ensemble at full size: minutes and gigabytes, so only with -m slow."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.world import SENTIMENT, toy_table

from base_models.textual.finetuned import Textual, TextualTraining
from base_models.textual.network import make_body
from base_models.tiny import FAMILIES

NETWORKS: dict[str, tuple[dict[str, Any], float]] = {  # the published configuration, millions of parameters
    "bert": (
        {
            "vocab_size": 30522,
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "max_position_embeddings": 512,
        },
        334.1,
    ),
    "gpt2": ({"vocab_size": 50257, "n_embd": 1024, "n_layer": 24, "n_head": 16, "n_positions": 1024}, 354.8),
    "transformer_xl": (
        {
            "vocab_size": 267735,
            "cutoffs": [20000, 40000, 200000],
            "div_val": 4,
            "d_embed": 1024,
            "d_model": 1024,
            "n_layer": 18,
            "n_head": 16,
            "d_head": 64,
            "d_inner": 4096,
            "mem_len": 1600,
            "clamp_len": 1000,
        },
        283.9,
    ),
    "xlnet": (
        {"vocab_size": 32000, "d_model": 1024, "n_layer": 24, "n_head": 16, "d_head": 64, "d_inner": 4096},
        360.3,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", NETWORKS)
def test_a_step_and_a_prediction_at_full_size(family: str, tmp_path: Path) -> None:
    published, millions = NETWORKS[family]
    data = toy_table(4)
    config = FAMILIES[family](tmp_path, [text for text in data.texts if text])  # a small tokenizer
    config.update(published)
    config.save_pretrained(tmp_path)
    with torch.device("meta"):  # nothing but the shapes
        body = make_body(str(tmp_path), False, 0)
    assert sum(one.numel() for one in body.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)

    training = TextualTraining(epochs=1, batch=2, validation=0, patience=0, clip=1.0)
    learner = Textual(str(tmp_path), pretrained=False, lstm_width=512, attention_width=512, training=training)
    learner.fit(data.take([0, 1]), SENTIMENT, seed=0)
    assert learner.training_info()["parameters"] / 1e6 > millions
    assert np.isfinite(learner.curve()[0]["loss"])
    values = learner.predict_proba(data.take([2]))
    assert np.isfinite(values).all() and values.sum() == pytest.approx(1)
