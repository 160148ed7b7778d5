"""Optimizers, learning-rate schedules and losses, from hyper-parameters."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from base_models.neural.hyperparameters import Training

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
TINY = torch.finfo(torch.float32).tiny
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def make_optimizer(network: torch.nn.Module, how: Training) -> torch.optim.Optimizer:
    """Fused: on a CPU the plain step of AdamW costs as much as a forward pass.

    A network may have ``parameter_groups(lr)``, learning rates of its own for some of its parameters.
    """
    arguments = {"momentum": how.momentum} if how.optimizer == "sgd" else {}
    own: Any = getattr(network, "parameter_groups", None)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = trained if own is None else own(how.lr)
    kind: Any = OPTIMIZERS[how.optimizer]
    optimizer: torch.optim.Optimizer = kind(groups, lr=how.lr, weight_decay=how.weight_decay, fused=True, **arguments)
    return optimizer


def learning_rate(how: Training, epoch: float) -> float:
    """The factor on ``lr`` after so many epochs, which need not be whole."""
    if epoch < how.warmup:
        return epoch / how.warmup
    if how.schedule == "steps":
        return float(how.decay ** sum(epoch >= milestone for milestone in how.milestones))
    done = min(1.0, (epoch - how.warmup) / (how.epochs - how.warmup))
    return {"constant": 1.0, "linear": 1.0 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[how.schedule]


def make_schedule(optimizer: torch.optim.Optimizer, how: Training, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """``steps`` is of one epoch."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step_factor(how, step, steps))


def step_factor(how: Training, step: int, steps: int) -> float:
    """The factor on ``lr`` for a step, ``steps`` to the epoch. The first of a warm-up is not zero."""
    return learning_rate(how, max(step / steps, min(1 / steps, how.warmup)))


def make_loss(how: Training, weights: npt.NDArray[np.float64], device: torch.device) -> Loss:
    """(rows,) losses of (rows, classes) logits and (rows,) labels, times the class's weight.

    The focal loss is (1 - p)^gamma times the cross-entropy (Lin et al. 2017).
    """
    weight = torch.tensor(weights, dtype=torch.float32, device=device)

    def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        smoothing = how.label_smoothing
        nats = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smoothing)
        return nats * weight[labels]  # torch's own weights would give a class that is absent to every row

    def focal(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        nats = F.cross_entropy(logits.float(), labels, reduction="none")
        missed = -torch.expm1(-nats).clamp(max=-TINY)  # 0 has no slope to a power below 1
        return missed**how.gamma * nats * weight[labels]

    return focal if how.loss == "focal" else cross_entropy
