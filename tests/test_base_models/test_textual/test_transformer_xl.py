"""Transformer-XL computes what transformers 4 computed with the same weights; its memory, its files, its refusals."""

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from support import REFERENCE
from transformers import AutoConfig, AutoModel
from transformers.utils import logging

from base_models.textual.encoder import TextEncoder
from base_models.textual.transformer_xl import TransformerXL
from base_models.textual.transformer_xl_config import TransformerXLConfig
from base_models.textual.transformer_xl_tokenizer import register
from base_models.tiny import make_text_encoder
from ensemble.errors import LearnerError

STORED = REFERENCE / "transformer_xl.safetensors"  # made by the .py beside it
CLOSE = 1e-5
LENGTHS = (8, 5, 1)
TINY = {
    "vocab_size": 30,
    "cutoffs": [8, 16],
    "div_val": 2,
    "d_embed": 16,
    "d_model": 16,
    "n_layer": 2,
    "n_head": 2,
    "d_head": 8,
    "d_inner": 24,
    "mem_len": 12,
    "clamp_len": 6,
}
PUBLISHED = {
    "adaptive": True,
    "architectures": ["TransfoXLLMHeadModel"],
    "attn_type": 0,
    "clamp_len": 1000,
    "cutoffs": [20000, 40000, 200000],
    "d_embed": 1024,
    "d_head": 64,
    "d_inner": 4096,
    "d_model": 1024,
    "div_val": 4,
    "dropatt": 0.0,
    "dropout": 0.1,
    "eos_token_id": 0,
    "ext_len": 0,
    "init": "normal",
    "init_range": 0.01,
    "init_std": 0.02,
    "layer_norm_epsilon": 1e-05,
    "mem_len": 1600,
    "model_type": "transfo-xl",
    "n_head": 16,
    "n_layer": 18,
    "pre_lnorm": False,
    "proj_init_std": 0.01,
    "proj_share_all_but_first": True,
    "same_length": True,
    "sample_softmax": -1,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 250}},
    "tgt_len": 128,
    "tie_projs": [False, True, True, True],
    "tie_weight": True,
    "untie_r": True,
    "vocab_size": 267735,
}


@pytest.fixture(autouse=True, scope="module")
def known() -> None:
    register()
    logging.disable_progress_bar()


def tiny(**settings: Any) -> TransformerXL:
    """Weights far enough from zero for every part to matter."""
    torch.manual_seed(5)
    model = TransformerXL(TransformerXLConfig(**{**TINY, **settings})).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.3)
    return model


def some_ids(rows: int = 3, length: int = 10, seed: int = 1) -> torch.Tensor:
    return torch.randint(0, TINY["vocab_size"], (rows, length), generator=torch.Generator().manual_seed(seed))


def reference() -> dict[str, dict[str, Any]]:
    """By network: its settings, weights, ids and states."""
    with safe_open(STORED, "pt") as file:
        networks: dict[str, dict[str, Any]] = {
            name: {"settings": json.loads(settings)} for name, settings in file.metadata().items()
        }
        for key in file.keys():  # noqa: SIM118, it is no dict
            name, part = key.split("/")
            networks[name][part] = file.get_tensor(key)
    return networks


@pytest.mark.parametrize("stored", [pytest.param(value, id=name) for name, value in sorted(reference().items())])
@torch.no_grad()
def test_states_are_those_of_the_reference_with_and_without_memory_and_padding(stored: dict[str, Any]) -> None:
    model = TransformerXL(TransformerXLConfig(**stored["settings"])).eval()
    weights = {name.removeprefix("weights."): value for name, value in stored.items() if name.startswith("weights.")}
    model.load_state_dict(weights, strict=True)
    first = model(stored["ids"].long(), use_mems=True, output_hidden_states=True)
    second = model(stored["ids_after"].long(), mems=first.mems, output_hidden_states=True)
    padded = model(stored["padded"].long()).last_hidden_state
    real = torch.cat([row[:length] for row, length in zip(padded, LENGTHS, strict=True)])
    for found, expected in (
        (torch.stack(first.hidden_states), stored["states"]),
        (torch.stack(second.hidden_states), stored["states_after"]),
        (real, stored["real"]),
    ):
        assert (found - expected).abs().max() < CLOSE
        assert expected.std() > 0.1


@torch.no_grad()
def test_segments_with_a_memory_are_the_long_text() -> None:
    model, ids = tiny(same_length=False, mem_len=20), some_ids(length=12)
    whole = model(ids, mems=[torch.zeros(3, 0, 16)] * 2).last_hidden_state
    mems, parts = [torch.zeros(3, 0, 16)] * 2, []
    for segment in ids.split(5, dim=1):
        output = model(segment, mems=mems, use_mems=True)
        mems = output.mems
        parts.append(output.last_hidden_state)
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=CLOSE)


@torch.no_grad()
def test_no_memory_is_kept_unless_asked_for_and_what_is_kept_matters() -> None:
    model, ids = tiny(), some_ids()
    first = model(ids, use_mems=True)
    assert model(ids).mems is None
    assert [memory.shape for memory in first.mems] == [(3, 12, 16)] * 2
    second = model(ids, mems=first.mems, use_mems=True)
    assert [memory.shape for memory in second.mems] == [(3, 12, 16)] * 2
    assert not torch.allclose(second.last_hidden_state, first.last_hidden_state, atol=0.01)


@torch.no_grad()
def test_places_never_filled_count_as_zero_vectors() -> None:
    for settings in ({}, {"pre_lnorm": True}, {"same_length": False, "clamp_len": -1}):
        model, ids = tiny(**settings), some_ids(length=15)
        zeros = [torch.zeros(3, 12, 16)] * 2
        assert torch.allclose(model(ids).last_hidden_state, model(ids, mems=zeros).last_hidden_state, atol=CLOSE)


@torch.no_grad()
def test_padding_and_company_never_change_a_real_token() -> None:
    model, ids = tiny(), some_ids(rows=4)
    lengths = torch.tensor([10, 7, 3, 1])
    mask = (torch.arange(10) < lengths[:, None]).long()
    batch = model(input_ids=ids * mask, attention_mask=mask).last_hidden_state
    other = model(input_ids=ids * mask + 7 * (1 - mask), attention_mask=mask).last_hidden_state
    for row, length in enumerate(lengths):
        alone = model(ids[row : row + 1, :length]).last_hidden_state[0]
        assert torch.allclose(batch[row, :length], alone, atol=CLOSE)
        assert torch.allclose(other[row, :length], alone, atol=CLOSE)


@pytest.mark.parametrize("untie", [True, False], ids=["own biases", "shared biases"])
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_published_checkpoint_loads_without_its_head(tmp_path: Path, name: str, untie: bool) -> None:
    model = tiny(untie_r=untie)
    tensors = {f"transformer.{key}": value.clone() for key, value in model.state_dict().items()}
    tensors |= {"crit.cluster_weight": torch.zeros(2, 16), "crit.out_layers.0.bias": torch.zeros(8)}
    if name.endswith(".bin"):
        torch.save(tensors, tmp_path / name)
    else:
        save_file(tensors, tmp_path / name, metadata={"format": "pt"})
    settings = {**PUBLISHED, **TINY, "untie_r": untie, "tie_word_embeddings": False}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    loaded, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values())
    assert_same(loaded, model)


@pytest.mark.parametrize("untie", [True, False], ids=["own biases", "shared biases"])
def test_what_is_saved_loads_again(tmp_path: Path, untie: bool) -> None:
    model = tiny(untie_r=untie)
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert_same(loaded, model)
    assert (loaded.layers[0].dec_attn.r_w_bias is loaded.layers[1].dec_attn.r_w_bias) is not untie


def assert_same(found: TransformerXL, expected: TransformerXL) -> None:
    weights = expected.state_dict()
    assert found.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in found.state_dict().items())
    with torch.no_grad():
        states = (model.eval()(some_ids()).last_hidden_state for model in (found, expected))
        assert all(torch.equal(one, other) for one, other in pairwise(states))


def test_the_published_settings_make_the_published_size(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED))
    config = AutoConfig.from_pretrained(tmp_path)
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == 283_885_936
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (1024, 18, 16)
    names = model.state_dict().keys()
    for name in ("word_emb.emb_layers.3.weight", "word_emb.emb_projs.0", "pos_emb.inv_freq"):
        assert name in names
    assert {name.removeprefix("layers.17.") for name in names if name.startswith("layers.17.")} == {
        "dec_attn.r_r_bias",
        "dec_attn.r_w_bias",
        "dec_attn.qkv_net.weight",
        "dec_attn.o_net.weight",
        "dec_attn.r_net.weight",
        "dec_attn.layer_norm.weight",
        "dec_attn.layer_norm.bias",
        "pos_ff.CoreNet.0.weight",
        "pos_ff.CoreNet.0.bias",
        "pos_ff.CoreNet.3.weight",
        "pos_ff.CoreNet.3.bias",
        "pos_ff.layer_norm.weight",
        "pos_ff.layer_norm.bias",
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"attn_type": 2}, "attn_type must be 0"),
        ({"ext_len": 4}, "ext_len must be 0"),
        ({"init": "orthogonal"}, "init must be 'normal' or 'uniform'"),
        ({"d_model": 15}, "d_model must be even"),
        ({"mem_len": 0}, "same_length needs a mem_len"),
        ({"div_val": 0}, "div_val must be at least 1"),
        ({"cutoffs": [8, 30]}, "cutoffs must rise"),
        ({"cutoffs": [16, 8]}, "cutoffs must rise"),
    ],
)
def test_settings_that_would_be_computed_otherwise_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(LearnerError, match=said) as refusal:
        TransformerXL(TransformerXLConfig(**{**TINY, **settings}))
    assert "\n" not in str(refusal.value)


def test_padding_that_would_be_seen_is_refused() -> None:
    model, ids = tiny(), some_ids(rows=1, length=3)
    with pytest.raises(LearnerError, match="padding on the right"):
        model(ids, attention_mask=torch.tensor([[0, 1, 1]]))
    with pytest.raises(LearnerError, match="memory of unpadded texts"):
        model(ids, attention_mask=torch.tensor([[1, 1, 0]]), use_mems=True)


def test_an_id_beyond_the_vocabulary_fails() -> None:
    for settings in ({}, {"div_val": 1}):
        with pytest.raises(IndexError):
            tiny(**settings)(torch.tensor([[30]]))


def gradients(model: TransformerXL, checkpointing: bool) -> dict[str, torch.Tensor | None]:
    """Of a training step; dropout falls equally."""
    model = copy.deepcopy(model).train()
    if checkpointing:
        for layer in model.layers:  # by hand: the library's switch changes its name
            layer.gradient_checkpointing = True
            layer._gradient_checkpointing_func = checkpoint
    torch.manual_seed(2)
    model(some_ids()).last_hidden_state.square().sum().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def checkpoint(function: Any, *arguments: Any) -> Any:
    return torch.utils.checkpoint.checkpoint(function, *arguments, use_reentrant=False)


def test_gradients_are_the_same_with_checkpointing() -> None:
    model = tiny(dropatt=0.2)
    plain, checkpointed = (gradients(model, checkpointing) for checkpointing in (False, True))
    for name, gradient in plain.items():
        assert gradient is not None
        assert gradient.abs().max() > 0
        assert torch.allclose(gradient, checkpointed[name], atol=CLOSE)


def test_lower_layers_can_be_frozen() -> None:
    model = tiny()
    for part in (model.word_emb, model.layers[0]):
        part.requires_grad_(False)
    trained = {name for name, gradient in gradients(model, True).items() if gradient is not None}
    assert trained == {name for name, _ in model.named_parameters() if name.startswith("layers.1.")}


def test_half_precision_is_near_full_precision() -> None:
    model, ids = tiny(dropout=0.0), some_ids()
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(ids).last_hidden_state
    rough.square().sum().backward()
    with torch.no_grad():
        assert (rough - model(ids).last_hidden_state).abs().max() < 0.1
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize(("init", "spread"), [("normal", 0.02), ("uniform", 0.01 / 3**0.5)])
def test_new_weights_are_drawn_as_published(init: str, spread: float) -> None:
    wide = {"d_model": 128, "d_embed": 128, "d_inner": 256, "n_head": 8, "d_head": 16}
    torch.manual_seed(0)
    model = TransformerXL(TransformerXLConfig(**{**TINY, **wide, "init": init}))
    layer = model.layers[1]
    for weight in (layer.dec_attn.qkv_net.weight, layer.dec_attn.r_w_bias, model.word_emb.emb_layers[0].weight):
        assert weight.std().item() == pytest.approx(spread, rel=0.2)
    assert model.word_emb.emb_projs[1].std().item() == pytest.approx(0.01, rel=0.2)
    assert layer.pos_ff.layer_norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert layer.pos_ff.layer_norm.weight.std().item() == pytest.approx(0.02, rel=0.3)
    assert layer.pos_ff.CoreNet[0].bias.abs().max() == 0


def test_frequencies_missing_from_a_checkpoint_are_restored(tmp_path: Path) -> None:
    model = tiny()
    model.save_pretrained(tmp_path)
    weights = {name: value for name, value in model.state_dict().items() if name != "pos_emb.inv_freq"}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert_same(AutoModel.from_pretrained(tmp_path), model)


def test_the_text_encoder_takes_a_local_transformer_xl(tmp_path: Path) -> None:
    texts = ["The cats love 1,000 things, don't they?", "", "😂"]
    folder = make_text_encoder(tmp_path, texts, "transformer_xl")
    encoder = TextEncoder(str(folder), pooling="max")
    features = encoder.encode(texts)
    assert features.shape == (3, 64)
    assert features == pytest.approx(encoder.encode(texts[::-1])[::-1], abs=CLOSE)
    assert len(AutoConfig.from_pretrained(folder).cutoffs) == 2
