"""The training loop does what a bare PyTorch loop does, and refuses what cannot work."""

import math
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from support.networks import (
    CLASSES,
    Net,
    Vectors,
    assert_close_weights,
    column,
    curve,
    fit,
    quick,
    same_weights,
    toy_problem,
)
from support.world import SENTIMENT
from torch.nn import functional as F

from base_models.neural.hyperparameters import Training
from base_models.neural.sampling import EpochSampler
from base_models.neural.train_val_split import TrainValSplit
from base_models.objectives.objective import objective_of
from ensemble.errors import LearnerError

STEPS = 4  # of an epoch: 28 rows, 8 at a time


def train_by_hand(
    network: Net,
    optimizer: torch.optim.Optimizer,
    factor: Callable[[float], float],
    problem: TrainValSplit,
    training: Training,
) -> None:
    """What ``train`` should do, without it; ``factor`` is on the learning rate after so many epochs."""
    network.train()
    labels = torch.from_numpy(problem.labels)
    counts = np.bincount(problem.labels[problem.training], minlength=CLASSES)
    raw = counts**-training.balance
    weights = torch.tensor(raw * counts.sum() / (raw * counts).sum())
    order = EpochSampler(problem.training, problem.labels[problem.training], training.batch, seed=3)
    for step in range(training.epochs * STEPS):
        order.epoch = step // STEPS
        drawn = list(order)[step % STEPS]
        optimizer.param_groups[0]["lr"] = training.lr * factor(step / STEPS)
        rows = labels[[row for _, _, row in drawn]]
        losses = F.cross_entropy(network(**problem.examples.augmented(drawn)), rows, reduction="none")
        optimizer.zero_grad()
        (losses * weights[rows]).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), training.clip or math.inf)
        optimizer.step()


def test_a_network_that_comes_ready_to_predict_is_trained_whole() -> None:
    """Published weights are loaded without dropout, and a new head beside them with it."""
    asleep, awake = Net(dropout=0.4), Net(dropout=0.4)
    asleep.body.eval()
    trainings = [fit(network, toy_problem(), quick(epochs=1)) for network in (asleep, awake)]
    assert curve(trainings[0]) == curve(trainings[1])
    assert same_weights(asleep, awake)


BARE = {
    "SGD that falls tenfold": (
        {"optimizer": "sgd", "momentum": 0.7, "weight_decay": 0.05, "schedule": "steps", "milestones": (1, 2.5)},
        lambda weights: torch.optim.SGD(weights, momentum=0.7, weight_decay=0.05),
        lambda epoch: 1.0 if epoch < 1 else 0.1 if epoch < 2.5 else 0.01,
    ),
    "AdamW, warmed up, clipped, linear": (
        {"warmup": 1, "schedule": "linear", "clip": 0.3, "weight_decay": 0.1, "balance": 0.5},
        lambda weights: torch.optim.AdamW(weights, weight_decay=0.1),
        lambda epoch: max(epoch, 1 / STEPS) if epoch < 1 else (3 - epoch) / 2,
    ),
    "Adam under a cosine, classes as they are": (
        {"optimizer": "adam", "schedule": "cosine", "balance": 0},
        torch.optim.Adam,
        lambda epoch: (1 + math.cos(math.pi * epoch / 3)) / 2,
    ),
}


@pytest.mark.parametrize("way", BARE)
def test_weights_are_those_of_a_bare_loop(way: str) -> None:
    changed, make, factor = BARE[way]
    norm = "batch" if changed.get("optimizer") == "sgd" else "layer"  # Adam blows up the rounding of a gradient of zero
    network, by_hand, training = Net(norm), Net(norm), quick(**changed)
    trained = fit(network, toy_problem(), training)
    train_by_hand(by_hand, make(by_hand.parameters()), factor, toy_problem(), training)
    assert_close_weights(network, by_hand, rtol=1e-4, atol=1e-5)
    last_steps = [training.lr * factor(epoch - 1 / STEPS) for epoch in (1, 2, 3)]
    np.testing.assert_allclose(column(trained, "lr"), last_steps)


def test_the_curve_says_the_rate_of_the_last_step_of_every_epoch() -> None:
    trained = fit(Net(), toy_problem(8), quick(epochs=4, warmup=2, lr=1.0))  # one step each
    assert column(trained, "lr") == [0.5, 0.5, 1.0, 1.0]


def test_where_classes_are_drawn_evenly_they_are_not_weighted_too() -> None:
    networks = Net(), Net()
    for network, balance in zip(networks, (0, 1), strict=True):
        fit(network, toy_problem(), quick(resample=1.0, balance=balance))
    assert same_weights(*networks)


def test_the_focal_loss_and_smoothed_labels_change_what_is_learned() -> None:
    networks = []
    for changed in ({}, {"loss": "focal"}, {"label_smoothing": 0.1}, {"balance": 0.0}, {"resample": 1.0}):
        networks.append(Net())
        fit(networks[-1], toy_problem(), quick(**changed))
    assert not any(same_weights(networks[0], other) for other in networks[1:])


@pytest.mark.parametrize("micro_batch", [1, 3, 8])
def test_micro_batches_asked_for_learn_what_the_whole_batch_does(micro_batch: int) -> None:
    whole, parts = Net("layer"), Net("layer")
    expected = fit(whole, toy_problem(), quick(optimizer="sgd"))
    trained = fit(parts, toy_problem(), quick(optimizer="sgd", micro_batch=micro_batch))
    np.testing.assert_allclose(column(trained, "loss"), column(expected, "loss"), rtol=1e-5)
    assert_close_weights(parts, whole)
    assert parts.passes == 3 * (3 * -(-8 // micro_batch) + -(-4 // micro_batch))


def test_every_epoch_trains_on_each_fitting_row_once_and_on_no_row_put_aside() -> None:
    problem = toy_problem(37, 0.25)
    network = Net()
    fit(network, problem, quick(validation=0.25))
    assert network.passes == 3 * STEPS, "having judged, a network is trained as before"
    for epoch in range(3):
        drawn = [row for seed, number, row in problem.examples.drawn if (seed, number) == (3, epoch)]
        assert sorted(drawn) == problem.training.tolist()
    assert len(problem.examples.drawn) == 3 * len(problem.training) < 3 * 37


def test_labels_of_rows_put_aside_teach_nothing() -> None:
    problem = toy_problem(37, 0.25)
    labels = problem.labels.copy()
    labels[problem.validation] = (labels[problem.validation] + 1) % CLASSES
    networks = Net(), Net()
    for network, shown in zip(networks, (problem, replace(problem, labels=labels)), strict=True):
        fit(network, shown, quick(validation=0.25, stop_on="training_loss"))  # keeps the last epoch's weights
    assert same_weights(*networks)


@pytest.mark.parametrize("counts", [(70, 27, 3), (70, 30, 0)])
@pytest.mark.parametrize("changed", [{}, {"resample": 1.0}, {"loss": "focal"}])
def test_a_class_that_is_rare_or_absent_is_learned_with(counts: tuple[int, ...], changed: dict[str, object]) -> None:
    labels = np.repeat(np.arange(CLASSES), counts)
    everything, nothing = np.arange(100), np.arange(0)
    problem = TrainValSplit(SENTIMENT, objective_of(SENTIMENT, labels), Vectors(labels), labels, everything, nothing)
    trained = fit(Net(), problem, quick(epochs=5, **changed))
    losses = column(trained, "loss")
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_the_seed_decides_what_is_learned() -> None:
    networks = [Net(dropout=0.3) for _ in range(3)]
    for network, seed in zip(networks, (3, 3, 4), strict=True):
        fit(network, toy_problem(), quick(), seed=seed)
    assert same_weights(networks[0], networks[1]) and not same_weights(networks[0], networks[2])


def test_what_changes_no_result_is_no_part_of_the_parameters() -> None:
    changed = {"eval_batch": 3, "workers": 1, "checkpoint_minutes": 0.0, "tracker": "none"}
    assert not set(changed) & set(Training().model_dump())
    assert Training(**changed).model_dump() == Training().model_dump()


FORKS = pytest.mark.filterwarnings("default:.*use of fork:DeprecationWarning")  # Python 3.12 warns of what torch does


@FORKS
def test_workers_and_the_batch_of_judging_change_no_result() -> None:
    networks = Net(dropout=0.3), Net(dropout=0.3)
    curves = [
        curve(fit(network, toy_problem(37, 0.25), quick(validation=0.25, **changed)))
        for network, changed in zip(networks, ({}, {"workers": 1, "eval_batch": 2}), strict=True)
    ]
    assert same_weights(*networks)
    for one, other in zip(*curves, strict=True):
        assert one == pytest.approx(other, rel=1e-6)


@FORKS
def test_a_training_that_is_over_leaves_no_workers_behind() -> None:
    before = set(multiprocessing.active_children())
    fit(Net(), toy_problem(), quick(workers=1))
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"patience": 3}, "patience needs rows to look at: set validation, or stop_on = 'training_loss'"),
        ({"patience": 3, "stop_on": "loss"}, "patience needs rows to look at"),
        ({"loss": "focal", "label_smoothing": 0.1}, "label_smoothing is of loss = 'cross_entropy'"),
        ({"epochs": 5, "warmup": 5.0}, r"warmup \(5.0 epochs\) must end before .* \(5 epochs\); set it to 0.5"),
        ({"learning_rate": 0.1}, "Extra inputs are not permitted"),
        ({"lr": 0.0}, "greater than 0"),
        ({"validation": 1.0}, "less than 1"),
        ({"optimizer": "lion"}, "'sgd', 'adam' or 'adamw'"),
    ],
)
def test_settings_that_cannot_work_are_refused(changed: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Training.model_validate(changed)


@pytest.mark.parametrize("changed", [{"patience": 3, "stop_on": "training_loss"}, {"patience": 3, "validation": 0.1}])
def test_patience_with_something_to_look_at_is_accepted(changed: dict[str, object]) -> None:
    assert Training.model_validate(changed).patience == 3


@pytest.mark.parametrize("minutes", [60.0, 0.0])
def test_a_loss_that_is_no_number_is_one_line_that_names_lr(minutes: float) -> None:
    training = quick(optimizer="sgd", lr=1e30, checkpoint_minutes=minutes)
    line = r"^toy: the loss [^\n]* epoch 1; lower training\.lr \(now 1e\+30\)[^\n]*$"
    with pytest.raises(LearnerError, match=line):
        fit(Net("layer"), toy_problem(), training)


def test_a_network_that_no_longer_gives_numbers_after_its_last_step_is_refused() -> None:
    training = quick(epochs=1, batch=64, optimizer="sgd", lr=1e30, validation=0.25)
    with pytest.raises(LearnerError, match=r"lower training\.lr"):
        fit(Net("layer"), toy_problem(37, 0.25), training)


@pytest.mark.parametrize("tracker", ["tensorboard", "mlflow"])
def test_a_tracker_that_is_not_installed_is_one_line_that_says_how_to(tracker: str) -> None:
    if find_spec(tracker):
        pytest.skip(f"{tracker} is installed")
    with pytest.raises(LearnerError, match=rf"^training\.tracker = '{tracker}'[^\n]*`pip install {tracker}`\.$"):
        fit(Net(), toy_problem(), quick(tracker=tracker))
