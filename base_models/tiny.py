"""Tiny encoders with random weights, made on the spot: real models for the demo and the tests, without a download."""

import json
from collections.abc import Sequence
from pathlib import Path


def make_image_encoder(folder: Path, seed: int = 0) -> Path:
    """A timm ResNet of 0.1 million parameters at 64 pixels, as a local folder; random features see colours."""
    import timm
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    save_file(network.state_dict(), folder / "model.safetensors")
    preprocessing = {
        "input_size": [3, 64, 64], "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "crop_pct": 0.875,
        "num_classes": 0, "first_conv": "conv1", "classifier": "fc",
    }  # fmt: skip
    config = {"architecture": "test_resnet", "num_classes": 0, "pretrained_cfg": preprocessing}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def make_text_encoder(folder: Path, texts: Sequence[str], seed: int = 0) -> Path:
    """A BERT of one narrow layer whose vocabulary is the words of ``texts``, as a local folder."""
    import torch
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    words = sorted({word for text in texts for word in text.lower().split() if word.isalnum()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=128,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder
