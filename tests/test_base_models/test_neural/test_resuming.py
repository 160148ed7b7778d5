"""A training that was killed goes on where it was, and ends with the bits of one that was not."""

import multiprocessing
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.networks import Killed, Net, Vectors, curve, fit, killed_after, quick, same_weights, toy_problem

from base_models.neural.hyperparameters import Training
from base_models.neural.sampling import Batch
from base_models.neural.state import TrainingState
from base_models.neural.train_val_split import TrainValSplit
from base_models.neural.training import Trained

STEPS = 4  # of an epoch: 28 rows, 8 at a time
WAYS = {
    "momentum, a warm-up, then steps": {"optimizer": "sgd", "schedule": "steps", "warmup": 1, "milestones": (2,)},
    "AdamW, clipped, under a cosine": {"weight_decay": 0.1, "clip": 0.5, "schedule": "cosine"},
    "classes drawn evenly": {"resample": 1.0, "optimizer": "adam"},
    "epochs judged": {"validation": 0.25, "optimizer": "sgd"},
    "stopped early": {"validation": 0.25, "epochs": 20, "patience": 1, "stop_on": "loss", "lr": 0.5},
    "a few rows at a time": {"micro_batch": 2, "schedule": "linear"},
}


def problem_of(training: Training) -> TrainValSplit:
    return toy_problem(37 if training.validation else 28, training.validation)


def uninterrupted(training: Training) -> tuple[Net, Trained]:
    """In memory: that checkpoints are written must not matter."""
    network = Net(dropout=0.3)
    return network, fit(network, problem_of(training), training.model_copy(update={"checkpoint_minutes": 60.0}))


def killed(training: Training, folder: Path, steps: int, problem: TrainValSplit | None = None) -> None:
    with pytest.raises(Killed):
        fit(Net(dropout=0.3), problem or problem_of(training), training, folder, killed_after(steps))


def continued(training: Training, folder: Path, problem: TrainValSplit | None = None) -> tuple[Net, Trained]:
    torch.manual_seed(99)  # another process, another random state
    network = Net(dropout=0.3)
    return network, fit(network, problem or problem_of(training), training, folder)


def assert_same(one: tuple[Net, Trained], other: tuple[Net, Trained]) -> None:
    assert curve(one[1]) == curve(other[1])
    assert same_weights(one[0], other[0])
    clocks = {"training_seconds": 0}
    assert {**one[1].info, **clocks} == {**other[1].info, **clocks}


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("checkpoint-*"))


@pytest.mark.parametrize("way", WAYS)
def test_a_training_killed_at_every_second_step_ends_with_the_same_bits(way: str, tmp_path: Path) -> None:
    training = quick(checkpoint_minutes=0, **WAYS[way])
    whole = uninterrupted(training)
    steps = STEPS * len(whole[1].state.curve)
    for step in range(1, steps + 1):  # one more step is saved each time, so that each is gone on from once
        with suppress(Killed):  # nothing is left to kill once training was stopped
            fit(Net(dropout=0.3), problem_of(training), training, tmp_path, killed_after(2))
        assert checkpoints(tmp_path) == [f"checkpoint-{step}"]
    assert_same(continued(training, tmp_path), whole)


@pytest.mark.parametrize("steps", [1, 3, STEPS, STEPS + 1, 3 * STEPS, 1000])
def test_a_training_killed_once_ends_with_the_same_bits(steps: int, tmp_path: Path) -> None:
    training = quick(checkpoint_minutes=0, validation=0.25)
    killed(training, tmp_path, steps)
    assert_same(continued(training, tmp_path), uninterrupted(training))


def test_a_training_killed_while_an_epoch_is_judged_ends_with_the_same_bits(tmp_path: Path) -> None:
    training = quick(checkpoint_minutes=0, validation=0.25)
    whole = problem_of(training)
    examples = KilledWhileRead(whole.labels)
    with pytest.raises(Killed):
        fit(
            Net(dropout=0.3),
            replace(whole, examples=examples),
            training,
            tmp_path,
        )
    assert checkpoints(tmp_path) == [f"checkpoint-{2 * STEPS - 1}"]
    assert_same(continued(training, tmp_path), uninterrupted(training))


class KilledWhileRead(Vectors):
    """The second time that rows are read to be judged is the last."""

    reads = 0

    def batch(self, rows: Sequence[int]) -> Batch:
        self.reads += len(rows) > 1  # one row is a look at its shape
        if self.reads == 2:
            raise Killed
        return super().batch(rows)


def test_a_training_killed_after_it_stopped_early_trains_no_further(tmp_path: Path) -> None:
    training = quick(checkpoint_minutes=0, **WAYS["stopped early"])
    killed(training, tmp_path, 1000)
    (last,) = checkpoints(tmp_path)
    assert TrainingState.read(tmp_path / last / "journal.json").stopped
    problem = problem_of(training)
    assert_same(continued(training, tmp_path, problem), uninterrupted(training))
    assert problem.examples.drawn == []


def test_a_checkpoint_that_was_not_finished_is_passed_over_and_cleared_away(tmp_path: Path) -> None:
    training = quick(checkpoint_minutes=0)
    killed(training, tmp_path, 7)
    half = tmp_path / "checkpoint-7"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"hal")
    (half / "trainer_state.json").write_text("{")
    assert_same(continued(training, tmp_path), uninterrupted(training))
    assert checkpoints(tmp_path) == [f"checkpoint-{3 * STEPS}"]


def test_of_two_finished_checkpoints_the_newer_is_gone_on_from(tmp_path: Path) -> None:
    training = quick(checkpoint_minutes=0)
    killed(training, tmp_path / "older", 10)
    killed(training, tmp_path, 11)
    shutil.move(tmp_path / "older" / "checkpoint-9", tmp_path)  # as if killed before it was cleared away
    problem = problem_of(training)
    assert_same(continued(training, tmp_path, problem), uninterrupted(training))
    assert len(problem.examples.drawn) == 28 - 2 * 8


def test_nothing_is_saved_before_it_is_due(tmp_path: Path) -> None:
    killed(quick(checkpoint_minutes=60), tmp_path, 11)
    assert list(tmp_path.iterdir()) == []


def test_beside_one_checkpoint_only_the_weights_of_the_best_epoch_are_kept(tmp_path: Path) -> None:
    training = quick(checkpoint_minutes=0, **WAYS["stopped early"])
    _, trained = continued(training, tmp_path)
    assert 1 < trained.state.best_epoch < len(trained.state.curve)
    kept = {f"best-{trained.state.best_epoch}.safetensors", f"checkpoint-{STEPS * len(trained.state.curve)}"}
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_the_best_weights_of_a_checkpoint_stay_until_there_is_another(tmp_path: Path) -> None:
    ways = {"validation": 0.25, "stop_on": "loss", "optimizer": "sgd"}
    killed(quick(checkpoint_minutes=0, **ways), tmp_path, STEPS + 2)
    killed(quick(checkpoint_minutes=60, **ways), tmp_path, STEPS)
    assert checkpoints(tmp_path) == [f"checkpoint-{STEPS + 1}"]
    kept = {path.name for path in tmp_path.glob("best-*")}
    assert kept == {"best-1.safetensors", "best-2.safetensors"}, "the second is better, the first is gone on with"
    assert_same(continued(quick(**ways), tmp_path), uninterrupted(quick(**ways)))


def test_how_often_to_save_may_change_when_a_training_goes_on(tmp_path: Path) -> None:
    killed(quick(checkpoint_minutes=0, validation=0.25), tmp_path, 6)
    training = quick(checkpoint_minutes=60, validation=0.25)
    assert_same(continued(training, tmp_path), uninterrupted(training))


LONG = {"epochs": 100, "validation": 0.25, "lr": 0.01}


def train_for_long(folder: Path) -> None:
    continued(quick(checkpoint_minutes=0, **LONG), folder)


def test_a_process_killed_while_it_writes_a_checkpoint_is_continued_by_another(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=train_for_long, args=(tmp_path,))
    process.start()
    while process.is_alive() and not any(tmp_path.glob("checkpoint-??*")):
        time.sleep(0.002)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "the training was over before it was killed"
    training = quick(**LONG)
    assert_same(continued(training, tmp_path), uninterrupted(training))
