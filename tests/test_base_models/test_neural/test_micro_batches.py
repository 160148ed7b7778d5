"""Where memory does not hold a batch, half of it does, and the step stays the step of the whole batch."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.networks import (
    WIDTH,
    Killed,
    Net,
    assert_close_weights,
    column,
    curve,
    fit,
    killed_after,
    one_core,
    quick,
    same_weights,
    toy_problem,
)
from torch.nn import functional as F

from base_models.neural.micro_batches import MicroBatches, cut, memory_key
from ensemble.errors import LearnerError

ROWS = {"batch": 16, "optimizer": "sgd", "validation": 0.25}


def step_of(network: Net, rows: int, asked: int, found: int = 1000) -> tuple[MicroBatches, float]:
    """One step on random rows, leaving its gradients."""
    random = torch.Generator().manual_seed(rows)
    vectors = torch.randn(rows, WIDTH, generator=random)
    batch = {"vectors": vectors, "labels": torch.randint(3, (rows,), generator=random)}
    micro_batches = MicroBatches(network, asked, found, torch.device("cpu"))

    def backward(piece: Mapping[str, torch.Tensor], of: int) -> torch.Tensor:
        loss = F.cross_entropy(network(piece["vectors"]), piece["labels"], reduction="sum") / of
        loss.backward()
        return loss.detach()

    with one_core():
        return micro_batches, float(micro_batches.step(batch, backward))


@given(rows=st.integers(1, 24), asked=st.integers(1, 24), room=st.integers(1, 24))
def test_micro_batches_add_up_to_the_loss_and_gradients_of_the_whole_batch(rows: int, asked: int, room: int) -> None:
    whole, cramped = Net("layer"), Net("layer", room=room)
    _, expected = step_of(whole, rows, asked=1000)
    micro_batches, loss = step_of(cramped, rows, asked)
    assert loss == pytest.approx(expected, rel=1e-5)
    for ours, theirs in zip(cramped.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    largest = -(-rows // -(-rows // micro_batches.size))
    assert largest <= room
    assert micro_batches.size == asked or micro_batches.size > room // 2, "smaller than it had to be"


@given(asked=st.integers(1, 64), found=st.integers(1, 64))
def test_what_was_found_never_makes_micro_batches_larger_than_asked(asked: int, found: int) -> None:
    assert step_of(Net("layer"), 8, asked, found)[0].size == min(asked, found)


@pytest.mark.parametrize("full_at", [1, 2, 4])
def test_gradients_of_a_step_that_did_not_fit_are_dropped(full_at: int) -> None:
    whole, cramped = Net("layer"), Net("layer", full_at=full_at)
    step_of(whole, 16, asked=4)
    step_of(cramped, 16, asked=4)
    for ours, theirs in zip(cramped.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-7)


def test_without_batch_normalisation_a_training_that_ran_out_of_memory_learns_the_same() -> None:
    whole, cramped = Net("layer"), Net("layer", room=5)
    expected, trained = (
        fit(whole, toy_problem(37, 0.25), quick(**ROWS)),
        fit(cramped, toy_problem(37, 0.25), quick(**ROWS)),
    )
    np.testing.assert_allclose(column(trained, "loss"), column(expected, "loss"), rtol=1e-5)
    assert_close_weights(cramped, whole)
    assert "micro_batch" not in expected.info
    assert (trained.info["micro_batch"], trained.info["steps_repeated"]) == (4, 2)
    assert "batch_norm" not in trained.info
    assert cramped.refused == 2, "what was found is not forgotten within the training"


def test_with_batch_normalisation_the_step_is_repeated_as_if_nothing_had_happened() -> None:
    smaller, cramped = Net("batch", dropout=0.4), Net("batch", dropout=0.4, room=8)
    expected = fit(smaller, toy_problem(37, 0.25), quick(**ROWS, micro_batch=8))
    trained = fit(cramped, toy_problem(37, 0.25), quick(**ROWS))
    assert cramped.refused == 1
    assert curve(trained) == curve(expected)
    assert same_weights(cramped, smaller)
    assert trained.info["batch_norm"] == "statistics from 8 rows at a time, not from the batch"
    assert not {"micro_batch", "batch_norm"} & set(expected.info), (
        "smaller micro_batches were asked for, not fallen back to"
    )


def test_each_halving_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    fit(Net("layer", room=5), toy_problem(), quick(batch=16))
    said = [record.getMessage() for record in caplog.records if record.name == "ensemble"]
    assert said == [f"Out of memory: going on with {rows} rows at a time, the same batch." for rows in (8, 4)]


def test_the_next_training_starts_with_the_size_that_was_found(tmp_path: Path) -> None:
    memory = tmp_path / "sizes.json"
    first, second = Net("layer", room=5), Net("layer", room=5)
    fit(first, toy_problem(), quick(batch=16), memory=memory)
    trained = fit(second, toy_problem(), quick(batch=16), memory=memory)
    assert (first.refused, second.refused) == (2, 0)
    assert (trained.info["micro_batch"], trained.info["steps_repeated"]) == (4, 0)
    assert same_weights(first, second)


def test_the_size_that_was_found_is_of_one_batch_and_network_only(tmp_path: Path) -> None:
    memory = tmp_path / "sizes.json"
    fit(Net("layer", room=5), toy_problem(), quick(batch=16), memory=memory)
    for network, batch in ((Net("layer"), 12), (Larger("layer"), 16)):
        assert "micro_batch" not in fit(network, toy_problem(), quick(batch=batch), memory=memory).info


class Larger(Net):
    """A network of its own name."""


def test_what_fits_depends_on_what_is_trained_and_what_is_recomputed() -> None:
    frozen, recomputed, row = Net("layer"), Net("layer"), {"vectors": torch.zeros(1, 6)}
    frozen.body.requires_grad_(False)
    recomputed.recompute = True  # type: ignore[assignment]
    found = {memory_key(network, row, quick()) for network in (Net("layer"), frozen, recomputed)}
    longer = memory_key(Net("layer"), {"vectors": torch.zeros(1, 7)}, quick())
    assert len({*found, longer}) == 4


@given(images=st.lists(st.integers(0, 3), min_size=1, max_size=12), size=st.integers(1, 12))
def test_rows_of_any_number_of_images_are_cut_with_all_of_theirs_and_no_others(images: list[int], size: int) -> None:
    owners = torch.repeat_interleave(torch.arange(len(images)), torch.tensor(images))
    numbers = torch.arange(len(owners))
    batch = {"labels": torch.arange(len(images)), "pixels": numbers, "image_states": numbers, "image_rows": owners}
    found = []
    for start in range(0, len(images), size):
        part = cut(batch, start, start + size)
        assert torch.equal(part["pixels"], part["image_states"])
        found += list(zip(part["labels"][part["image_rows"]].tolist(), part["pixels"].tolist(), strict=True))
    assert found == list(zip(owners.tolist(), numbers.tolist(), strict=True))


class Seeing(Net):
    """Adds what it makes of the images of each row."""

    def forward(self, vectors: torch.Tensor, pixels: torch.Tensor, image_rows: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(vectors.index_add(0, image_rows, pixels))


@pytest.mark.parametrize("room", [1, 2, 3, 5])
def test_steps_over_rows_of_several_images_add_up_however_little_fits(room: int) -> None:
    owners = torch.tensor([0, 2, 2, 3, 3, 3, 6])
    random = torch.Generator().manual_seed(1)
    vectors, pixels = (torch.randn(rows, WIDTH, generator=random) for rows in (7, 7))
    batch = {"vectors": vectors, "pixels": pixels, "image_rows": owners, "labels": torch.arange(7) % 3}
    losses, networks = [], [Seeing("layer"), Seeing("layer", room=room)]
    for network in networks:
        micro_batches = MicroBatches(network, 8, 8, torch.device("cpu"))

        def backward(part: Mapping[str, torch.Tensor], of: int, network: Net = network) -> torch.Tensor:
            seen = {name: tensor for name, tensor in part.items() if name != "labels"}
            loss = F.cross_entropy(network(**seen), part["labels"], reduction="sum") / of
            loss.backward()
            return loss.detach()

        losses.append(float(micro_batches.step(batch, backward)))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for ours, theirs in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_what_fits_depends_on_how_many_images_a_row_has() -> None:
    rows = [{"pixels": torch.zeros(count, 4), "image_rows": torch.zeros(count, dtype=torch.int64)} for count in (1, 2)]
    assert memory_key(Net(), rows[0], quick()) != memory_key(Net(), rows[1], quick())


def test_a_training_that_had_room_writes_nothing_about_the_machine(tmp_path: Path) -> None:
    fit(Net(), toy_problem(), quick(), memory=tmp_path / "sizes.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("steps", [3, 1000])
def test_a_killed_training_goes_on_with_the_size_it_had_found(steps: int, tmp_path: Path) -> None:
    training = quick(batch=16, validation=0.25, epochs=20, patience=1, checkpoint_minutes=0)
    networks = [Net(dropout=0.2, room=4) for _ in range(3)]
    expected = fit(networks[0], toy_problem(37, 0.25), training)
    with pytest.raises(Killed):
        fit(networks[1], toy_problem(37, 0.25), training, tmp_path, killed_after(steps))
    trained = fit(networks[2], toy_problem(37, 0.25), training, tmp_path)
    assert [network.refused for network in networks] == [2, 2, 0]
    assert curve(trained) == curve(expected) and same_weights(networks[2], networks[0])
    assert trained.info["batch_norm"] == expected.info["batch_norm"]


def test_what_is_said_of_memory_counts_what_came_before_a_kill(tmp_path: Path) -> None:
    training = quick(batch=16, checkpoint_minutes=0)
    with pytest.raises(Killed):
        fit(Net(room=4), toy_problem(), training, tmp_path, killed_after(3))
    assert fit(Net(room=4), toy_problem(), training, tmp_path).info["steps_repeated"] == 2


def test_a_single_row_that_does_not_fit_is_one_line_about_it() -> None:
    network = Net("layer", room=0)
    with pytest.raises(LearnerError, match=r"^toy: the memory of cpu ran out with 1 rows at a time") as refusal:
        fit(network, toy_problem(), quick(batch=16))
    assert isinstance(refusal.value.__cause__, torch.OutOfMemoryError)
    assert network.refused == 5, "16, 8, 4, 2 and 1 rows"


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    network = Net("batch")
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        step_of(network, 1, asked=8)
    assert network.passes == 0


def test_judging_that_runs_out_of_memory_leaves_training_alone() -> None:
    whole, cramped = Net(dropout=0.2), Net(dropout=0.2, eval_room=3)
    expected, trained = (fit(network, toy_problem(37, 0.25), quick(**ROWS)) for network in (whole, cramped))
    assert cramped.refused > 0
    assert same_weights(cramped, whole)
    assert "micro_batch" not in trained.info
    for name in ("loss", "validation_loss", "validation_metric"):
        np.testing.assert_allclose(column(trained, name), column(expected, name), rtol=1e-6)
