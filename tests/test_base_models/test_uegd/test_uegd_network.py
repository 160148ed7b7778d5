"""The network of UEGD against the published sizes and its own definitions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from base_models.uegd.network import Combine, LayerSum, States, UegdNetwork, UegdShape

SMALL = UegdShape(hidden_width=8, heads=2, width=4)
THREE = {"text": States(1, 6), "audio": States(3, 5), "video": States(1, 7)}


def parameters(states: States, shape: UegdShape) -> int:
    network = UegdNetwork(dict.fromkeys(("text", "audio", "video"), states), 1, shape, seed=0)
    return sum(parameter.numel() for parameter in network.parameters())


def inputs(lengths: dict[str, list[int]], padding: int = 0, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random states of so many real frames, and what lies beyond them."""
    generator = torch.Generator().manual_seed(seed)
    batch = {}
    for name, counts in lengths.items():
        states = torch.zeros(len(counts), THREE[name].layers, max([*counts, 1]) + padding, THREE[name].width)
        for row, count in enumerate(counts):
            states[row, :, :count] = torch.randn(THREE[name].layers, count, THREE[name].width, generator=generator)
        batch |= {f"{name}_states": states.half(), f"{name}_lengths": torch.tensor(counts)}
    return batch


def make(combine: Combine = "gates", outputs: int = 2) -> UegdNetwork:
    shape = UegdShape(SMALL.hidden_width, SMALL.heads, SMALL.width, combine=combine)
    return UegdNetwork(THREE, outputs, shape, seed=1).eval()


def test_the_networks_have_as_many_parameters_as_the_published_ones_without_the_unused_layer_norm() -> None:
    unused = 3 * 2 * 1024
    assert parameters(States(1, 1024), UegdShape()) == 1_406_983 - unused == 1_400_839
    assert parameters(States(24, 1024), UegdShape()) == 1_407_052 - unused == 1_400_908
    assert parameters(States(1, 1024), UegdShape(hidden_width=128, width=64)) == 555_015 - unused == 548_871


@settings(max_examples=20, deadline=None)
@given(
    counts=st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=4),
    padding=st.integers(1, 40),
    combine=st.sampled_from(["gates", "concatenation"]),
)
def test_padding_and_company_change_no_output(counts: list[tuple[int, ...]], padding: int, combine: Combine) -> None:
    lengths = {name: [row[at] for row in counts] for at, name in enumerate(THREE)}
    network, batch = make(combine), inputs(lengths)
    with torch.no_grad():
        tight = network(**batch)
        torch.testing.assert_close(network(**inputs(lengths, padding)), tight, rtol=0, atol=1e-6)
        alone = network(**{name: tensor[:1] for name, tensor in batch.items()})
        torch.testing.assert_close(alone, tight[:1], rtol=0, atol=1e-6)


def test_the_sum_of_layers_starts_as_their_plain_mean() -> None:
    states = torch.randn(2, 24, 5, 16).half()
    torch.testing.assert_close(LayerSum(24)(states), states.float().mean(dim=1), rtol=0, atol=1e-6)
    assert LayerSum(24).weights.tolist() == pytest.approx([1 / 24] * 24)


def test_layer_weights_are_of_modalities_with_several_layers_and_sum_to_one() -> None:
    network = make()
    assert set(network.layer_weights()) == {"audio"}
    assert sum(network.layer_weights()["audio"]) == pytest.approx(1)


@pytest.mark.parametrize("combine", ["gates", "concatenation"])
def test_a_missing_modality_is_a_vector_of_zeros_and_learns_nothing(combine: Combine) -> None:
    network = make(combine)
    batch = inputs({"text": [3, 2], "audio": [0, 0], "video": [1, 4]})
    assert (network._vectors(batch)[:, 1] == 0).all()
    network(**batch).sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert all(torch.isfinite(gradient).all() for gradient in gradients.values() if gradient is not None)
    assert all((gradients[name] == 0).all() for name in gradients if name.startswith("encoders.audio"))
    assert gradients["encoders.text.frames.0.weight"].abs().sum() > 0


def test_gates_are_between_zero_and_one_and_need_not_sum_to_one() -> None:
    opened = make().open_gates(**inputs({"text": [3, 2, 4], "audio": [5, 1, 2], "video": [1, 4, 4]}))
    assert opened.shape == (3, 3) and ((opened > 0) & (opened < 1)).all()
    assert not torch.allclose(opened.sum(dim=1), torch.ones(3))


def test_a_closed_gate_lets_nothing_through() -> None:
    network = make()
    assert network.gates is not None
    with torch.no_grad():
        network.gates.weight.zero_()
        network.gates.bias.copy_(torch.tensor([50.0, -200.0, 50.0]))
        one = network(**inputs({"text": [3], "audio": [5], "video": [2]}))
        other = inputs({"text": [3], "audio": [5], "video": [2]})
        other["audio_states"] += 1
        torch.testing.assert_close(network(**other), one, rtol=0, atol=1e-6)


def test_the_same_seed_draws_the_same_weights_and_leaves_torchs_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two = make().state_dict(), make().state_dict()
    assert all((one[name] == two[name]).all() for name in one)
    assert (torch.get_rng_state() == before).all()


def test_any_subset_of_modalities_makes_a_network() -> None:
    network = UegdNetwork({"image": States(1, 6)}, 3, SMALL, seed=0)
    states = torch.randn(2, 1, 1, 6)
    assert network(image_states=states, image_lengths=torch.tensor([1, 0])).shape == (2, 3)
