"""Hugging Face's Trainer (mixed precision, clipping, trackers) with our batches, loss, checkpoints and record."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainingArguments

from base_models.checkpoints import Checkpoints, write_weights
from base_models.hyperparameters import Training
from base_models.inference import device, half_precision
from base_models.journal import Journal
from base_models.microbatches import MicroBatches, found_size
from base_models.optimization import make_loss, make_optimizer, make_schedule
from base_models.sampling import EpochSampler, Labelled, only
from base_models.training import Problem
from base_models.watch import Watch
from ensemble.balance import weight_per_class
from ensemble.errors import LearnerError, StoreError
from ensemble.learner import Workspace
from ensemble.peers import rank_and_size

MOST_WORKERS = 8


class Loop(Trainer):
    """One training. A step runs in as many pieces as memory asks for; ``journal`` is kept up to date."""

    def __init__(
        self, network: torch.nn.Module, problem: Problem, how: Training, seed: int, workspace: Workspace,
        checkpoints: Checkpoints, journal: Journal,
    ) -> None:  # fmt: skip
        where = device()
        rows = problem.fitting
        self.share = rank_and_size()
        if how.batch % self.share[1]:
            raise LearnerError(f"training.batch = {how.batch} cannot be shared evenly by {self.share[1]} processes.")
        self.sampler = EpochSampler(rows, problem.labels[rows], how.batch, seed, how.resample, self.share)
        self.workers = _workers(where) if how.workers is None else how.workers
        self.network = network
        if how.tracker == "tensorboard":  # beside the job's results: the checkpoints' folder goes with the training
            os.environ["TENSORBOARD_LOGGING_DIR"] = str(checkpoints.folder.parent / "tensorboard")
        self.labelled = Labelled(problem.examples, problem.labels)
        optimizer = make_optimizer(network.parameters(), how)
        super().__init__(
            model=network,
            args=_arguments(how, seed, checkpoints.folder, where),
            train_dataset=self.labelled,
            optimizers=(optimizer, make_schedule(optimizer, how, len(self.sampler))),
        )
        size = journal.pieces.get("micro_batch") or found_size(workspace.memory, network, how.batch) or how.batch + 1
        asked = (how.micro_batch or how.batch + 1) // self.share[1] or 1  # one more, where a last row joins a batch
        self.pieces = MicroBatches(network, asked, size, where, patient=self.share[1] == 1)
        self.pieces.repeated = journal.pieces.get("steps_repeated", 0)
        weights = weight_per_class(problem.labels[rows], len(problem.task.classes), 0 if how.resample else how.balance)
        self.loss = make_loss(how, weights, where)
        self.watch = Watch(self, problem, how, workspace, checkpoints, journal)
        self.remove_callback(PrinterCallback)
        self.add_callback(self.watch)

    def get_train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(
            self.labelled, batch_sampler=self.sampler, collate_fn=only, num_workers=self.workers,
            persistent_workers=self.workers > 0, pin_memory=self.args.device.type == "cuda",
            generator=torch.Generator(),  # the global one is for dropout, whatever the number of workers
        )  # fmt: skip

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], *_: object) -> torch.Tensor:
        model.train()

        def backward(piece: Mapping[str, torch.Tensor], rows: int) -> torch.Tensor:
            arguments = {name: tensor for name, tensor in piece.items() if name != "labels"}
            loss = self.loss(model(**arguments), piece["labels"]).sum() / rows
            self.accelerator.backward(loss)
            return loss.detach()

        loss = self.pieces.step(self._prepare_inputs(inputs), backward)
        if self.share[1] > 1:
            loss = self.accelerator.reduce(loss, "mean")
        self.watch.losses.append(loss)
        return loss

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        write_weights(Path(output_dir or self.args.output_dir or "") / "model.safetensors", self.network)

    def _save_checkpoint(self, *arguments: Any) -> None:
        try:
            super()._save_checkpoint(*arguments)
        except (OSError, RuntimeError) as error:  # torch.save says RuntimeError where the disk is full
            raise StoreError(f"Cannot write a checkpoint below {self.args.output_dir}: {error}. Make space.") from error

    def close(self) -> None:
        """Hand back what the Trainer holds, also after an error."""
        self.watch.close()
        self.callback_handler.train_dataloader = None  # ends its workers; the garbage collector would wait for them
        self.accelerator.unwrap_model(self.network, keep_fp32_wrapper=False)  # forward is its own again
        self.accelerator.free_memory()


def _arguments(how: Training, seed: int, folder: Path, where: torch.device) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(folder), num_train_epochs=how.epochs, per_device_train_batch_size=how.batch,
        max_grad_norm=how.clip or 0.0, bf16=half_precision(how.precision, where), use_cpu=where.type == "cpu",
        seed=seed, save_strategy="no", eval_strategy="no", logging_strategy="epoch", logging_nan_inf_filter=False,
        report_to=how.tracker, disable_tqdm=True, remove_unused_columns=False,
        ddp_find_unused_parameters=False,
    )  # fmt: skip
    arguments._n_gpu = min(arguments.n_gpu, 1)  # several GPUs run several jobs, not one job in threads
    return arguments


def _workers(where: torch.device) -> int:
    """On a CPU the network itself needs every core."""
    return min(MOST_WORKERS, (os.cpu_count() or 1) - 1) if where.type == "cuda" else 0
