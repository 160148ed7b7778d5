"""Hugging Face's Trainer (mixed precision, clipping, trackers) with our batches, loss, checkpoints and record."""

import errno
import gc
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
from base_models.neural.micro_batches import MicroBatches, memory_key, remember_size, remembered_size
from base_models.neural.optimization import make_optimizer, make_schedule
from base_models.neural.sampling import EpochSampler, Labelled, first_of
from base_models.neural.state import TrainingState
from base_models.neural.train_val_split import TrainValSplit
from ensemble.errors import LearnerError
from ensemble.learner import TrainingContext
from ensemble.system.distributed import rank_and_size
from ensemble.system.files import unwritable
from ensemble.system.processes import cores

MOST_WORKERS = 8
FORK = "fork" in get_all_start_methods()  # other ways would copy the cache of pixels into every worker
gc.freeze()  # the Trainer collects garbage twice a training: a third of a second for the libraries' million objects


class ResumableTrainer(Trainer):
    """One training. A step runs in as many micro-batches as memory asks for; the TrainingState is kept up to date.
    ``self.state`` is the Trainer's own TrainerState: which step it is, not what was learned on the way."""

    def __init__(
        self,
        network: torch.nn.Module,
        split: TrainValSplit,
        training: Training,
        seed: int,
        context: TrainingContext,
        checkpoints: Checkpoints,
        state: TrainingState,
    ) -> None:
        where = device()
        rows, lengths = split.training, split.examples.lengths
        rank, processes = rank_and_size()
        if training.batch % processes:
            raise LearnerError(f"training.batch = {training.batch} cannot be shared evenly by {processes} processes.")
        labels = split.labels[rows]
        self.sampler = EpochSampler(rows, labels, training.batch, seed, training.resample, (rank, processes), lengths)
        self.workers = _workers(where) if training.workers is None else training.workers
        self.network, self.context, self.checkpoints = network, context, checkpoints
        if training.tracker == "tensorboard":  # beside the job's results: the checkpoints' folder goes with it
            beside = checkpoints.folder if context.folder is None else context.folder.parent
            os.environ["TENSORBOARD_LOGGING_DIR"] = str(beside / "tensorboard")
        targets = split.objective.targets(training, split.labels, split.ratings)
        self.labelled = Labelled(split.examples, targets)
        optimizer = make_optimizer(network, training)
        super().__init__(
            model=network,
            args=_arguments(training, seed, checkpoints.folder, where, getattr(network, "sparse", False)),
            train_dataset=self.labelled,
            optimizers=(optimizer, make_schedule(optimizer, training, len(self.sampler))),
        )
        self.memory_key = memory_key(network, split.examples.batch([_largest(rows, lengths)]), training)
        whole = training.batch // processes + 1  # one more, where a last row joins a batch
        asked = max(1, training.micro_batch // processes) if training.micro_batch else whole
        size = state.micro_batches.get("micro_batch") or remembered_size(context.memory, self.memory_key) or whole
        self.micro_batches = MicroBatches(network, asked, size, where, retry_on_oom=processes == 1)
        self.micro_batches.repeated = state.micro_batches.get("steps_repeated", 0)
        self.loss = split.objective.loss(training, labels, where)
        self.callback = TrainingCallback(
            network, self.sampler, self.micro_batches, split, training, context, checkpoints, state
        )
        self.remove_callback(PrinterCallback)
        self.add_callback(self.callback)

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

        def backward(micro_batch: Mapping[str, torch.Tensor], rows: int) -> torch.Tensor:
            arguments = {name: tensor for name, tensor in micro_batch.items() if name != "labels"}
            # The sum over a part, divided by the rows of the whole: the parts' gradients add up to those of the mean.
            loss = self.loss(model(**arguments), micro_batch["labels"]).sum() / rows
            self.accelerator.backward(loss)
            return loss.detach()

        loss = self.micro_batches.step(self._prepare_inputs(inputs), backward)
        self.callback.losses.append(loss)
        return loss

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        """Where gradients are not clipped their norm is for a tracker alone, and takes a tenth of a small step."""
        if not self.args.report_to:
            return grad_norm
        return super()._get_grad_norm(model, grad_norm)  # type: ignore[no-untyped-call]

    def log(self, logs: dict[str, float], *arguments: Any, **options: Any) -> None:
        """To the tracker, with the scores of the epoch that has just ended."""
        scores, self.callback.scores = self.callback.scores, {}
        super().log({**logs, **scores}, *arguments, **options)

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
        self.callback.close()
        remember_size(self.context.memory, self.memory_key, self.micro_batches)
        self.callback_handler.train_dataloader = None  # ends its workers; the garbage collector would wait for them
        self.accelerator.unwrap_model(self.network, keep_fp32_wrapper=False)  # forward is its own again
        self.accelerator.free_memory()
        self.remove_callback(self.callback)
        for name in ("optimizer", "lr_scheduler", "model", "model_wrapped"):
            setattr(self, name, None)


def _arguments(training: Training, seed: int, folder: Path, where: torch.device, sparse: bool) -> TrainingArguments:
    """``sparse``: some steps leave some parameters out."""
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=training.epochs,
        per_device_train_batch_size=training.batch,
        max_grad_norm=training.clip or 0.0,
        bf16=half_precision(training.precision, where),
        use_cpu=where.type == "cpu",
        seed=seed,
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="epoch",
        logging_nan_inf_filter=False,
        report_to=training.tracker,
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
