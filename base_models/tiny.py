"""Tiny encoders with random weights, made on the spot: real models for the demo and the tests, without a download."""

import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLIP_PIXELS = {  # how a tiny CLIP reads pictures
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": 32},
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
    "resample": 3,
}


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
        "input_size": [3, 64, 64],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bilinear",
        "crop_pct": 0.875,
        "num_classes": 0,
        "first_conv": "conv1",
        "classifier": "fc",
    }
    config = {"architecture": "test_resnet", "num_classes": 0, "pretrained_cfg": preprocessing}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def make_text_encoder(folder: Path, texts: Sequence[str], family: str = "bert", seed: int = 0) -> Path:
    """A narrow network of that family (a key of FAMILIES) whose vocabulary is of ``texts``, as a local folder."""
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    from base_models.textual.transformer_xl_tokenizer import register

    register()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    config = FAMILIES[family](folder, [text.lower() for text in texts])
    torch.manual_seed(seed)
    AutoModel.from_config(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


def make_translator(folder: Path, texts: Sequence[str], seed: int = 0) -> Path:
    """A Marian of one layer each way that writes two dozen tokens of nonsense, as a local folder."""
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    pieces = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=pieces, vocab_size=200, hard_vocab_limit=False, minloglevel=2
    )
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(pieces.getvalue())
    known = sentencepiece.SentencePieceProcessor(model_proto=pieces.getvalue())
    words = [known.id_to_piece(number) for number in range(known.get_piece_size())]
    vocabulary = ["</s>", "<unk>", *(word for word in words if word not in ("</s>", "<unk>", "<s>")), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(vocabulary)}))
    kind = {"tokenizer_class": "MarianTokenizer", "source_lang": "mul", "target_lang": "eng", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind))
    padding = len(vocabulary) - 1
    config = MarianConfig(
        vocab_size=len(vocabulary),
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        init_std=1.0,
        pad_token_id=padding,
        eos_token_id=0,
        forced_eos_token_id=0,
        decoder_start_token_id=padding,
    )
    torch.manual_seed(seed)
    network = MarianMTModel(config)
    settings = network.generation_config
    settings.num_beams, settings.bad_words_ids, settings.max_length = 2, [[padding]], 64
    network.save_pretrained(folder)
    return folder


def make_flava(folder: Path, texts: Sequence[str], seed: int = 0) -> Path:
    """A narrow FLAVA that takes images of 32 pixels and whose vocabulary is of ``texts``, as a local folder."""
    import torch
    from transformers import FlavaConfig, FlavaModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    words = _bert(folder, [text.lower() for text in texts]).vocab_size
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = FlavaConfig(
        text_config={**small, "vocab_size": words, "max_position_embeddings": 64},
        image_config={**small, "image_size": 32},
        multimodal_config=small,
        hidden_size=32,
        projection_dim=32,
    )
    torch.manual_seed(seed)
    network = FlavaModel(config)
    for name, parameter in network.named_parameters():
        if name.endswith(("cls_token", "position_embeddings")):
            torch.nn.init.normal_(parameter, std=0.02)  # zeros would tell no place from another
    network.save_pretrained(folder)
    images = {"image_processor_type": "FlavaImageProcessor", "size": {"height": 32, "width": 32}, "crop_size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    return folder


def _bert(folder: Path, texts: Sequence[str]) -> Any:
    from transformers import BertConfig

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_words(texts)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    kind = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind))
    layers: Any = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 128}
    return BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **layers)


def _gpt2(folder: Path, texts: Sequence[str]) -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import GPT2Config, GPT2Tokenizer

    end = "<|endoftext|>"
    letters = {letter: place for place, letter in enumerate([end, *sorted(ByteLevel.alphabet())])}
    untrained: Any = GPT2Tokenizer(vocab=letters, merges=[])
    tokenizer = untrained.train_new_from_iterator(texts, 500, show_progress=False)
    tokenizer.save_pretrained(folder)
    ending = tokenizer.convert_tokens_to_ids(end)
    marks = {"bos_token_id": ending, "eos_token_id": ending}
    return GPT2Config(vocab_size=len(tokenizer), n_embd=64, n_layer=1, n_head=2, n_positions=64, **marks)


def _xlnet(folder: Path, texts: Sequence[str]) -> Any:
    from transformers import XLNetConfig, XLNetTokenizer

    special = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"]
    letters = sorted(set("".join(texts)) - {" "})
    pieces = [(name, 0.0) for name in special] + [("\u2581", -9.0)]
    pieces += [(f"\u2581{word}", -2.0) for word in _words(texts) if len(word) > 1]
    pieces += [(letter, -9.0) for letter in letters]
    XLNetTokenizer(vocab=pieces).save_pretrained(folder)
    return XLNetConfig(vocab_size=len(pieces), d_model=64, n_layer=1, n_head=2, d_inner=128)


def _transformer_xl(folder: Path, texts: Sequence[str]) -> Any:
    """From the most frequent quarter of the words on, and from the half on, vectors are narrower, as published."""
    from base_models.textual.transformer_xl_config import TransformerXLConfig
    from base_models.textual.transformer_xl_tokenizer import TransfoXLTokenizer

    vocabulary = folder / "vocab.txt"
    special = ["<eos>", "<unk>"]
    vocabulary.write_text("\n".join(special) + "\n", encoding="utf-8")
    split = TransfoXLTokenizer(str(vocabulary)).tokenize
    counts = Counter(token for text in texts for token in split(text))
    words = list(dict.fromkeys([*special, *(word for word, _ in counts.most_common())]))
    vocabulary.write_text("\n".join(words) + "\n", encoding="utf-8")
    TransfoXLTokenizer(str(vocabulary)).save_pretrained(folder)
    return TransformerXLConfig(
        vocab_size=len(words),
        cutoffs=sorted({max(1, len(words) // 4), max(1, len(words) // 2)}),
        div_val=2,
        d_embed=64,
        d_model=64,
        n_layer=1,
        n_head=2,
        d_head=32,
        d_inner=128,
        mem_len=16,
        clamp_len=32,
    )


def _words(texts: Sequence[str]) -> list[str]:
    return sorted({word for text in texts for word in text.split() if word.isalnum()})


FAMILIES = {"bert": _bert, "gpt2": _gpt2, "transformer_xl": _transformer_xl, "xlnet": _xlnet}


def make_clip(folder: Path, texts: Sequence[str], seed: int = 0) -> Path:
    """A CLIP of one narrow layer each for texts and images of 32 pixels, as a local folder."""
    import torch
    from transformers import CLIPConfig, CLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _clip_tokenizer([text.lower() for text in texts])
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(CLIP_PIXELS))
    layers = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    words = {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id, "pad_token_id": 1}
    config = CLIPConfig(
        text_config={**layers, **words, "eos_token_id": tokenizer.eos_token_id},
        vision_config={**layers, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    torch.manual_seed(seed)
    CLIPModel(config).save_pretrained(folder)
    return folder


def _clip_tokenizer(texts: Sequence[str]) -> Any:
    """Byte pairs of ``texts``; the marks of beginning and end come last, as published."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    make: Any = CLIPTokenizer
    letters = sorted(ByteLevel.alphabet())
    marks = ["<|startoftext|>", "<|endoftext|>"]
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), *marks]
    untrained = make(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[])
    trained = untrained.train_new_from_iterator(texts, 1000, show_progress=False).backend_tokenizer
    learned = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in learned["merges"]]
    known = [*pieces[:-2], *(piece for piece in learned["vocab"] if piece not in pieces), *marks]
    return make(vocab={piece: place for place, piece in enumerate(known)}, merges=merges)
