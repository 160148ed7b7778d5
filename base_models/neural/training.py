"""Training a network, whatever it sees: one call, resumable to the bit, ending with the weights of the best epoch."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from base_models.neural.checkpoints import Checkpoints
from base_models.neural.distributed import barrier
from base_models.neural.hyperparameters import Training
from base_models.neural.inference import device, half_precision
from base_models.neural.sampling import Examples
from base_models.neural.state import TrainingState
from ensemble.data import Codes, Dataset, Task
from ensemble.errors import LearnerError
from ensemble.folds import stratified_group_split
from ensemble.learner import TrainingContext
from ensemble.system.distributed import rank_and_size
from ensemble.system.interruption import deferred


@dataclass(frozen=True)
class TrainValSplit:
    """What is learned: ``examples`` with (rows,) ``labels``; of the rows, ``fitting`` are trained on, and ``judging``
    ones only say which epoch is best."""

    task: Task
    examples: Examples
    labels: Codes
    fitting: Codes
    judging: Codes

    @classmethod
    def of(cls, task: Task, examples: Examples, data: Dataset, share: float, seed: int) -> "TrainValSplit":
        """With ``share`` of the rows put aside for judging: copies whole, classes in proportion."""
        labels = data.labels(task)
        part = stratified_group_split([labels], [len(task.classes)], data.groups, [1 - share, share], seed)
        if (share and not (part == 1).any()) or not (part == 0).any():
            left = "none to train on" if (part == 1).any() else "none aside"
            raise LearnerError(f"training.validation = {share} of {len(data)} rows leaves {left}; change it, or set 0.")
        return cls(task, examples, labels, np.flatnonzero(part == 0), np.flatnonzero(part == 1))


@dataclass(frozen=True)
class Trained:
    """A network that has been trained and what is to be said of it."""

    journal: TrainingState
    facts: dict[str, Any]


def train(
    network: torch.nn.Module, problem: TrainValSplit, how: Training, seed: int, workspace: TrainingContext
) -> Trained:
    """Fit ``network`` in place, going on from the workspace's checkpoint.

    Raises LearnerError where the loss is no longer a number, memory does not hold one row, or a tracker is absent.
    """
    _check_tracker(how.tracker)
    barrier()  # the leader has made the folder ready
    facts: dict[str, Any] = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "trainable_parameters": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "fit_rows": len(problem.fitting),
        "judging_rows": len(problem.judging),
        "device": str(device()),
        "precision": "bfloat16" if half_precision(how.precision, device()) else "float32",
        "processes": rank_and_size()[1],
    }
    network.to(device()).train()  # all of it: published weights come ready to predict
    with _folder(workspace) as folder:
        checkpoints = Checkpoints(folder, how.checkpoint_minutes)
        start, journal = checkpoints.last()
        if not journal.stopped:
            from base_models.neural.loop import ResumableTrainer  # the Trainer takes seconds to import

            loop = ResumableTrainer(network, problem, how, seed, workspace, checkpoints, journal)
            try:
                with deferred():  # a checkpoint is written first
                    loop.train(resume_from_checkpoint=start)
            except torch.OutOfMemoryError as error:
                message = _out_of_memory(workspace, loop.pieces.size)
                if rank_and_size()[1] > 1:  # the others wait in the same step: torchrun must end them
                    error.add_note(message)
                    raise
                raise LearnerError(message) from error
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                raise LearnerError(
                    f"{workspace.name or 'training'}: this network normalises by batch and cannot be trained on one "
                    "row at a time; choose a larger training.batch, training.micro_batch or size."
                ) from error
            finally:
                loop.close()
            del loop
            torch.cuda.empty_cache()
        checkpoints.restore_best(network, journal)
    barrier()  # nobody reads the folder any more
    return Trained(journal, {**facts, **journal.facts})


@contextmanager
def _folder(workspace: TrainingContext) -> Iterator[Path]:
    """The job's own folder, or one that goes with the call."""
    if workspace.folder is not None:
        workspace.folder.mkdir(parents=True, exist_ok=True)
        yield workspace.folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)


def _out_of_memory(workspace: TrainingContext, size: int) -> str:
    remedy = "choose a smaller model, smaller inputs or an optimizer without state"
    if rank_and_size()[1] > 1:
        remedy = "set training.micro_batch: processes that wait for one another cannot look for a size that fits"
    return f"{workspace.name or 'training'}: the memory of {device()} ran out with {size} rows at a time; {remedy}."


def _check_tracker(tracker: str) -> None:
    if tracker != "none" and not find_spec(tracker):
        raise LearnerError(f"training.tracker = {tracker!r} needs a package that is not here: `pip install {tracker}`.")
