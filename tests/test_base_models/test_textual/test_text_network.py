"""Networks of every family: padding never leaks, layers are frozen and slowed as asked, and all that trains learns."""

from pathlib import Path
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.networks import one_core
from support.texts import FULL, LINEAR, logits_of, network_of, tokens_of

from base_models.neural.optimization import make_optimizer
from base_models.textual.finetuned import TextualTraining
from base_models.textual.head import HeadShape
from base_models.textual.loading import load_config
from base_models.textual.network import UNUSED, TextClassifier, layers_of
from base_models.textual.pooling import Pooling
from base_models.tiny import FAMILIES
from ensemble.errors import LearnerError

POOLINGS = get_args(Pooling)
PUBLISHED = {"bert": "first", "gpt2": "last", "xlnet": "last", "transfo-xl": "max"}
LAYERS = 3


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest, encoders: dict[str, str]) -> str:
    return encoders[request.param]


@pytest.fixture(autouse=True)
def on_one_core():  # type: ignore[no-untyped-def]
    with one_core():
        yield


def trained(network: TextClassifier, steps: int = 2, **how: object) -> dict[str, torch.Tensor]:
    """A few steps; the weights that there were before."""
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimizer = make_optimizer(network, TextualTraining.model_validate({"lr": 1e-2, "patience": 0, **how}))
    for step in range(steps):
        optimizer.zero_grad()
        network.train()(**tokens_of([7, 4, 12], step).batch([0, 1, 2])).logsumexp(dim=1).sum().backward()
        optimizer.step()
    return before


def changed(network: TextClassifier, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, parameter in network.named_parameters() if not torch.equal(parameter, before[name])}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("lstm", "attention"), [(0, 0), (1, 0), (2, 4), (0, 4)])
def test_a_text_has_the_same_logits_alone_and_among_longer_ones(
    folder: str, pooling: Pooling, lstm: int, attention: int
) -> None:
    network = network_of(folder, HeadShape(lstm, 4, attention, 0, None, 0.1), 2, pooling)
    examples = tokens_of([1, 14, 2, 9, 5])
    together = logits_of(network, examples, range(5))
    alone = torch.cat([logits_of(network, examples, [row]) for row in range(5)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert len(together.unique(dim=0)) > 1


@settings(max_examples=12)
@given(lengths=st.lists(st.integers(1, 30), min_size=2, max_size=5), seed=st.integers(0, 99))
@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_has_the_same_logits_among_texts_of_any_length(
    encoders: dict[str, str], family: str, lengths: list[int], seed: int
) -> None:
    network = NETWORKS.setdefault(family, network_of(encoders[family], FULL, 2))
    examples = tokens_of(lengths, seed)
    together = logits_of(network, examples, range(len(lengths)))
    torch.testing.assert_close(together[:1], logits_of(network, examples, [0]), atol=1e-5, rtol=1e-5)
    turned = logits_of(network, examples, range(len(lengths))[::-1])
    torch.testing.assert_close(together, turned.flip(dims=[0]), atol=1e-5, rtol=1e-5)


NETWORKS: dict[str, TextClassifier] = {}


@pytest.mark.parametrize("family", FAMILIES)
def test_pooling_goes_with_the_model_where_it_is_not_set(encoders: dict[str, str], family: str) -> None:
    network = network_of(encoders[family])
    assert network.head.pooling == PUBLISHED[network.body.config.model_type]
    assert network_of(encoders[family], pooling="mean").head.pooling == "mean"


def test_a_family_that_nobody_has_pooled_for_is_pooled_by_the_mean(encoders: dict[str, str]) -> None:
    network = network_of(encoders["bert"])
    network.body.config.model_type = "unheard-of"
    assert TextClassifier(network.body, 3, FULL, 0).head.pooling == "mean"


def test_the_head_is_drawn_from_the_seed_and_from_nothing_else(encoders: dict[str, str]) -> None:
    state = torch.get_rng_state()
    body = network_of(encoders["bert"]).body
    weights = [TextClassifier(body, 3, FULL, seed).head.classes.weight for seed in (0, 0, 1)]
    assert torch.get_rng_state().equal(state)
    assert weights[0].equal(weights[1]) and not weights[0].equal(weights[2])


def test_layers_are_blocks_and_never_tables_of_embeddings_or_parts_of_blocks(encoders: dict[str, str]) -> None:
    from transformers import XLMConfig, XLMModel

    network = network_of(encoders["transformer_xl"], LINEAR, LAYERS)
    assert len(network.body.word_emb.emb_layers) == LAYERS, "as many tables as layers"
    assert layers_of(network.body) is network.body.layers
    parts = XLMModel(XLMConfig(vocab_size=30, emb_dim=8, n_layers=2, n_heads=2))
    assert not len(layers_of(parts))
    with pytest.raises(LearnerError, match="leave out frozen_layers, layer_decay and recompute"):
        TextClassifier(parts, 3, LINEAR, 0, decay=0.5)


def test_biases_that_layers_share_do_not_make_the_embeddings_a_layer(encoders: dict[str, str], tmp_path: Path) -> None:
    config = load_config(encoders["transformer_xl"])
    config.untie_r = False
    config.save_pretrained(tmp_path)
    network = network_of(str(tmp_path), LINEAR, frozen=0)
    assert {name for name, one in network.body.named_parameters() if not one.requires_grad} == {
        name for name, _ in network.body.named_parameters() if name.startswith("word_emb.")
    }


@pytest.mark.parametrize("pooling", POOLINGS)
def test_half_precision_changes_little(encoders: dict[str, str], pooling: Pooling) -> None:
    network, batch = network_of(encoders["bert"], FULL, 2, pooling), tokens_of([3, 9, 5]).batch(range(3))
    full = network.eval()(**batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = network(**batch)
    torch.testing.assert_close(half.float(), full, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("frozen", [None, 0, 2, LAYERS])
def test_frozen_layers_keep_their_bits_and_every_other_weight_learns(folder: str, frozen: int | None) -> None:
    network = network_of(folder, FULL, LAYERS, frozen=frozen)
    before = trained(network)
    by_depth = [{id(one) for one in parameters} for parameters in network._by_depth()]
    still = set() if frozen is None else set.union(*by_depth[: frozen + 1])
    unused = {name for name in before if set(name.split(".")) & set(UNUSED)}
    expected = {name for name, one in network.named_parameters() if id(one) not in still} - unused
    assert changed(network, before) == expected
    assert expected >= {name for name in before if name.startswith("head.")}


def test_embeddings_are_below_the_first_layer_and_what_follows_the_last_is_of_it(folder: str) -> None:
    network = network_of(folder, FULL, LAYERS)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    below, *between, above = ([names[id(one)] for one in parameters] for parameters in network._by_depth())
    inside = [{id(one) for one in layer.parameters()} for layer in layers_of(network.body)]
    assert len(between) == len(inside) == LAYERS
    assert any("emb" in name or "wte" in name for name in below)
    assert not {id(one) for one in network._by_depth()[0]} & set.union(*inside)
    for layer, parameters in zip(inside, network._by_depth()[1:-1], strict=True):
        assert layer <= {id(one) for one in parameters}
    assert all(name.startswith("head.") for name in above)


@pytest.mark.parametrize("decay", [1.0, 0.5])
@pytest.mark.parametrize("frozen", [None, 0, 1])
def test_every_trained_weight_is_in_one_group_with_the_rate_of_its_depth(
    folder: str, frozen: int | None, decay: float
) -> None:
    network = network_of(folder, FULL, LAYERS, frozen=frozen, decay=decay)
    groups = network.parameter_groups(0.8)
    grouped = [id(one) for group in groups for one in group["params"]]
    assert sorted(grouped) == sorted(id(one) for one in network.parameters() if one.requires_grad)
    depth_of = {id(one): depth for depth, parameters in enumerate(network._by_depth()) for one in parameters}
    for group in groups:
        for one in group["params"]:
            assert group["lr"] == pytest.approx(0.8 * decay ** (LAYERS + 1 - depth_of[id(one)]))
    optimizer = make_optimizer(network, TextualTraining(lr=0.8))
    assert [group["lr"] for group in optimizer.param_groups] == [group["lr"] for group in groups]


def test_lower_layers_move_less_where_rates_decay(encoders: dict[str, str]) -> None:
    network = network_of(encoders["bert"], LINEAR, LAYERS, decay=0.1)
    before = trained(network, steps=1)  # the first step of Adam is the learning rate for every weight
    moved = {name: float((one.detach() - before[name]).abs().max()) for name, one in network.named_parameters()}
    for depth in range(LAYERS):
        step = moved[f"body.encoder.layer.{depth}.output.dense.weight"]
        assert step == pytest.approx(1e-2 * 0.1 ** (LAYERS - depth), rel=0.05)


@pytest.mark.parametrize("shape", [LINEAR, FULL])
def test_all_that_requires_a_gradient_gets_one_and_nothing_else_does(folder: str, shape: HeadShape) -> None:
    network = network_of(folder, shape, 2)
    network(**tokens_of([5, 9]).batch([0, 1])).sum().backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.requires_grad == (not set(name.split(".")) & set(UNUSED)), name


def test_recomputing_gives_the_gradients_of_keeping_also_with_dropout(folder: str) -> None:
    gradients, outputs = [], []
    for recompute in (False, True):
        network = network_of(folder, FULL, 2, recompute=recompute).train()
        torch.manual_seed(1)
        outputs.append(network(**tokens_of([5, 9]).batch([0, 1])))
        outputs[-1].logsumexp(dim=1).sum().backward()
        gradients.append([one.grad for one in network.parameters() if one.requires_grad])
        outputs.append(logits_of(network, tokens_of([5, 9]), [0, 1]))
    assert torch.equal(outputs[0], outputs[2]) and torch.equal(outputs[1], outputs[3])
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*gradients, strict=True))


def test_recomputing_runs_every_layer_twice_in_training_and_once_otherwise(folder: str) -> None:
    network = network_of(folder, FULL, 2, recompute=True)
    runs = []
    for layer in layers_of(network.body):
        first = next(module for module in layer.modules() if not list(module.children()))
        first.register_forward_hook(lambda *_: runs.append(1))
    logits_of(network, tokens_of([4]), [0])
    once = len(runs)
    network.train()(**tokens_of([4]).batch([0])).sum().backward()
    assert len(runs) == 3 * once > 0


def test_more_frozen_layers_than_there_are_is_refused(folder: str) -> None:
    with pytest.raises(LearnerError, match="frozen_layers = 3, but the network has only 2 layers"):
        network_of(folder, FULL, 2, frozen=3)


@pytest.mark.parametrize("asked", [{"frozen": 0}, {"decay": 0.9}, {"recompute": True}])
def test_a_network_without_layers_of_their_own_cannot_freeze_slow_or_recompute_them(
    encoders: dict[str, str], asked: dict[str, object]
) -> None:
    network = network_of(encoders["bert"])
    network.body.config.num_hidden_layers = 12  # as ALBERT says, whose one layer is run over and over
    with pytest.raises(LearnerError, match="leave out frozen_layers, layer_decay and recompute"):
        TextClassifier(network.body, 3, FULL, 0, **asked)  # type: ignore[arg-type]
    TextClassifier(network.body, 3, FULL, 0)
