"""What happens around the steps of a training: epochs are validated, checkpoints written, progress shown."""

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState

from base_models.neural.checkpoints import Checkpoints
from base_models.neural.distributed import barrier, broadcast, is_main_process, mean_over_processes
from base_models.neural.hyperparameters import Training
from base_models.neural.inference import predict_logits, rows_at_once
from base_models.neural.micro_batches import MicroBatches
from base_models.neural.optimization import step_factor
from base_models.neural.sampling import EpochSampler
from base_models.neural.state import TrainingState
from base_models.neural.train_val_split import TrainValSplit
from ensemble.errors import LearnerError
from ensemble.learner import TrainingContext
from ensemble.metrics import metric_of, score
from ensemble.system.distributed import rank_and_size
from ensemble.system.interruption import asked

Validated = tuple[dict[str, float], float | None, LearnerError | None]
ASKED_EVERY = 20  # steps between questions to other processes
WORST = 1e9  # a loss that does not exist: no epoch is worse, and JSON has no infinity
SHOWN_SECONDS = 1.0  # reading a loss waits for the GPU


class TrainingCallback(TrainerCallback):
    """``losses`` are of the steps that ``self.state`` does not have yet, ``scores`` of the epoch that has just ended.
    The ``state`` of the Trainer's calls is its own TrainerState; ``self.state`` is our TrainingState."""

    def __init__(
        self,
        network: torch.nn.Module,
        sampler: EpochSampler,
        micro_batches: MicroBatches,
        split: TrainValSplit,
        training: Training,
        context: TrainingContext,
        checkpoints: Checkpoints,
        state: TrainingState,
    ) -> None:
        self.network = network
        self.sampler = sampler
        self.micro_batches = micro_batches
        self.split = split
        self.training = training
        self.context = context
        self.checkpoints = checkpoints
        self.state = state
        self.metric = metric_of(split.task)
        self.losses: list[torch.Tensor] = []
        self.scores: dict[str, float] = {}
        self._steps = len(sampler)
        self._began = self._shown = time.monotonic()
        self._text = "starting"
        self._stopping = False
        self._bar = context.track(range(0), "", 0)

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        steps = self._steps * self.training.epochs - state.global_step
        self._bar = self.context.track(range(steps), self._label, steps)
        next(self._bar, None)

    def on_epoch_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.sampler.epoch = state.global_step // self._steps
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if time.monotonic() - self._shown > SHOWN_SECONDS:
            self._text = f"loss {float(self.losses[-1]):.3f}"
            self._shown = time.monotonic()
        next(self._bar, None)
        # The last step of an epoch is saved after the epoch is validated, so that validation is never skipped.
        control.should_save = state.global_step % self._steps > 0 and self._due(state.global_step)
        control.should_training_stop |= control.should_save and self._stopping

    def on_epoch_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step % self._steps:  # stopped inside it, and saved
            return
        self._note_losses()
        loss = float(np.mean(self.state.losses))
        self.scores, criterion, error = broadcast(self._validated(loss))
        if error is not None:
            raise error
        lr = self.training.lr * step_factor(self.training, state.global_step - 1, self._steps)
        row = {"lr": lr, **self.scores, "seconds": round(time.monotonic() - self._began, 3)}
        better = self.state.close_epoch(self.training, row, criterion)
        if better and criterion is not None and is_main_process():
            self.checkpoints.keep_best(self.network, self.state.best_epoch)
        control.should_training_stop |= self.state.stopped
        self._stopping = broadcast(asked())
        control.should_training_stop |= self._stopping
        control.should_save = self._stopping or broadcast(self.checkpoints.due())

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._note_losses()
        barrier()  # every process has written its random states
        if is_main_process():
            self.checkpoints.commit(state.global_step, self.state)

    def close(self) -> None:
        self._bar.close()

    def _due(self, step: int) -> bool:
        """Processes have clocks of their own, and asking costs them a wait."""
        if rank_and_size()[1] > 1 and step % ASKED_EVERY:
            return False
        self._stopping = broadcast(asked())
        return self._stopping or broadcast(self.checkpoints.due())

    def _validated(self, loss: float) -> Validated:
        """By the first process for all; its error, too, so that none waits for scores that never come."""
        if not is_main_process():
            return {}, None, None
        try:
            return *self._validate(loss), None
        except LearnerError as error:
            return {}, None, error

    def _validate(self, loss: float) -> tuple[dict[str, float], float | None]:
        """Scores on the rows put aside, and what epochs are compared by, greater being better."""
        rows = self.split.validation
        scores: dict[str, float] = {}
        if len(rows):
            at_once, precision = rows_at_once(self.training.eval_batch), self.training.precision
            logits = predict_logits(self.network, self.split.examples, rows.tolist(), at_once, precision)
            self._refuse_unless_finite(logits, "what the network says is no longer a number")
            labels, objective = self.split.labels[rows], self.split.objective
            by_view = logits.reshape(len(rows), -1, logits.shape[-1])
            values, _ = objective.predictions(by_view, "log_probabilities")
            scores = {
                "validation_loss": objective.validation_loss(self.training, labels, values),
                "validation_metric": _worst_if_none(score(self.metric, labels, values), self.metric.greater_is_better),
            }
        if self.training.stop_on == "training_loss":
            return scores, -loss if self.training.patience is not None else None
        if not scores:
            return scores, None
        if self.training.stop_on == "loss":
            return scores, -scores["validation_loss"]
        return scores, self.metric.sign * scores["validation_metric"]

    def _note_losses(self) -> None:
        self.state.losses += mean_over_processes(self.losses)
        self.state.micro_batches = self.micro_batches.training_info
        self.losses.clear()
        self._refuse_unless_finite(self.state.losses, "the loss is no longer a number")

    def _refuse_unless_finite(self, values: npt.ArrayLike, what: str) -> None:
        if not np.isfinite(values).all():
            raise LearnerError(
                f"{self.context.name or 'training'}: {what} in epoch {len(self.state.curve) + 1}; lower "
                f"training.lr (now {self.training.lr:g}) or set training.clip."
            )

    def _label(self) -> str:
        """``image sentiment fold 2: epoch 3/12, loss 0.81, macro_f1 .52``"""
        done = self.state.curve[-1] if self.state.curve else {}
        metric = f", {self.metric.name} {done['validation_metric']:.3f}" if "validation_metric" in done else ""
        epoch = min(len(self.state.curve) + 1, self.training.epochs)
        return f"steps, {self.context.name} epoch {epoch}/{self.training.epochs}, {self._text}{metric}"


def _worst_if_none(value: float, greater_is_better: bool) -> float:
    """A metric may not exist, such as an AUC of one class."""
    if np.isfinite(value):
        return value
    return 0.0 if greater_is_better else WORST
