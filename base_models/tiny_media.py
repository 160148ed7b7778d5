"""Tiny encoders of sounds and of frames with random weights, made on the spot for the demo and the tests.

Random features tell pitches and shapes apart, not what they mean, and mostly say what all contents share: so the norm
after the last layer is set to say how each differs from some that are given.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from base_models.tiny import CLIP_PIXELS

if TYPE_CHECKING:
    import torch

    from ensemble.blocks import Features


def make_speech_encoder(folder: Path, sounds: "Sequence[Features]", seed: int = 0) -> Path:
    """Whisper's encoder of one narrow layer, as a local folder; ``sounds`` are of 16,000 samples a second. Of its
    states' mean and deviation over time, a ridge regression reads where a tone goes."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder
    from transformers.utils import logging

    from base_models.acoustic.body import make_body, states

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    config = WhisperConfig(
        d_model=64,
        encoder_layers=1,
        encoder_attention_heads=4,
        encoder_ffn_dim=128,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=128,
        init_std=0.1,
    )
    torch.manual_seed(seed)
    network = WhisperEncoder(config)
    network.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)  # type: ignore[no-untyped-call]
    body = make_body(str(folder), True, 0).eval()
    _standardise(network.layer_norm, torch.cat([torch.from_numpy(states(body, each)[-1]) for each in sounds]))
    network.save_pretrained(folder)
    return folder


def make_frame_encoder(folder: Path, pictures: Sequence[Image.Image], seed: int = 0) -> Path:
    """CLIP's image encoder of one layer that sees 32 pixels in four patches, as a local folder. Of so few and so large
    ones random weights keep the shape of a mouth: a ridge regression reads it."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    config = CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=4,
        image_size=32,
        patch_size=16,
    )
    torch.manual_seed(seed)
    network: Any = CLIPVisionModel(config)
    network.eval()
    for name, parameter in network.named_parameters():
        if name.endswith("position_embedding.weight"):
            torch.nn.init.normal_(parameter)  # so that the first state looks at places, not at all alike
    pixels = [np.asarray(each.resize((32, 32)), dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1 for each in pictures]
    with torch.inference_mode():
        said = network(pixel_values=torch.from_numpy(np.stack(pixels))).pooler_output
    _standardise(getattr(network, "vision_model", network).post_layernorm, said)
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(CLIP_PIXELS))
    return folder


def _standardise(norm: Any, states: "torch.Tensor") -> None:
    """Let a norm's (states, width) output have a mean of zero and a deviation of one."""
    import torch

    mean, deviation = states.float().mean(dim=0), states.float().std(dim=0).clamp(min=1e-6)
    with torch.no_grad():
        norm.weight.copy_(norm.weight / deviation)
        norm.bias.copy_((norm.bias - mean) / deviation)
