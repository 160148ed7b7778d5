"""What is left on the disk after a kill or a power cut is either gone on from or said to be unusable, once."""

import gc
import weakref
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.networks import Killed, Net, curve, fit, killed_after, quick, same_weights, toy_problem

import base_models.neural.loop
from base_models.neural.checkpoints import frozen_names, load_trained, write_weights
from ensemble.errors import LearnerError, StoreError

HOW = quick(checkpoint_minutes=0, validation=0.25)
FILES = ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"]


def leave_a_checkpoint(folder: Path) -> Path:
    with pytest.raises(Killed):
        fit(Net(), toy_problem(37, 0.25), HOW, folder, killed_after(6))
    (checkpoint,) = folder.glob("checkpoint-*")
    return checkpoint


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_said_in_one_line_and_the_next_run_begins_anew(name: str, tmp_path: Path) -> None:
    checkpoint = leave_a_checkpoint(tmp_path)
    file = checkpoint / name
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(LearnerError, match=r"was damaged and is deleted; run the command again\.$"):
        fit(Net(), toy_problem(37, 0.25), HOW, tmp_path)
    again, anew = Net(), Net()
    assert curve(fit(again, toy_problem(37, 0.25), HOW, tmp_path)) == curve(fit(anew, toy_problem(37, 0.25), HOW))
    assert same_weights(again, anew)


def test_what_is_not_trained_is_in_no_file_and_the_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole, killed, again = Net(), Net(), Net()
    for network in (whole, killed, again):
        network.body[0].requires_grad_(False)
    problem = toy_problem(37, 0.25)
    with pytest.raises(Killed):
        fit(killed, problem, HOW, tmp_path, killed_after(6))
    files = [*tmp_path.rglob("*.safetensors")]
    assert len(files) == 2 and not any({"body.0.weight", "body.0.bias"} & set(load_file(file)) for file in files)
    assert curve(fit(again, problem, HOW, tmp_path)) == curve(fit(whole, problem, HOW))
    assert same_weights(again, whole)


def test_a_weight_of_two_names_that_is_not_trained_is_saved_under_neither(tmp_path: Path) -> None:
    networks = Net(), Net()
    for network in networks:
        network.again = network.body[0]
        network.body[0].requires_grad_(False)
    write_weights(tmp_path / "weights.safetensors", networks[0], frozen_names(networks[0]))
    assert not {"body.0.weight", "again.weight"} & set(load_file(tmp_path / "weights.safetensors"))
    load_trained(networks[1], tmp_path / "weights.safetensors")


@pytest.mark.parametrize("lacks", ["head.weight", None])
def test_weights_of_another_network_are_refused(tmp_path: Path, lacks: str | None) -> None:
    network = Net()
    write_weights(tmp_path / "weights.safetensors", network, {lacks} if lacks else ())
    if lacks is None:
        network.body[0].bias = None
    with pytest.raises(StoreError, match="holds the weights of another network; train it again"):
        load_trained(network, tmp_path / "weights.safetensors")


def test_a_journal_of_another_version_is_no_checkpoint(tmp_path: Path) -> None:
    checkpoint = leave_a_checkpoint(tmp_path)
    (checkpoint / "journal.json").write_text('{"epochs_of_old": 3}')
    again, anew = Net(), Net()
    fit(again, toy_problem(37, 0.25), HOW, tmp_path), fit(anew, toy_problem(37, 0.25), HOW)
    assert same_weights(again, anew)


def test_best_weights_that_are_gone_are_not_replaced_by_the_last(tmp_path: Path) -> None:
    training = quick(checkpoint_minutes=0, validation=0.25, epochs=20, patience=1, stop_on="loss", lr=0.5)
    trained = fit(Net(), toy_problem(37, 0.25), training, tmp_path)
    assert trained.state.stopped and trained.state.best_epoch < len(trained.state.curve)
    (tmp_path / f"best-{trained.state.best_epoch}.safetensors").unlink()
    with pytest.raises(StoreError, match="the weights of the best epoch, is gone"):
        fit(Net(), toy_problem(37, 0.25), training, tmp_path)


def test_what_trained_is_let_go_of_without_the_garbage_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[weakref.ref[object]] = []

    class Noted(base_models.neural.loop.ResumableTrainer):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            kept.append(weakref.ref(self.optimizer))

    monkeypatch.setattr(base_models.neural.loop, "ResumableTrainer", Noted)
    gc.disable()
    try:
        fit(Net(), toy_problem(), quick())
        assert len(kept) == 1 and kept[0]() is None, "the optimizer's state would stay on the device"
    finally:
        gc.enable()


class Tied(torch.nn.Module):
    """A weight of two names, another that is part of a third, and one that does not lie row by row."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.reads, self.says = torch.nn.Embedding(5, 4), torch.nn.Linear(4, 5)
        self.says.weight = self.reads.weight
        self.register_buffer("whole", torch.randn(6, 4))
        self.register_buffer("part", self.whole[:2])
        self.turned = torch.nn.Parameter(torch.randn(3, 2).T)


def test_weights_of_several_names_are_written_under_each(tmp_path: Path) -> None:
    network, other = Tied(seed=0), Tied(seed=1)
    write_weights(tmp_path / "tied.safetensors", network)
    written = load_file(tmp_path / "tied.safetensors")
    assert set(written) == set(network.state_dict())
    other.load_state_dict(written)
    assert same_weights(other, network)
    assert other.says.weight is other.reads.weight
