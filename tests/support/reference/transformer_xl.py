"""Makes the stored reference of Transformer-XL and its tokenizer, with transformers 4, the last that had them.

By hand, in an environment of its own, from the root of the repository:

    python -m venv reference && reference/bin/pip install torch transformers==4.35.2 "numpy<2" sacremoses
    reference/bin/python tests/reference/transformer_xl.py

writes beside this file transformer_xl.safetensors (weights, ids and hidden states of tiny networks, keyed
``network/name``; their settings are in its metadata) and transformer_xl_tokens.json.
"""

import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import TransfoXLConfig, TransfoXLModel, TransfoXLTokenizer

HERE = Path(__file__).parent
TINY = {
    "vocab_size": 32,
    "cutoffs": [8, 16, 24],
    "d_model": 16,
    "d_embed": 16,
    "d_inner": 16,
    "n_head": 2,
    "d_head": 5,
    "n_layer": 2,
    "mem_len": 7,
    "clamp_len": 1000,
    "div_val": 2,
    "dropout": 0.1,
    "dropatt": 0.1,
}
NETWORKS = {
    "as published": {
        "same_length": True,
        "untie_r": True,
        "pre_lnorm": False,
        "div_val": 4,
        "d_embed": 32,
        "cutoffs": [8, 16],
    },
    "one class of words": {"same_length": True, "untie_r": True, "div_val": 1},
    "projected words": {"same_length": False, "untie_r": True, "div_val": 1, "d_embed": 12},
    "shared biases": {"same_length": True, "untie_r": False},
    "every length": {"same_length": False, "untie_r": True},
    "near distances": {"same_length": True, "untie_r": True, "clamp_len": 4},
    "norm first": {"same_length": True, "untie_r": True, "pre_lnorm": True, "clamp_len": 4},
    "norm first, shared biases, every length": {"same_length": False, "untie_r": False, "pre_lnorm": True},
    "short memory": {"same_length": True, "untie_r": True, "mem_len": 3},
    "no memory": {"same_length": False, "untie_r": True, "mem_len": 0},
}
LENGTHS = [8, 5, 1]  # of three texts, padded on the right to the first
WORDS = """<eos> <unk> the , . and 1 @,@ 000 @.@ 5 @-@ well known don 't it 's " ( ) # cats @ user http : / www
com love 😂 ❤ مرحبا بالعالم & amp ; gt % $ £ 3 14 10 2020 a b c ! ? ... - ' é café naïve 日本 語 <formula> 50 U.S. Mr.
: / = _ ~ * i you not is so cool""".split()  # noqa: SIM905
TEXTS = [
    "",
    " ",
    "The cats love it.",
    "the cats , and the cats .",
    "1,000 and 3.14 and 10,000,000.5",
    "a 1,000,b 2.5c",
    "well-known, so-so - and --dash",
    "Don't! It's \"so\" cool, isn't it?",
    "“the” ‘cats’ … „and“ «love»",  # noqa: RUF001
    "http://www.user.com/a?b=c&c=1 #cats @user",
    "😂😂❤️ love 😂",
    "😂",
    "مرحبا بالعالم",
    "the\0cats \x07 love\ttabs\nlines",
    "&amp; & &gt; &lt;3 &#39;",
    "$5.50, £3 or 50%",
    "U.S. Mr. Smith e.g. the a.b.c.",
    "<unk> the <eos> cats <formula>",
    "<UNK> the <Eos> cats <pad>",
    "café naïve cafe\u0301 日本語",
    "(a) [b] {c} | the",
    "...... the ... cats..",
    "'tis 'the' cats' '",
    "THE CATS LOVE",
    "a/b and a\\b",
    "the\u200bcats\u00a0love\u2028it",
    "\0",
    "?!?! ?? !!",
    "1.2.3 1,2,3 .5 5. ,5 5,",
    "www" * 40,
    "THISISPROTECTED000 <eos>",
    " <unk> ",
    "the<eos>cats",
    "<UNK>" * 3,
]


def network(settings: dict[str, object], seed: int) -> dict[str, torch.Tensor]:
    """Weights, ids, and hidden states of a text, of the one after it with the memory, and of a padded batch."""
    torch.manual_seed(seed)
    model = TransfoXLModel(TransfoXLConfig(**{**TINY, **settings})).eval()
    for parameter in model.parameters():  # the published beginning is too near zero for the biases to matter
        torch.nn.init.normal_(parameter, 0.0, 0.3)
    first, second = torch.randint(0, TINY["vocab_size"], (2, 3, max(LENGTHS)))
    with torch.no_grad():
        before = model(first, output_hidden_states=True)
        after = model(second, mems=before.mems, output_hidden_states=True)
    weights = {f"weights.{name}": value.clone() for name, value in model.state_dict().items()}
    padded = first.clone()
    for row, length in enumerate(LENGTHS):
        padded[row, length:] = 0
    with torch.no_grad():
        alone = [model(first[row : row + 1, :length]).last_hidden_state[0] for row, length in enumerate(LENGTHS)]
    outputs = {"states": torch.stack(before.hidden_states), "states_after": torch.stack(after.hidden_states)}
    return {**weights, **outputs, "ids": first, "ids_after": second, "padded": padded, "real": torch.cat(alone)}


def tokens() -> dict[str, object]:
    """What the tokenizer makes of the texts with a small vocabulary."""
    vocabulary = list(dict.fromkeys(WORDS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        tokenizer = TransfoXLTokenizer(vocab_file=str(path))
    rows = [{"text": text, "tokens": tokenizer.tokenize(text), "ids": tokenizer(text)["input_ids"]} for text in TEXTS]
    return {"vocabulary": vocabulary, "rows": rows}


if __name__ == "__main__":
    tensors = {}
    for seed, (name, settings) in enumerate(NETWORKS.items()):
        for part, value in network(settings, seed).items():
            tensors[f"{name}/{part}"] = value.to(
                torch.int16 if "ids" in part or part == "padded" else None
            ).contiguous()
    described = {name: json.dumps({**TINY, **settings}) for name, settings in NETWORKS.items()}
    save_file(tensors, HERE / "transformer_xl.safetensors", metadata=described)
    (HERE / "transformer_xl_tokens.json").write_text(json.dumps(tokens(), ensure_ascii=True, indent=0) + "\n")
