"""Tiny speech networks of random weights, as local folders, and sounds for them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from base_models.acoustic.body import SpeechBody, make_body
from ensemble.blocks import Features
from ensemble.data import Dataset
from support.clips import tone, write_sound

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
SMALL |= {"conv_dim": [16, 16, 16], "conv_kernel": [10, 8, 4], "conv_stride": [10, 8, 4]}
SMALL |= {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 3}
EVEN = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}  # as the large ones are
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "wav2vec2": ("Wav2Vec2Config", {**SMALL, **EVEN}),
    "wav2vec2-base": ("Wav2Vec2Config", SMALL),
    "hubert": ("HubertConfig", {**SMALL, "feat_extract_norm": "layer"}),
    "wavlm": ("WavLMConfig", SMALL),
    "wavlm-large": ("WavLMConfig", {**SMALL, **EVEN}),
    "unispeech": ("UniSpeechConfig", SMALL),
    "whisper": (
        "WhisperConfig",
        {
            "d_model": 32,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 48,
            "decoder_layers": 1,
            "decoder_attention_heads": 2,
            "decoder_ffn_dim": 48,
            "num_mel_bins": 16,
            "max_source_positions": 200,
            "vocab_size": 20,
            "pad_token_id": 0,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "decoder_start_token_id": 0,
        },
    ),
}


def make_speech(folder: Path, kind: str, seed: int = 0, whole: bool = True, **settings: object) -> Path:
    """A network of one of KINDS; of Whisper the ``whole``, or its encoder alone as that class saves itself."""
    import transformers
    from transformers.models.whisper.modeling_whisper import WhisperEncoder
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    name, given = KINDS[kind]
    config = getattr(transformers, name)(**{**given, **settings})
    torch.manual_seed(seed)
    network = transformers.AutoModel.from_config(config) if whole else WhisperEncoder(config)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in network.parameters():  # published ones tell frames apart, new ones hardly
            parameter.mul_(2.0)
    network.save_pretrained(folder)
    made = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True, "sampling_rate": 16_000}
    if kind == "whisper":
        bins = config.num_mel_bins
        made = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": bins, "chunk_length": 4}
    (folder / "preprocessor_config.json").write_text(json.dumps(made))
    return folder


def body_of(folder: Path | str, pretrained: bool = True) -> SpeechBody:
    return make_body(str(folder), pretrained, 0).eval()


def sound(samples: int, seed: int = 0) -> Features:
    """(samples,) of a gliding tone under noise."""
    random = np.random.default_rng(seed)
    low, high = random.uniform(100, 1000, size=2)
    return (tone(samples / 16_000, low, high) + 0.05 * random.normal(size=samples)).astype(np.float32)


def with_sounds(data: Dataset, folder: Path) -> Dataset:
    """The same posts with one of six short sounds each, and some without."""
    folder.mkdir(exist_ok=True)
    files = [write_sound(folder / f"{n}.wav", sound(1000 + 700 * n, seed=n)) for n in range(6)]
    heard = [None if row % 17 == 5 else str(files[row % len(files)]) for row in range(len(data))]
    return data.with_columns(audio=heard)
