"""UEGD as published, at full size: minutes and gigabytes, so only with -m slow.

On one core of a busy machine two clips of three seconds take 84 s through the three encoders, a step of the training
1.7 s, and all of it 5.0 GiB, of which the encoders' weights are 3.7.
"""

import json
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clips import tone, write_video
from support.regressions import MOOD

from base_models.tiny import make_text_encoder
from base_models.uegd.uegd import Uegd, UegdTraining
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.features import FeatureCache


@pytest.fixture
def models(tmp_path: Path) -> dict[str, str]:
    """BERT-large, WavLM-large and CLIP ViT-L/14 as published, but for their weights and words."""
    from transformers import AutoModel, BertConfig, CLIPVisionConfig, WavLMConfig

    large = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    even = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}
    configs = {
        "text": BertConfig(vocab_size=30_522, **large),
        "audio": WavLMConfig(**large, **even),
        "video": CLIPVisionConfig(**large, image_size=224, patch_size=14),
    }
    make_text_encoder(tmp_path / "text", ["so sad and glad well"])  # a small tokenizer
    for name, config in configs.items():
        AutoModel.from_config(config).save_pretrained(tmp_path / name)  # type: ignore[no-untyped-call]
    sound = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True, "sampling_rate": 16_000}
    (tmp_path / "audio" / "preprocessor_config.json").write_text(json.dumps(sound))
    sizes = {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    picture = {"image_processor_type": "CLIPImageProcessor", **sizes}
    (tmp_path / "video" / "preprocessor_config.json").write_text(json.dumps(picture))
    return {name: str(tmp_path / name) for name in configs}


@pytest.mark.slow
def test_a_clip_through_all_three_encoders_and_a_step_of_training(models: dict[str, str], tmp_path: Path) -> None:
    for row in range(2):
        write_video(tmp_path / f"{row}.mp4", 3.0, sound=tone(3.0, 200 + 300 * row), seed=row, size=(640, 360))
    videos = ["0.mp4", "1.mp4"]
    frame = pd.DataFrame({"id": ["a", "b"], "part": "train", "text": ["so glad", "sad"], "video": videos})
    data = scan(Dataset(frame.assign(audio=videos, mood=[1.0, -1.0]), tmp_path, (MOOD,)))[0]
    how = UegdTraining(epochs=1, warmup=0, validation=0)
    learner, cache = Uegd(**models, layer="weighted", training=how), FeatureCache(tmp_path / "cache")
    began = time.monotonic()
    learner.prepare(data, cache)
    encoded = time.monotonic() - began
    assert cache.used("states-") / 1e6 == pytest.approx(2 * 24 * 1024 * 2 * (3 * 3 + 15 + 4) / 1e6, rel=0.2)
    began = time.monotonic()
    learner.fit(data, MOOD, 0)
    trained = time.monotonic() - began
    info = learner.training_info()
    assert info["parameters"] == 1_400_908
    assert np.isfinite(learner.predict(data)).all()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"two clips of 3 s encoded in {encoded:.0f} s, a step in {trained:.1f} s, {peak:.1f} GiB at most")
