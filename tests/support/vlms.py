"""Tiny language models that see, of random weights, as local folders like the published ones."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

SAID = ["so sad a day", "so very happy", "the cat is neutral about it", "negative", "neutral", "positive"]
HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
COLOURS = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
}
CLIPPED = {  # how LLaVA's CLIP reads pictures
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": 28},
    "do_center_crop": True,
    "crop_size": {"height": 28, "width": 28},
    **COLOURS,
}
TEXT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
LLAMA = {**TEXT, "num_key_value_heads": 2, "max_position_embeddings": 256, "model_type": "llama"}
TOWER = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
CLIP = {**TOWER, "image_size": 28, "patch_size": 7, "model_type": "clip_vision_model", "projection_dim": 24}
MROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]}

CHAT = (  # of SmolLM2 and Qwen
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAVA_CHAT = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{{ part['text'] + ' ' }}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
SMOL_CHAT = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% elif part['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
LLAMA_TOKENS = ["<unk>", "<s>", "</s>", "<image>", "<pad>"]
OPT_TOKENS = ["<pad>", "</s>"]
SMOL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<image>"]
SMOL_TOKENS += ["<global-img>"]
QWEN_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
QWEN_TOKENS += ["<|video_pad|>"]

INTERN_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"]
GEMMA_TOKENS = ["<pad>", "<eos>", "<bos>", "<image_soft_token>", "<start_of_image>", "<end_of_image>"]
GEMMA_TOKENS += ["<start_of_turn>", "<end_of_turn>"]
INTERN_CHAT = CHAT.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>\\n")
GEMMA_CHAT = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<start_of_turn>' + message['role'].replace('assistant', 'model') + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<start_of_image>' }}{% else %}{{ part['text'] | trim }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)

KINDS = ("llava", "tinyllava", "blip2", "blip2-old", "smolvlm", "idefics3", "qwen2", "qwen2.5", "qwen3", "internvl")
KINDS += ("gemma3", "text")
SEEING = tuple(kind for kind in KINDS if kind != "text")


def make_vlm(folder: Path, kind: str, seed: int = 0, **settings: object) -> Path:
    """A network of one of KINDS; ``settings`` are of its configuration."""
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    made = MADE[kind]
    known = tokenizer(folder, made.tokens, made.first, made.chat)
    given = {**made.config(known), **settings}
    name = given.pop("config", None) or made.name
    config = getattr(transformers, f"{name}Config")(**given)
    automatic = "AutoModelForCausalLM" if kind == "text" else "AutoModelForImageTextToText"
    torch.manual_seed(seed)
    network = getattr(transformers, automatic).from_config(config)
    with torch.no_grad():
        for parameter in network.parameters():  # published ones tell images and words apart, new ones hardly
            parameter.copy_(5 * parameter if parameter.dim() > 1 else parameter)
            if parameter.dim() > 1 and not parameter.any():
                parameter.normal_(std=0.1)
    network.save_pretrained(folder)
    for file, said in made.files.items():
        (folder / file).write_text(json.dumps(said))
    return folder


def tokenizer(folder: Path, special: Sequence[str], first: str | None, chat: str | None) -> dict[str, int]:
    """A byte-level tokenizer, saved there, that begins each text with ``first``; its vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=list(special), initial_alphabet=letters, show_progress=False
    )
    model.train_from_iterator(SAID, trainer)
    if first is not None:
        number = model.token_to_id(first)
        model.post_processor = processors.TemplateProcessing(single=f"{first} $A", special_tokens=[(first, number)])
    names = {"pad_token": "<pad>"} if "<pad>" in special else {}
    end = next(token for token in ("</s>", "<|im_end|>", "<end_of_utterance>", "<eos>") if token in special)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=model,
        bos_token=first,
        eos_token=end,
        additional_special_tokens=[token for token in special if token not in (first, end, "<pad>")],
        clean_up_tokenization_spaces=False,
        **names,
    )
    fast.chat_template = chat
    fast.save_pretrained(folder)
    return dict(fast.get_vocab())


class Made:
    """How one kind is made."""

    def __init__(
        self,
        name: str,
        config: Callable[[dict[str, int]], dict[str, Any]],
        tokens: Sequence[str],
        chat: str | None,
        files: Mapping[str, object],
        first: str | None = None,
    ) -> None:
        self.name, self.config, self.tokens = name, config, tokens
        self.chat, self.files, self.first = chat, files, first


def llama(known: dict[str, int], **settings: object) -> dict[str, Any]:
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": known.get("<pad>")}
    return {**LLAMA, **ends, "vocab_size": len(known), **settings}


def llava(known: dict[str, int]) -> dict[str, Any]:
    return {
        "text_config": llama(known),
        "vision_config": CLIP,
        "image_token_index": known["<image>"],
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
    }


def blip2(known: dict[str, int]) -> dict[str, Any]:
    opt = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 48, "model_type": "opt"}
    opt |= {"word_embed_proj_dim": 32, "max_position_embeddings": 256, "vocab_size": len(known)}
    opt |= {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    return {
        "text_config": opt,
        "vision_config": {**TOWER, "image_size": 28, "patch_size": 7, "initializer_range": 0.02},
        "qformer_config": {**TEXT, "encoder_hidden_size": 24, "vocab_size": 30, "cross_attention_frequency": 1},
        "num_query_tokens": 6,
        "image_token_index": known.get("<image>"),
    }


def smolvlm(known: dict[str, int]) -> dict[str, Any]:
    return {
        "text_config": llama(known, pad_token_id=0),
        "vision_config": {**TOWER, "image_size": 32, "patch_size": 8},
        "scale_factor": 2,
        "image_token_id": known["<image>"],
        "pad_token_id": 0,
    }


def qwen(known: dict[str, int], vision: Mapping[str, object], **text: object) -> dict[str, Any]:
    ids = {"image": "<|image_pad|>", "video": "<|video_pad|>"}
    ids |= {"vision_start": "<|vision_start|>", "vision_end": "<|vision_end|>"}
    shared = {"depth": 3, "num_heads": 2, "patch_size": 4, "temporal_patch_size": 2, "spatial_merge_size": 2}
    numbers = {f"{name}_token_id": known[token] for name, token in ids.items()}
    small = {**llama(known), "rope_parameters": MROPE, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0, **text}
    return {"text_config": small, "vision_config": {**shared, **vision}, "tie_word_embeddings": False, **numbers}


def qwen2(known: dict[str, int]) -> dict[str, Any]:
    return qwen(known, {"embed_dim": 24, "hidden_size": 32, "mlp_ratio": 2}, model_type="qwen2_vl_text")


def qwen25(known: dict[str, int]) -> dict[str, Any]:
    vision = {"hidden_size": 24, "out_hidden_size": 32, "intermediate_size": 32, "window_size": 16}
    return qwen(known, {**vision, "fullatt_block_indexes": [1]}, model_type="qwen2_5_vl_text")


def qwen3(known: dict[str, int]) -> dict[str, Any]:
    vision = {"hidden_size": 24, "out_hidden_size": 32, "intermediate_size": 32, "num_position_embeddings": 16}
    text = {"head_dim": 8, "model_type": "qwen3_vl_text"}
    return qwen(known, {**vision, "deepstack_visual_indexes": [0, 1]}, **text)


def internvl(known: dict[str, int]) -> dict[str, Any]:
    qwen2 = {**llama(known), "model_type": "qwen2", "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0}
    vision = {**TOWER, "image_size": [28, 28], "patch_size": [7, 7], "layer_scale_init_value": 1.0}
    return {"text_config": qwen2, "vision_config": vision, "image_token_id": known["<IMG_CONTEXT>"]}


def gemma3(known: dict[str, int]) -> dict[str, Any]:
    ends = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "query_pre_attn_scalar": 8}
    text = {**llama(known), **ends, "model_type": "gemma3_text", "head_dim": 8, "sliding_window": 64}
    text |= {"layer_types": ["sliding_attention", "full_attention"]}
    numbers = {"boi": "<start_of_image>", "eoi": "<end_of_image>", "image": "<image_soft_token>"}
    return {
        "text_config": text,
        "vision_config": {**TOWER, "model_type": "siglip_vision_model", "image_size": 28, "patch_size": 7},
        "mm_tokens_per_image": 4,
        **{f"{name}_token_index": known[token] for name, token in numbers.items()},
    }


SMOL_PIXELS = {"image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 128}, **HALF, "resample": 1}
SMOL_PIXELS |= {"max_image_size": {"longest_edge": 32}, "do_image_splitting": True}
QWEN_PIXELS = {"image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 64, "max_pixels": 576, "patch_size": 4}
QWEN_PIXELS |= {"merge_size": 2, "temporal_patch_size": 2, **COLOURS}
BLIP_PIXELS = {"image_processor_type": "BlipImageProcessor", "size": {"height": 28, "width": 28}, **COLOURS}
INTERN_PIXELS = {"image_processor_type": "GotOcr2ImageProcessor", "size": {"height": 28, "width": 28}, **HALF}
GEMMA_PIXELS = {"image_processor_type": "Gemma3ImageProcessor", "size": {"height": 28, "width": 28}, **HALF}
PIXELS = "preprocessor_config.json"
LLAVA_FILES = {
    PIXELS: CLIPPED,
    "processor_config.json": {
        "processor_class": "LlavaProcessor",
        "image_token": "<image>",
        "num_additional_image_tokens": 1,
        "patch_size": 7,
        "vision_feature_select_strategy": "default",
    },
}
SMOL_FILES = {PIXELS: SMOL_PIXELS, "processor_config.json": {"processor_class": "SmolVLMProcessor", "image_seq_len": 4}}
MADE: Mapping[str, Made] = {
    "llava": Made("Llava", llava, LLAMA_TOKENS, LLAVA_CHAT, LLAVA_FILES, "<s>"),
    "tinyllava": Made("Llava", llava, LLAMA_TOKENS, None, {PIXELS: CLIPPED}, "<s>"),
    "blip2": Made("Blip2", blip2, [*OPT_TOKENS, "<image>"], None, {PIXELS: BLIP_PIXELS}, "</s>"),
    "blip2-old": Made("Blip2", blip2, OPT_TOKENS, None, {PIXELS: BLIP_PIXELS}, "</s>"),
    "smolvlm": Made("SmolVLM", smolvlm, SMOL_TOKENS, SMOL_CHAT, SMOL_FILES),
    "idefics3": Made("Idefics3", smolvlm, SMOL_TOKENS, SMOL_CHAT, SMOL_FILES),
    "qwen2": Made("Qwen2VL", qwen2, QWEN_TOKENS, CHAT, {PIXELS: QWEN_PIXELS}),
    "qwen2.5": Made("Qwen2_5_VL", qwen25, QWEN_TOKENS, CHAT, {PIXELS: QWEN_PIXELS}),
    "qwen3": Made("Qwen3VL", qwen3, QWEN_TOKENS, CHAT, {PIXELS: QWEN_PIXELS}),
    "internvl": Made("InternVL", internvl, INTERN_TOKENS, INTERN_CHAT, {PIXELS: {**INTERN_PIXELS, "resample": 3}}),
    "gemma3": Made("Gemma3", gemma3, GEMMA_TOKENS, GEMMA_CHAT, {PIXELS: {**GEMMA_PIXELS, "resample": 2}}, "<bos>"),
    "text": Made("Llama", llama, QWEN_TOKENS[:3], CHAT, {}),
}


def pictures(count: int, side: int, seed: int = 0) -> torch.Tensor:
    """(count, side, side, 3) uint8: noise around a colour of its own."""
    random = np.random.default_rng(seed)
    colours = random.integers(0, 200, (count, 1, 1, 3))
    return torch.from_numpy((colours + random.integers(0, 56, (count, side, side, 3))).astype(np.uint8))
