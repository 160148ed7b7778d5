"""The configurations of language models that see, as published at full size."""

CLIP_L = {  # ViT-L/14 at 336 pixels
    "model_type": "clip_vision_model",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 768,
    "vocab_size": 32000,
}
LLAVA_7B: dict[str, object] = {  # llava-hf/llava-1.5-7b-hf
    "architectures": ["LlavaForConditionalGeneration"],
    "model_type": "llava",
    "ignore_index": -100,
    "image_token_index": 32000,
    "pad_token_id": 32001,
    "projector_hidden_act": "gelu",
    "vision_feature_layer": -2,
    "vision_feature_select_strategy": "default",
    "text_config": {
        "_name_or_path": "lmsys/vicuna-7b-v1.5",
        "model_type": "llama",
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-05,
        "vocab_size": 32064,
    },
    "vision_config": CLIP_L,
}
TINY_LLAVA: dict[str, object] = {  # bczhou/tiny-llava-v1-hf
    **LLAVA_7B,
    "text_config": {
        "_name_or_path": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        "model_type": "llama",
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 22,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-05,
        "vocab_size": 32064,
    },
}
BLIP2_OPT: dict[str, object] = {  # Salesforce/blip2-opt-2.7b
    "architectures": ["Blip2ForConditionalGeneration"],
    "model_type": "blip-2",
    "initializer_factor": 1.0,
    "initializer_range": 0.02,
    "num_query_tokens": 32,
    "image_token_index": 50265,
    "use_decoder_only_language_model": True,
    "text_config": {
        "_name_or_path": "facebook/opt-2.7b",
        "model_type": "opt",
        "hidden_size": 2560,
        "word_embed_proj_dim": 2560,
        "ffn_dim": 10240,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 50304,
        "eos_token_id": 50118,
    },
    "vision_config": {"model_type": "blip_2_vision_model"},  # the defaults are those of ViT-g
    "qformer_config": {"model_type": "blip_2_qformer"},
}
