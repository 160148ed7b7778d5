"""Training a network, whatever it sees: one call, resumable to the bit, ending with the weights of the best epoch."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from base_models.neural.checkpoints import Checkpoints
from base_models.neural.depth import checkpoint_layers, repeated_layers
from base_models.neural.distributed import barrier
from base_models.neural.hyperparameters import Training
from base_models.neural.inference import device, half_precision
from base_models.neural.state import TrainingState
from base_models.neural.train_val_split import TrainValSplit
from ensemble.errors import LearnerError
from ensemble.learner import TrainingContext, TrainingInfo
from ensemble.system.distributed import rank_and_size
from ensemble.system.interruption import deferred


@dataclass(frozen=True)
class Trained:
    """A network that has been trained and what its job's record says of it."""

    state: TrainingState
    info: TrainingInfo


def train(
    network: torch.nn.Module, split: TrainValSplit, training: Training, seed: int, context: TrainingContext
) -> Trained:
    """Fit ``network`` in place, going on from the context's checkpoint.

    Raises LearnerError where the loss is no longer a number, memory does not hold one row, or a tracker is absent.
    """
    _check_tracker(training.tracker)
    barrier()  # the first process has made the folder ready
    info: TrainingInfo = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "trainable_parameters": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "fit_rows": len(split.training),
        "validation_rows": len(split.validation),
        "device": str(device()),
        "precision": "bfloat16" if half_precision(training.precision, device()) else "float32",
        "processes": rank_and_size()[1],
    }
    _make_ready(network, training, context)
    with _folder(context) as folder:
        checkpoints = Checkpoints(folder, training.checkpoint_minutes)
        start, state = checkpoints.last()
        if not state.stopped:
            from base_models.neural.loop import ResumableTrainer  # the Trainer takes seconds to import

            trainer = ResumableTrainer(network, split, training, seed, context, checkpoints, state)
            try:
                with deferred():  # a checkpoint is written first
                    trainer.train(resume_from_checkpoint=start)
            except torch.OutOfMemoryError as error:
                message = _out_of_memory(context, trainer.micro_batches.size)
                if rank_and_size()[1] > 1:  # the others wait in the same step: torchrun must end them
                    error.add_note(message)
                    raise
                raise LearnerError(message) from error
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                raise LearnerError(
                    f"{context.name or 'training'}: this network normalises by batch and cannot be trained on one "
                    "row at a time; choose a larger training.batch, training.micro_batch or size."
                ) from error
            finally:
                trainer.close()
            del trainer
            torch.cuda.empty_cache()
        checkpoints.restore_best(network, state)
    barrier()  # nobody reads the folder any more
    return Trained(state, {**info, **state.training_info})


@contextmanager
def _folder(context: TrainingContext) -> Iterator[Path]:
    """The job's own folder, or one that goes with the call."""
    if context.folder is not None:
        context.folder.mkdir(parents=True, exist_ok=True)
        yield context.folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)


def _make_ready(network: torch.nn.Module, training: Training, context: TrainingContext) -> None:
    layers = repeated_layers(network) if training.recompute else []
    if training.recompute and not layers:
        raise LearnerError(
            f"{context.name or 'training'}: training.recompute is of layers that stand one above the other without "
            "batch normalisation, and this network has none; leave it out, or set training.micro_batch."
        )
    checkpoint_layers(layers)
    network.to(device()).train()  # all of it: published weights come ready to predict


def _out_of_memory(context: TrainingContext, size: int) -> str:
    remedy = "choose a smaller model, smaller inputs or an optimizer without state"
    if rank_and_size()[1] > 1:
        remedy = "set training.micro_batch: processes that wait for one another cannot look for a size that fits"
    return f"{context.name or 'training'}: the memory of {device()} ran out with {size} rows at a time; {remedy}."


def _check_tracker(tracker: str) -> None:
    if tracker != "none" and not find_spec(tracker):
        raise LearnerError(f"training.tracker = {tracker!r} needs a package that is not here: `pip install {tracker}`.")
