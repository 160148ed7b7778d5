"""What happens around the steps of a training: epochs are judged, checkpoints written, progress shown."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax, softmax
from transformers import TrainerCallback, TrainerControl, TrainerState

from base_models.neural.checkpoints import Checkpoints
from base_models.neural.distributed import barrier, broadcast, is_main_process, mean_over_processes
from base_models.neural.hyperparameters import Training
from base_models.neural.inference import predict_logits, rows_at_once
from base_models.neural.micro_batches import keep_size
from base_models.neural.optimization import step_factor
from base_models.neural.state import TrainingState
from base_models.neural.training import TrainValSplit
from ensemble.errors import LearnerError
from ensemble.learner import TrainingContext
from ensemble.metrics import METRICS, metric_named, score
from ensemble.system.distributed import rank_and_size
from ensemble.system.interruption import asked

if TYPE_CHECKING:
    from base_models.neural.loop import ResumableTrainer

Judged = tuple[dict[str, float], float | None, LearnerError | None]
ASKED_EVERY = 20  # steps between questions to other processes
WORST = 1e9  # a loss that does not exist: no epoch is worse, and JSON has no infinity
SHOWN_SECONDS = 1.0  # reading a loss waits for the GPU


class TrainingCallback(TrainerCallback):
    """``losses`` are of the steps that the journal does not have yet."""

    def __init__(
        self,
        loop: "ResumableTrainer",
        problem: TrainValSplit,
        how: Training,
        workspace: TrainingContext,
        checkpoints: Checkpoints,
        journal: TrainingState,
    ) -> None:
        self.loop: Any = loop
        self.problem = problem
        self.how = how
        self.workspace = workspace
        self.checkpoints = checkpoints
        self.journal = journal
        self.metric = metric_named(problem.task.metric)
        self.losses: list[torch.Tensor] = []
        self._steps = len(loop.sampler)
        self._began = self._shown = time.monotonic()
        self._text = "starting"
        self._stopping = False
        self._bar = workspace.track(range(0), "", 0)

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        left = self._steps * self.how.epochs - state.global_step
        self._bar = self.workspace.track(range(left), self._label, left)
        next(self._bar, None)

    def on_epoch_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.loop.sampler.epoch = state.global_step // self._steps
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if time.monotonic() - self._shown > SHOWN_SECONDS:
            self._text = f"loss {float(self.losses[-1]):.3f}"
            self._shown = time.monotonic()
        next(self._bar, None)
        # The last step of an epoch is saved after the epoch is judged, so that judging is never skipped.
        control.should_save = state.global_step % self._steps > 0 and self._due(state.global_step)
        control.should_training_stop |= control.should_save and self._stopping

    def on_epoch_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step % self._steps:  # stopped inside it, and saved
            return
        self._note_losses()
        loss = float(np.mean(self.journal.losses))
        scores, judged, error = broadcast(self._judged(loss))
        if error is not None:
            raise error
        lr = self.how.lr * step_factor(self.how, state.global_step - 1, self._steps)
        row = {"lr": lr, **scores, "seconds": round(time.monotonic() - self._began, 3)}
        if self.journal.close_epoch(self.how, row, judged) and judged is not None and is_main_process():
            self.checkpoints.keep_best(self.loop.network, self.journal.best_epoch)
        control.should_training_stop |= self.journal.stopped
        self._stopping = broadcast(asked())
        control.should_training_stop |= self._stopping
        control.should_save = self._stopping or broadcast(self.checkpoints.due())
        self.loop.log(dict(scores))

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._note_losses()
        barrier()  # every process has written its random states
        if is_main_process():
            self.checkpoints.seal(state.global_step, self.journal)

    def close(self) -> None:
        self._bar.close()
        if self.loop is not None:
            keep_size(self.workspace.memory, self.loop.situation, self.loop.pieces)

    def _due(self, step: int) -> bool:
        """Processes have clocks of their own, and asking costs them a wait."""
        if rank_and_size()[1] > 1 and step % ASKED_EVERY:
            return False
        self._stopping = broadcast(asked())
        return self._stopping or broadcast(self.checkpoints.due())

    def _judged(self, loss: float) -> Judged:
        """By the first process for all; its error, too, so that none waits for a judgement that never comes."""
        if not is_main_process():
            return {}, None, None
        try:
            return *self._judge(loss), None
        except LearnerError as error:
            return {}, None, error

    def _judge(self, loss: float) -> tuple[dict[str, float], float | None]:
        """Scores on the rows put aside, and what epochs are compared by, greater being better."""
        rows = self.problem.judging
        scores: dict[str, float] = {}
        if len(rows):
            logits = predict_logits(
                self.loop.network,
                self.problem.examples,
                rows.tolist(),
                rows_at_once(self.how.eval_batch),
                self.how.precision,
            )
            self._refuse_unless_finite(logits, "what the network says is no longer a number")
            by_view = log_softmax(logits.astype(np.float64), axis=-1).reshape(len(rows), -1, logits.shape[-1])
            values = softmax(by_view.mean(axis=1), axis=1)
            labels = self.problem.labels[rows]
            scores = {
                "validation_loss": score(METRICS["log_loss"], labels, values),
                "validation_metric": _worst_if_none(score(self.metric, labels, values), self.metric.greater_is_better),
            }
        if self.how.stop_on == "training_loss":
            return scores, -loss if self.how.patience is not None else None
        if not scores:
            return scores, None
        if self.how.stop_on == "loss":
            return scores, -scores["validation_loss"]
        return scores, self.metric.sign * scores["validation_metric"]

    def _note_losses(self) -> None:
        self.journal.losses += mean_over_processes(self.losses)
        self.journal.pieces = self.loop.pieces.facts
        self.losses.clear()
        self._refuse_unless_finite(self.journal.losses, "the loss is no longer a number")

    def _refuse_unless_finite(self, values: npt.ArrayLike, what: str) -> None:
        if not np.isfinite(values).all():
            raise LearnerError(
                f"{self.workspace.name or 'training'}: {what} in epoch {len(self.journal.curve) + 1}; lower "
                f"training.lr (now {self.how.lr:g}) or set training.clip."
            )

    def _label(self) -> str:
        """``image sentiment fold 2: epoch 3/12, loss 0.81, macro_f1 .52``"""
        done = self.journal.curve[-1] if self.journal.curve else {}
        metric = f", {self.metric.name} {done['validation_metric']:.3f}" if "validation_metric" in done else ""
        epoch = min(len(self.journal.curve) + 1, self.how.epochs)
        return f"steps, {self.workspace.name} epoch {epoch}/{self.how.epochs}, {self._text}{metric}"


def _worst_if_none(value: float, greater_is_better: bool) -> float:
    """A metric may not exist, such as an AUC of one class."""
    if np.isfinite(value):
        return value
    return 0.0 if greater_is_better else WORST
