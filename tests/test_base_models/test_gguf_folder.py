"""The converter of GGUF files, on a file that is written for it."""

from pathlib import Path

import pytest
import torch
from support import ROOT

pytest.importorskip("gguf", reason="gguf is not installed")
WIDTH, HEADS, KEYS, WORDS = 32, 4, 2, 300


def test_a_written_file_becomes_the_network_it_was_written_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gguf import GGUFWriter
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from gguf_folder import NAMES, OUTER, convert

    shape = {"hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": WORDS}
    torch.manual_seed(0)
    network = LlamaForCausalLM(
        LlamaConfig(
            **shape,
            num_attention_heads=HEADS,
            num_key_value_heads=KEYS,
            max_position_embeddings=64,
            tie_word_embeddings=True,
        )
    ).eval()
    file = GGUFWriter(tmp_path / "tiny.gguf", "llama")
    numbers = {"block_count": 2, "embedding_length": WIDTH, "feed_forward_length": 64, "vocab_size": WORDS}
    for name, number in {**numbers, "context_length": 64}.items():
        file.add_uint32(f"llama.{name}", number)
    file.add_head_count(HEADS)
    file.add_head_count_kv(KEYS)
    file.add_layer_norm_rms_eps(1e-6)
    file.add_rope_freq_base(10_000.0)
    letters = ["<s>", *sorted(ByteLevel.alphabet()), "ab"]
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("smollm")
    file.add_token_list([*letters, *(f"w{number}" for number in range(WORDS - len(letters)))])
    file.add_token_types([3] + [1] * (WORDS - 1))
    file.add_token_merges(["a b"])
    for name in ("bos", "eos", "pad", "unk"):
        getattr(file, f"add_{name}_token_id")(0)
    theirs = {inner: outer for outer, inner in {**NAMES, **OUTER}.items()}
    for name, tensor in network.state_dict().items():
        *inner, kind = name.removeprefix("model.layers.").split(".")
        layer = inner.pop(0) if inner[0].isdigit() else None
        if name == "lm_head.weight":
            continue
        key = theirs[".".join(inner)]
        array = tensor.numpy()
        if key in ("attn_q", "attn_k"):  # the two halves of a rotation side by side
            heads = HEADS if key == "attn_q" else KEYS
            array = array.reshape(heads, 2, -1, WIDTH).swapaxes(1, 2).reshape(array.shape)
        file.add_tensor(f"{key}.{kind}" if layer is None else f"blk.{layer}.{key}.{kind}", array.copy())
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()

    convert(tmp_path / "tiny.gguf", tmp_path / "folder")
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "folder", dtype=torch.float32)
    codes = torch.arange(20)[None]
    with torch.no_grad():
        torch.testing.assert_close(found(codes).logits, network(codes).logits, atol=1e-3, rtol=1e-2)  # half precision
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "folder")
    assert tokenizer.decode(tokenizer("<s>in 2026")["input_ids"]) == "<s>in 2026"
    assert len(tokenizer("2026", add_special_tokens=False)["input_ids"]) == 4, "digits one by one"
