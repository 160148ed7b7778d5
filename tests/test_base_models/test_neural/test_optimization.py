"""Learning rates, losses and class weights, against their definitions."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from support.networks import CLASSES, quick
from torch.nn import functional as F

from base_models.class_weights import weight_per_class
from base_models.neural.hyperparameters import Training
from base_models.neural.optimization import learning_rate, make_loss, make_optimizer, make_schedule

CPU = torch.device("cpu")
EVEN = np.ones(CLASSES)


@st.composite
def schedules(draw: st.DrawFn) -> Training:
    epochs = draw(st.integers(1, 60))
    return quick(
        epochs=epochs,
        schedule=draw(st.sampled_from(["constant", "steps", "linear", "cosine"])),
        warmup=draw(st.floats(0, epochs, exclude_max=True)),
        milestones=tuple(draw(st.lists(st.floats(0, 60), max_size=3))),
        decay=draw(st.floats(0.01, 1)),
    )


def rates(training: Training, steps: int) -> list[float]:
    """The learning rate of every step of a training."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=training.lr)
    schedule = make_schedule(optimizer, training, steps)
    found = []
    for _ in range(training.epochs * steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_the_published_schedule_falls_tenfold_at_epochs_40_and_60() -> None:
    training = quick(epochs=100, schedule="steps", lr=1.0)
    assert training.milestones == (40, 60) and training.decay == 0.1
    np.testing.assert_allclose(rates(training, 3), [1.0] * 120 + [0.1] * 60 + [0.01] * 120)


def test_the_rate_rises_evenly_from_the_first_step_to_the_end_of_the_warm_up() -> None:
    found = rates(quick(epochs=4, warmup=2, lr=1.0), 4)
    np.testing.assert_allclose(found[1:8], np.arange(1, 8) / 8)
    assert found[0] == 1 / 8, "a step at zero would be lost"
    assert found[8:] == [1.0] * 8


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 1.5])
def test_linear_and_cosine_start_whole_and_end_at_zero(schedule: str, warmup: float) -> None:
    training = quick(epochs=7, schedule=schedule, warmup=warmup)
    assert learning_rate(training, warmup) == 1
    assert learning_rate(training, (7 + warmup) / 2) == pytest.approx(0.5)
    assert learning_rate(training, 7) == pytest.approx(0, abs=1e-12)
    assert all(later < earlier for earlier, later in pairwise(rates(training, 4)[int(4 * warmup) :]))


def test_the_rate_by_epoch_is_uegds_published_one() -> None:
    found = rates(quick(epochs=50, schedule="cosine_by_epoch", warmup=10, lr=1e-4), 3)
    assert [found[3 * (epoch - 1)] for epoch in (1, 2, 11, 26, 50)] == pytest.approx(
        [1.0e-5, 1.9e-5, 1.0e-4, 8.15e-5, 2.03e-5], abs=5e-8
    )
    assert found == np.repeat(found[::3], 3).tolist(), "it does not change within an epoch"


@pytest.mark.parametrize("steps", [1, 7])
def test_the_rate_by_epoch_may_do_without_a_warm_up(steps: int) -> None:
    found = rates(quick(epochs=2, schedule="cosine_by_epoch", lr=1.0), steps)
    np.testing.assert_allclose(found, np.repeat([1.0, 0.55], steps))


@given(training=schedules(), done=st.floats(0, 1))
def test_the_factor_is_a_share_that_never_rises_after_the_warm_up(training: Training, done: float) -> None:
    epoch = done * training.epochs
    assert 0 <= learning_rate(training, epoch) <= 1
    if epoch >= training.warmup:
        assert (
            learning_rate(training, training.epochs)
            <= learning_rate(training, epoch)
            <= learning_rate(training, training.warmup)
        )
    else:
        assert learning_rate(training, epoch) == pytest.approx(epoch / training.warmup)


@given(training=schedules(), steps=st.integers(1, 9))
def test_no_step_of_a_training_is_wasted_on_a_rate_of_zero(training: Training, steps: int) -> None:
    assert all(0 < rate <= training.lr for rate in rates(training, steps))


@given(training=schedules(), steps=st.integers(1, 9), done=st.floats(0, 1))
def test_a_schedule_that_goes_on_after_a_kill_gives_the_rates_it_would_have_given(
    training: Training, steps: int, done: float
) -> None:
    before = int(done * training.epochs * steps)
    assume(before < training.epochs * steps)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=training.lr)
    schedule = make_schedule(optimizer, training, steps)
    for _ in range(before):
        optimizer.step()
        schedule.step()
    fresh = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=training.lr)
    goes_on = make_schedule(fresh, training, steps)
    fresh.load_state_dict(optimizer.state_dict())
    goes_on.load_state_dict(schedule.state_dict())
    assert [group["lr"] for group in fresh.param_groups] == [rates(training, steps)[before]]
    fresh.step()
    goes_on.step()
    assert (before + 1 == training.epochs * steps) or fresh.param_groups[0]["lr"] == rates(training, steps)[before + 1]


@pytest.mark.parametrize(
    ("changed", "kind", "group"),
    [
        ({"optimizer": "sgd", "momentum": 0.8}, torch.optim.SGD, {"momentum": 0.8, "weight_decay": 0.02}),
        ({"optimizer": "adam"}, torch.optim.Adam, {"weight_decay": 0.02}),
        ({"optimizer": "adamw"}, torch.optim.AdamW, {"weight_decay": 0.02}),
    ],
)
def test_an_optimizer_has_its_settings_and_only_what_is_to_be_trained(changed, kind, group) -> None:  # type: ignore[no-untyped-def]
    network = torch.nn.Linear(2, 2)
    network.bias.requires_grad = False
    optimizer = make_optimizer(network, quick(lr=0.3, weight_decay=0.02, **changed))
    (found,) = optimizer.param_groups
    assert type(optimizer) is kind
    assert found["params"] == [network.weight]
    assert {name: found[name] for name in group} == group and found["lr"] == 0.3


logits_of = st.lists(st.lists(st.floats(-30, 30), min_size=CLASSES, max_size=CLASSES), min_size=1, max_size=12)


@given(rows=logits_of, weights=st.lists(st.floats(0.1, 30), min_size=CLASSES, max_size=CLASSES))
def test_weighted_cross_entropy_is_torchs(rows: list[list[float]], weights: list[float]) -> None:
    logits, labels = torch.tensor(rows), torch.arange(len(rows)) % CLASSES
    losses = make_loss(quick(), np.array(weights), CPU)(logits, labels)
    expected = torch.nn.CrossEntropyLoss(torch.tensor(weights))(logits, labels)
    torch.testing.assert_close(losses.sum() / torch.tensor(weights)[labels].sum(), expected)


@given(rows=logits_of, weights=st.lists(st.floats(0.1, 30), min_size=CLASSES, max_size=CLASSES))
def test_focal_loss_without_gamma_is_weighted_cross_entropy(rows: list[list[float]], weights: list[float]) -> None:
    logits, labels = torch.tensor(rows), torch.arange(len(rows)) % CLASSES
    focal = make_loss(quick(loss="focal", gamma=0), np.array(weights), CPU)(logits, labels)
    torch.testing.assert_close(focal, make_loss(quick(), np.array(weights), CPU)(logits, labels))


def test_focal_loss_is_what_lin_et_al_defined() -> None:
    logits, labels = torch.tensor([[2.0, 0.0, 1.0], [0.0, 0.5, 3.0]]), torch.tensor([0, 1])
    losses = make_loss(quick(loss="focal", gamma=1.5), np.array([1.0, 4.0, 2.0]), CPU)(logits, labels)
    for loss, row, label, weight in zip(losses, logits, (0, 1), (1.0, 4.0), strict=True):
        p = math.exp(row[label]) / sum(math.exp(value) for value in row)
        assert float(loss) == pytest.approx(-weight * (1 - p) ** 1.5 * math.log(p), rel=1e-5)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_a_row_the_network_is_sure_of_has_finite_gradients(gamma: float) -> None:
    logits = torch.tensor([[60.0, 0.0, 0.0], [0.0, 60.0, 0.0]], requires_grad=True)
    losses = make_loss(quick(loss="focal", gamma=gamma), EVEN, CPU)(logits, torch.tensor([0, 0]))
    losses.sum().backward()
    assert torch.isfinite(losses).all() and torch.isfinite(logits.grad).all()


def test_smoothed_labels_are_torchs() -> None:
    logits, labels = torch.randn(9, CLASSES, generator=torch.Generator().manual_seed(0)), torch.arange(9) % CLASSES
    losses = make_loss(quick(label_smoothing=0.2), EVEN, CPU)(logits, labels)
    torch.testing.assert_close(losses, F.cross_entropy(logits, labels, label_smoothing=0.2, reduction="none"))


def test_smoothed_labels_do_not_teach_a_class_that_is_absent() -> None:
    labels = np.repeat([0, 1], 50)
    losses = make_loss(quick(label_smoothing=0.1), weight_per_class(labels, CLASSES, 1.0), CPU)
    logits = torch.zeros(1, CLASSES, requires_grad=True)
    losses(logits, torch.tensor([0])).sum().backward()
    assert float(logits.grad[0, 2]) > 0, "its logit must fall"


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_half_precision_logits_have_a_whole_loss(loss: str) -> None:
    logits = torch.tensor([[8.0, 0.0, 0.0]], dtype=torch.bfloat16)
    losses = make_loss(quick(loss=loss, gamma=0), EVEN, CPU)(logits, torch.tensor([0]))
    assert losses.dtype == torch.float32
    assert float(losses) == pytest.approx(math.log1p(2 * math.exp(-8)), rel=1e-4)


@given(counts=st.lists(st.integers(0, 200), min_size=CLASSES, max_size=CLASSES).filter(any), balance=st.floats(0, 1))
def test_class_weights_are_finite_and_of_mean_one_over_rows(counts: list[int], balance: float) -> None:
    labels = np.repeat(np.arange(CLASSES), counts)
    weights = weight_per_class(labels, CLASSES, balance)
    assert np.isfinite(weights).all() and (weights > 0).all()
    assert weights[labels].mean() == pytest.approx(1)
    present = np.flatnonzero(counts)
    ratio = weights[present] / weights[present[0]]
    np.testing.assert_allclose(ratio, (np.array(counts)[present] / counts[present[0]]) ** -balance)


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
@pytest.mark.parametrize("counts", [(70, 27, 3), (70, 30, 0)])
def test_a_rare_and_an_absent_class_have_finite_losses_and_the_rare_one_its_share(
    loss: str, counts: tuple[int, int, int]
) -> None:
    labels = np.repeat(np.arange(CLASSES), counts)
    losses = make_loss(quick(loss=loss), weight_per_class(labels, CLASSES, 1.0), CPU)
    logits = torch.zeros(100, CLASSES, requires_grad=True)
    found = losses(logits, torch.from_numpy(labels))
    found.sum().backward()
    assert torch.isfinite(found).all() and torch.isfinite(logits.grad).all()
    totals = np.bincount(labels, found.detach(), CLASSES)[np.flatnonzero(counts)]
    np.testing.assert_allclose(totals, totals[0], rtol=1e-5)
