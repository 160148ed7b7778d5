"""Tiny encoders of sounds and of frames with random weights, made on the spot for the demo and the tests.

Random features tell pitches and positions apart, not what they mean.
"""

import json
from pathlib import Path


def make_speech_encoder(folder: Path, seed: int = 0) -> Path:
    """Whisper's encoder of one narrow layer, as a local folder. Of its states' mean and deviation over time, a ridge
    regression reads where a tone goes."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder
    from transformers.utils import logging

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
    WhisperEncoder(config).save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


def make_frame_encoder(folder: Path, seed: int = 0) -> Path:
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
    network = CLIPVisionModel(config)
    for name, parameter in network.named_parameters():
        if name.endswith("position_embedding.weight"):
            torch.nn.init.normal_(parameter)  # so that the first state looks at places, not at all alike
    network.save_pretrained(folder)
    images = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 32},
        "do_center_crop": True,
        "crop_size": {"height": 32, "width": 32},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "resample": 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    return folder
