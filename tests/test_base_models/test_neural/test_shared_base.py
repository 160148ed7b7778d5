"""One network per process: its weights are lent, never changed, and go when memory is asked for."""

import gc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from support.networks import HIDDEN, WIDTH, Net, fit, freeze_imports, one_core, quick, same_weights, toy_problem
from torch import nn

from base_models.multimodal.adapters import add_adapters
from base_models.neural import shared_base
from base_models.neural.checkpoints import frozen_names
from base_models.neural.inference import in_parts
from base_models.neural.shared_base import borrow, let_go
from ensemble.errors import LearnerError


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shared_base, "_kept", [])
    freeze_imports()
    with one_core():
        yield


class Loads:
    """Gives networks and counts them; keeps none, but what the first one looked like."""

    def __init__(self, make: Callable[[], nn.Module] = lambda: Net("layer")) -> None:
        self.make = make
        self.count = 0
        self.first: dict[str, torch.Tensor] = {}

    def __call__(self) -> nn.Module:
        self.count += 1
        made = self.make()
        self.first = self.first or {name: one.clone() for name, one in made.state_dict().items()}
        return made


def borrowed(loads: Loads, key: str = "a", trained: Callable[[nn.Module], object] | None = None) -> nn.Module:
    return borrow("toy", key, loads, trained)  # type: ignore[arg-type]


def with_adapters(loads: Loads, seed: int) -> nn.Module:
    network = borrowed(loads, trained=lambda net: net.head.parameters())
    add_adapters(network, "toy", ["0"], 2, 4, 0.1, seed)
    return network


def test_five_fold_jobs_of_one_process_load_it_once_and_leave_it_as_it_was() -> None:
    loads = Loads()
    for fold in range(5):
        network = with_adapters(loads, fold)
        before = {name: one.clone() for name, one in network.state_dict().items()}
        fit(network, toy_problem(28), quick(optimizer="adamw", weight_decay=0.5))  # type: ignore[arg-type]
        changed = {name for name, one in network.state_dict().items() if not torch.equal(one, before[name])}
        assert changed == {"body.0.lora_A.default.weight", "body.0.lora_B.default.weight", "head.weight", "head.bias"}
        assert changed == set(before) - frozen_names(network)
    assert loads.count == 1
    after = borrowed(loads).state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in loads.first.items())
    assert after.keys() == loads.first.keys(), "no adapter stays on it"


def test_what_one_borrower_trains_no_other_sees_while_both_are_there() -> None:
    loads = Loads()
    one, other = with_adapters(loads, 0), with_adapters(loads, 0)
    vectors = torch.randn(4, WIDTH)
    expected = other.eval()(vectors)
    fit(one, toy_problem(28), quick())  # type: ignore[arg-type]
    assert torch.equal(other.eval()(vectors), expected)
    assert not torch.equal(one.eval()(vectors), expected)
    shared = {id(parameter) for parameter in one.parameters()} & {id(parameter) for parameter in other.parameters()}
    assert len(shared) == 4, "the weights of the body, which take the memory"


def test_trained_alone_or_over_a_shared_base_a_network_becomes_the_same() -> None:
    alone = Net("layer")
    alone.body.requires_grad_(False)
    over = borrowed(Loads(), trained=lambda net: net.head.parameters())
    for network in (alone, over):
        fit(network, toy_problem(28), quick(optimizer="adamw"))  # type: ignore[arg-type]
    assert same_weights(alone, over)


def test_statistics_of_batches_are_the_borrowers_own() -> None:
    loads = Loads(lambda: Net("batch"))
    fit(borrowed(loads, trained=lambda net: net.head.parameters()), toy_problem(28), quick())  # type: ignore[arg-type]
    after = borrowed(loads).state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in loads.first.items())


def test_on_a_base_in_half_precision_what_is_trained_is_in_single_precision() -> None:
    network = with_adapters(Loads(lambda: Net("layer").bfloat16()), 0)
    assert {one.dtype for one in network.parameters() if one.requires_grad} == {torch.float32}
    assert {one.dtype for one in network.parameters() if not one.requires_grad} == {torch.bfloat16}
    before = {name: one.clone() for name, one in network.state_dict().items()}
    fit(network, toy_problem(28), quick(precision="bfloat16", lr=1e-4))  # type: ignore[arg-type]
    after = network.state_dict()
    assert not torch.equal(after["head.weight"], before["head.weight"]), "a step that bfloat16 would round away"


def test_another_network_takes_its_place_and_it_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Loads(), Loads()
    borrowed(first, "a")
    borrow("other toy", "b", second)
    borrowed(first, "a")
    assert (first.count, second.count) == (2, 1)
    assert caplog.messages == ["toy is let go for other toy.", "other toy is let go for toy."]


def test_memory_that_ran_out_takes_it_unless_it_is_in_use(caplog: pytest.LogCaptureFixture) -> None:
    loads = Loads()
    network = borrowed(loads)
    assert not let_go() and caplog.messages == []
    del network
    assert let_go() and not let_go()
    assert caplog.messages == ["Out of memory: toy, kept for later jobs, is let go and will be loaded again."]
    borrowed(loads)
    assert loads.count == 2


def weights_alive() -> int:
    """Networks' first layers that still take memory."""
    gc.collect()
    return sum(isinstance(one, nn.Parameter) and one.shape == (HIDDEN, WIDTH) for one in gc.get_objects())


def test_a_network_that_is_let_go_frees_its_memory() -> None:
    before = weights_alive()
    loads = Loads()
    borrowed(loads)
    loads.first.clear()
    assert weights_alive() == before + 1
    let_go()
    assert weights_alive() == before


def test_a_training_without_room_takes_the_memory_of_what_is_only_kept_before_it_halves_its_steps(
    caplog: pytest.LogCaptureFixture,
) -> None:
    borrowed(Loads())
    whole, cramped = Net("layer"), Net("layer", full_at=2)
    expected, trained = (fit(network, toy_problem(), quick(batch=16)) for network in (whole, cramped))
    assert caplog.messages == ["Out of memory: toy, kept for later jobs, is let go and will be loaded again."]
    assert "micro_batch" not in trained.info and same_weights(whole, cramped)
    assert expected.info["fit_rows"] == trained.info["fit_rows"]


def test_a_single_row_that_does_not_fit_beside_it_is_tried_without_it() -> None:
    borrowed(Loads())
    cramped = Net("layer", full_at=2)
    assert "micro_batch" not in fit(cramped, toy_problem(), quick(batch=16, micro_batch=1)).info
    assert cramped.refused == 1


def test_predicting_without_room_takes_its_memory_first() -> None:
    borrowed(Loads())
    full = iter([True, False, False])

    def run(rows: range) -> int:
        if next(full):
            raise torch.OutOfMemoryError
        return len(rows)

    assert list(in_parts(run, range(6), 4, "row")) == [4, 2]


def test_what_cannot_be_loaded_leaves_nothing_behind() -> None:
    def fails() -> nn.Module:
        raise LearnerError("no such model")

    borrowed(Loads())
    with pytest.raises(LearnerError, match="no such model"):
        borrow("other", "b", fails)
    loads = Loads()
    assert np.isfinite(sum(float(one.detach().sum()) for one in borrowed(loads).parameters())) and loads.count == 1
