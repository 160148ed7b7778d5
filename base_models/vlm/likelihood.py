"""The loss of answers: how unlikely the words of the label are, whatever else a model might say."""

from typing import TYPE_CHECKING

import torch

from base_models.class_weights import weight_per_class
from base_models.neural.hyperparameters import Training
from base_models.objectives.classification import Classification
from ensemble.data import Codes
from ensemble.errors import LearnerError

if TYPE_CHECKING:
    from base_models.neural.optimization import Loss


class AnswerLikelihood(Classification):
    """The published loss of generating: the cross-entropy of an answer's tokens, summed over them.

    Outputs in training are (rows,) log-likelihoods of the labels' own words; elsewhere they are those of all classes.
    """

    def settings(self, training: Training, strict: bool) -> Training:
        if training.label_smoothing or training.loss not in (None, "cross_entropy"):
            name = "label_smoothing" if training.label_smoothing else "loss"
            raise LearnerError(f"vlm: training.{name} is over classes, and loss = 'answer' knows one; set 'classes'.")
        return training

    def loss(self, training: Training, labels: Codes, device: torch.device) -> "Loss":
        balance = 0 if training.resample else training.balance
        weight = torch.tensor(weight_per_class(labels, self.outputs, balance), dtype=torch.float32, device=device)
        return lambda outputs, targets: -outputs * weight[targets]
