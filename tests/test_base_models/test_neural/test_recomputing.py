"""Activations that are computed twice instead of kept: the same gradients, for any network with layers."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from support.networks import WIDTH, Net, curve, fit, quick, same_weights, toy_problem
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaModel, OPTConfig, OPTModel

from base_models.multimodal.adapters import add_adapters
from base_models.neural.depth import checkpoint_layers, repeated_layers
from base_models.neural.micro_batches import memory_key
from ensemble.errors import LearnerError

SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "vocab_size": 20}
TOKENS = {"input_ids": torch.tensor([[3, 4, 5], [6, 7, 8]]), "use_cache": False}


def llama(**parameters: Any) -> nn.Module:
    return LlamaModel(LlamaConfig(**SIZES, intermediate_size=24, pad_token_id=0, **parameters))


def with_adapters(network: nn.Module) -> nn.Module:
    network.requires_grad_(False)
    add_adapters(network, "toy", ["q_proj", "v_proj"], 2, 4, 0.3, 0)
    for name, parameter in network.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    return network


def opt() -> nn.Module:
    return OPTModel(OPTConfig(**SIZES, ffn_dim=24, word_embed_proj_dim=16, pad_token_id=0, dropout=0.3))


def vision() -> nn.Module:
    return CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=16,
            patch_size=8,
        )
    )


PIXELS = {"pixel_values": torch.rand(2, 3, 16, 16)}
NETWORKS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "a language model": (llama, TOKENS),
    "adapters alone on it, whose inputs need no gradient": (lambda: with_adapters(llama()), TOKENS),
    "another, with dropout": (opt, TOKENS),
    "a vision tower": (vision, PIXELS),
    "adapters alone on a vision tower": (lambda: with_adapters(vision()), PIXELS),
    "timm's": (lambda: timm.create_model("test_vit", num_classes=3), {"x": torch.rand(2, 3, 160, 160)}),
}


def output_of(made: Any) -> torch.Tensor:
    return made if isinstance(made, torch.Tensor) else made.last_hidden_state


@pytest.mark.parametrize("which", NETWORKS)
def test_gradients_are_the_same_and_layers_run_twice(which: str) -> None:
    make, inputs = NETWORKS[which]
    torch.manual_seed(0)
    network = make().train()
    layers, runs = repeated_layers(network), []
    assert len(layers) >= 3
    for layer in layers:
        first = next(module for module in layer.modules() if not list(module.children()))
        first.register_forward_hook(lambda *_: runs.append(1))
    outputs, gradients, counts = [], [], []
    for recompute in (False, True):
        if recompute:
            checkpoint_layers(layers)
        network.zero_grad()
        runs.clear()
        torch.manual_seed(1)
        outputs.append(output_of(network(**inputs)))
        outputs[-1].square().sum().backward()
        gradients.append({name: one.grad for name, one in network.named_parameters() if one.requires_grad})
        counts.append(len(runs))
    assert torch.equal(*outputs)
    assert counts[1] == 2 * counts[0] > 0
    assert any(one is not None and one.any() for one in gradients[0].values())
    for name, expected in gradients[0].items():
        assert (expected is None) == (gradients[1][name] is None), name
        assert expected is None or torch.equal(gradients[1][name], expected), name


def test_layers_are_found_once_outermost_and_without_batch_normalisation() -> None:
    def block() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 2), nn.ReLU())

    inner = nn.ModuleList([block(), block()])
    stacked = nn.ModuleList([nn.ModuleDict({"one": inner}), nn.ModuleDict({"one": nn.ModuleList([block()])})])
    network = nn.ModuleDict({"stacked": stacked, "again": stacked, "plain": nn.ModuleList([nn.Linear(2, 2)] * 3)})
    assert [id(layer) for layer in repeated_layers(network)] == [id(layer) for layer in stacked]
    normalised = nn.Sequential(*(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)) for _ in range(3)))
    assert repeated_layers(normalised) == []


class Deep(Net):
    """With layers one above the other, which drop out."""

    def __init__(self) -> None:
        super().__init__("layer")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(6)
            layers = [nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Dropout(0.2)) for _ in range(3)]
            self.body = nn.Sequential(nn.ModuleDict({"layers": nn.Sequential(*layers)})["layers"], *self.body)


def test_a_training_that_recomputes_learns_the_same() -> None:
    kept, twice = Deep(), Deep()
    expected, trained = (
        fit(network, toy_problem(37, 0.25), quick(validation=0.25, patience=3, recompute=recompute))
        for network, recompute in ((kept, False), (twice, True))
    )
    assert curve(trained) == curve(expected) and same_weights(kept, twice)


def test_what_is_recomputed_makes_no_result_stale_but_other_sizes_fit() -> None:
    assert "recompute" not in quick(recompute=True).model_dump()
    row = {"vectors": torch.zeros(1, WIDTH)}
    assert memory_key(Net(), row, quick()) != memory_key(Net(), row, quick(recompute=True))


def test_a_network_without_such_layers_is_refused_in_one_line() -> None:
    with pytest.raises(LearnerError, match=r"^toy: training\.recompute is of layers .* this network has none"):
        fit(Net(), toy_problem(), quick(recompute=True))
