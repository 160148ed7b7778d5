"""Optimizers, learning-rate schedules and losses, from hyper-parameters."""

import math
from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from base_models.neural.hyperparameters import Training

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
TINY = torch.finfo(torch.float32).tiny
FLOOR = 0.1  # of cosine_by_epoch, as a share of lr
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class ParameterGroup(TypedDict):
    """Parameters with a learning rate of their own, as ``torch.optim`` takes them."""

    params: list[torch.nn.Parameter]
    lr: float


def make_optimizer(network: torch.nn.Module, training: Training) -> torch.optim.Optimizer:
    """Fused: on a CPU the plain step of AdamW costs as much as a forward pass.

    A network may have ``parameter_groups(lr)``, a list of ``ParameterGroup``.
    """
    arguments = {"momentum": training.momentum} if training.optimizer == "sgd" else {}
    groups_of: Any = getattr(network, "parameter_groups", None)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = trained if groups_of is None else groups_of(training.lr)
    kind: Any = OPTIMIZERS[training.optimizer]
    optimizer: torch.optim.Optimizer = kind(
        groups, lr=training.lr, weight_decay=training.weight_decay, fused=True, **arguments
    )
    return optimizer


def learning_rate(training: Training, epoch: float) -> float:
    """The factor on ``lr`` after so many epochs, which need not be whole."""
    if training.schedule == "cosine_by_epoch":
        return FLOOR + (1 - FLOOR) * _by_epoch(training, int(epoch))
    if epoch < training.warmup:
        return epoch / training.warmup
    if training.schedule == "steps":
        return float(training.decay ** sum(epoch >= milestone for milestone in training.milestones))
    done = min(1.0, (epoch - training.warmup) / (training.epochs - training.warmup))
    return {"constant": 1.0, "linear": 1.0 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[training.schedule]


def _by_epoch(training: Training, epoch: int) -> float:
    """From 0 to 1 and back, a value an epoch: the cosine begins where the warm-up ends and is as long as the training,
    so it does not come to its end (timm's CosineLRScheduler with ``warmup_prefix``, as the authors of UEGD set it)."""
    if epoch < training.warmup:
        return epoch / training.warmup
    return (1 + math.cos(math.pi * (epoch - training.warmup) / training.epochs)) / 2


def make_schedule(
    optimizer: torch.optim.Optimizer, training: Training, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """``steps`` is of one epoch."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step_factor(training, step, steps))


def step_factor(training: Training, step: int, steps: int) -> float:
    """The factor on ``lr`` for a step, ``steps`` to the epoch. The first of a warm-up is not zero."""
    if training.schedule == "cosine_by_epoch":  # begins above zero
        return learning_rate(training, step / steps)
    return learning_rate(training, max(step / steps, min(1 / steps, training.warmup)))


def make_loss(training: Training, weights: npt.NDArray[np.float64], device: torch.device) -> Loss:
    """(rows,) losses of (rows, classes) logits and (rows,) labels, times the class's weight.

    The focal loss is (1 - p)^gamma times the cross-entropy (Lin et al. 2017). The soft cross-entropy takes (rows,
    classes) shares of annotators for labels, and the mean of their classes' weights (Peterson et al. 2019).
    """
    weight = torch.tensor(weights, dtype=torch.float32, device=device)

    def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        smoothing = training.label_smoothing
        nats = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smoothing)
        return nats * weight[labels]  # torch's own weights would give a class that is absent to every row

    def focal(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        nats = F.cross_entropy(logits.float(), labels, reduction="none")
        missed = -torch.expm1(-nats).clamp(max=-TINY)  # 0 has no slope to a power below 1
        return missed**training.gamma * nats * weight[labels]

    def soft(logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        smoothing = training.label_smoothing
        nats = F.cross_entropy(logits.float(), shares, reduction="none", label_smoothing=smoothing)
        return nats * (shares @ weight)

    losses: dict[str | None, Loss] = {"focal": focal, "soft_cross_entropy": soft}
    return losses.get(training.loss, cross_entropy)


def make_distance(training: Training) -> Loss:
    """(rows,) losses of (rows,) numbers and (rows,) targets.

    The absolute error unless another is asked for: its best constant is the median, one outlier weighs no more than
    any row, and what the papers on CMU-MOSI and CMU-MOSEI minimise is what they report, the mean absolute error.
    """
    distances: dict[str | None, Any] = {"l2": F.mse_loss, "huber": F.huber_loss}
    distance = distances.get(training.loss, F.l1_loss)
    return lambda outputs, targets: distance(outputs, targets, reduction="none")
