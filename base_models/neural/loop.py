"""Hugging Face's Trainer (mixed precision, clipping, trackers) with our batches, loss, checkpoints and record."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_all_start_methods
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainingArguments

from base_models.neural.callback import TrainingCallback
from base_models.neural.checkpoints import Checkpoints, frozen_names, write_weights
from base_models.neural.hyperparameters import Training
from base_models.neural.inference import device, half_precision
from base_models.neural.micro_batches import MicroBatches, found_size, situation_of
from base_models.neural.optimization import make_loss, make_optimizer, make_schedule
from base_models.neural.sampling import EpochSampler, Labelled, first_of
from base_models.neural.state import TrainingState
from base_models.neural.training import TrainValSplit
from ensemble.balance import weight_per_class
from ensemble.errors import LearnerError
from ensemble.learner import TrainingContext
from ensemble.system.distributed import rank_and_size
from ensemble.system.files import unwritable
from ensemble.system.processes import cores

MOST_WORKERS = 8
FORK = "fork" in get_all_start_methods()  # other ways would copy the cache of pixels into every worker


class ResumableTrainer(Trainer):
    """One training. A step runs in as many pieces as memory asks for; ``journal`` is kept up to date."""

    def __init__(
        self,
        network: torch.nn.Module,
        problem: TrainValSplit,
        how: Training,
        seed: int,
        workspace: TrainingContext,
        checkpoints: Checkpoints,
        journal: TrainingState,
    ) -> None:
        where = device()
        rows = problem.fitting
        rank, processes = rank_and_size()
        if how.batch % processes:
            raise LearnerError(f"training.batch = {how.batch} cannot be shared evenly by {processes} processes.")
        lengths = problem.examples.lengths
        labels = problem.labels[rows]
        self.sampler = EpochSampler(rows, labels, how.batch, seed, how.resample, (rank, processes), lengths)
        self.workers = _workers(where) if how.workers is None else how.workers
        self.network = network
        self.checkpoints = checkpoints
        if how.tracker == "tensorboard":  # beside the job's results: the checkpoints' folder goes with the training
            beside = checkpoints.folder if workspace.folder is None else workspace.folder.parent
            os.environ["TENSORBOARD_LOGGING_DIR"] = str(beside / "tensorboard")
        self.labelled = Labelled(problem.examples, problem.labels)
        optimizer = make_optimizer(network, how)
        super().__init__(
            model=network,
            args=_arguments(how, seed, checkpoints.folder, where, getattr(network, "sparse", False)),
            train_dataset=self.labelled,
            optimizers=(optimizer, make_schedule(optimizer, how, len(self.sampler))),
        )
        self.situation = situation_of(network, problem.examples.batch([_largest(rows, lengths)]), how)
        whole = how.batch // processes + 1  # one more, where a last row joins a batch
        asked = max(1, how.micro_batch // processes) if how.micro_batch else whole
        size = journal.pieces.get("micro_batch") or found_size(workspace.memory, self.situation) or whole
        self.pieces = MicroBatches(network, asked, size, where, patient=processes == 1)
        self.pieces.repeated = journal.pieces.get("steps_repeated", 0)
        weights = weight_per_class(labels, len(problem.task.classes), 0 if how.resample else how.balance)
        self.loss = make_loss(how, weights, where)
        self.watch = TrainingCallback(self, problem, how, workspace, checkpoints, journal)
        self.remove_callback(PrinterCallback)
        self.add_callback(self.watch)

    def get_train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(
            self.labelled,
            batch_sampler=self.sampler,
            collate_fn=first_of,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            multiprocessing_context="fork" if self.workers else None,
            pin_memory=self.args.device.type == "cuda",
            generator=torch.Generator(),  # the global one is for dropout, whatever the number of workers
        )

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], *_: object) -> torch.Tensor:
        if not self.network.training:  # walking a large network's modules takes milliseconds
            model.train()

        def backward(piece: Mapping[str, torch.Tensor], rows: int) -> torch.Tensor:
            arguments = {name: tensor for name, tensor in piece.items() if name != "labels"}
            loss = self.loss(model(**arguments), piece["labels"]).sum() / rows
            self.accelerator.backward(loss)
            return loss.detach()

        loss = self.pieces.step(self._prepare_inputs(inputs), backward)
        self.watch.losses.append(loss)
        return loss

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        path = Path(output_dir or self.args.output_dir or "") / "model.safetensors"
        write_weights(path, self.network, frozen_names(self.network))

    def _save_checkpoint(self, *arguments: Any) -> None:
        try:
            super()._save_checkpoint(*arguments)
        except Exception as error:
            place = self.checkpoints.drop(self.state.global_step)
            if isinstance(error, OSError):
                raise unwritable(place, error) from error
            if "PytorchStreamWriter" in str(error) or "unexpected pos" in str(error):  # what torch.save has for it
                raise unwritable(place, OSError(errno.ENOSPC, "")) from error
            raise

    def _load_from_checkpoint(self, *arguments: Any, **options: Any) -> None:
        with self._whole():
            super()._load_from_checkpoint(*arguments, **options)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """What is not trained is in no checkpoint and in the network already."""
        if load_result.unexpected_keys or set(load_result.missing_keys) - frozen_names(self.network):
            raise ValueError("a checkpoint of another network")

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with self._whole():
            super()._load_optimizer_and_scheduler(checkpoint)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with self._whole():
            super()._load_rng_state(checkpoint)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A checkpoint that a power cut has damaged goes, so that the next run does not meet it again."""
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # each file has its own kind of damage
            self.checkpoints.discard()
            raise LearnerError(
                f"The checkpoint below {self.args.output_dir} was damaged and is deleted; run the command again."
            ) from error

    def close(self) -> None:
        """Hand back what the Trainer holds, also after an error."""
        self.watch.close()
        self.callback_handler.train_dataloader = None  # ends its workers; the garbage collector would wait for them
        self.accelerator.unwrap_model(self.network, keep_fp32_wrapper=False)  # forward is its own again
        self.accelerator.free_memory()
        self.watch.loop = None  # the circle would keep optimizer and network on the device until somebody collects
        self.remove_callback(self.watch)
        for name in ("optimizer", "lr_scheduler", "model", "model_wrapped"):
            setattr(self, name, None)


def _arguments(how: Training, seed: int, folder: Path, where: torch.device, sparse: bool) -> TrainingArguments:
    """``sparse``: some steps leave some parameters out."""
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=how.epochs,
        per_device_train_batch_size=how.batch,
        max_grad_norm=how.clip or 0.0,
        bf16=half_precision(how.precision, where),
        use_cpu=where.type == "cpu",
        seed=seed,
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="epoch",
        logging_nan_inf_filter=False,
        report_to=how.tracker,
        disable_tqdm=True,
        remove_unused_columns=False,
        ddp_find_unused_parameters=sparse,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # several GPUs run several jobs, not one job in threads
    return arguments


def _largest(rows: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64] | None) -> int:
    """The row that needs most memory."""
    return int(rows[0] if lengths is None else rows[lengths[rows].argmax()])


def _workers(where: torch.device) -> int:
    """On a CPU the network itself needs every core; elsewhere processes share them."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(MOST_WORKERS, cores() // here - 1) if where.type == "cuda" and FORK else 0
