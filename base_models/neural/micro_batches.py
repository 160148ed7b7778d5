"""A training step that fits: where memory does not hold the batch, it is repeated with half of it at a time."""

import gc
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

from base_models.neural.depth import BATCH_NORM
from base_models.neural.hyperparameters import Training
from base_models.neural.shared_base import let_go
from ensemble.learner import TrainingInfo
from ensemble.system.files import read_json, write_json

Batch = Mapping[str, torch.Tensor]
Backward = Callable[[Batch, int], torch.Tensor]
OWNERS, BY_IMAGE = "image_rows", ("pixels", "image_")

log = logging.getLogger("ensemble")


class MicroBatches:
    """Runs one step of ``network`` in micro-batches of at most ``size`` rows, whose gradients add up to the batch's.

    A loss that is a sum over rows, divided by the rows of the whole batch, has a gradient that is the sum of its parts'
    gradients: backward passes add to ``.grad``, and the optimizer steps once. When memory runs out, gradients are
    dropped, buffers and random states are put back, ``size`` halves, and the step is repeated. Without batch
    normalisation the mathematics stays the same; with it, statistics are of the micro-batches, which
    ``training_info`` says. Raises the device's error once a single row does not fit, or at once where it may not
    ``retry_on_oom``: other processes are waiting in the same step.
    """

    def __init__(
        self, network: torch.nn.Module, asked: int, size: int, device: torch.device, retry_on_oom: bool = True
    ) -> None:
        self.network = network
        self.asked = asked
        self.size = min(asked, size)
        self.device = device
        self.retry_on_oom = retry_on_oom
        self.repeated = 0
        self.normalises = any(isinstance(module, BATCH_NORM) for module in network.modules())
        self._buffers = [(buffer, torch.empty_like(buffer)) for buffer in network.buffers()]

    def step(self, batch: Batch, backward: Backward) -> torch.Tensor:
        """``backward(micro_batch, rows of the batch)`` adds the gradients of a part and gives its share of the loss."""
        rows = len(batch["labels"])
        random = self._remember()
        while (loss := self._attempt(batch, rows, backward)) is None:
            self._restore(random)
        return loss

    def _attempt(self, batch: Batch, rows: int, backward: Backward) -> torch.Tensor | None:
        """None where memory ran out and there is more of it now, or smaller micro-batches may fit."""
        try:
            return torch.stack([backward(part, rows) for part in self._split(batch, rows)]).sum()
        except torch.OutOfMemoryError:
            if self.retry_on_oom and let_go():
                return None
            if not self.retry_on_oom or self._largest(rows) == 1:
                raise
            self.size = (self._largest(rows) + 1) // 2
            self.repeated += 1
            log.warning("Out of memory: going on with %d rows at a time, the same batch.", self.size)
            return None

    @property
    def training_info(self) -> TrainingInfo:
        """What the job's record says of it; empty where the batch fitted."""
        if self.size >= self.asked:
            return {}
        info: TrainingInfo = {"micro_batch": self.size, "steps_repeated": self.repeated}
        if self.normalises:
            info["batch_norm"] = f"statistics from {self.size} rows at a time, not from the batch"
        return info

    def _largest(self, rows: int) -> int:
        """How many rows the largest micro-batch has: ceil(rows / ceil(rows / size)), as ``_split`` cuts."""
        return -(-rows // -(-rows // self.size))

    def _split(self, batch: Batch, rows: int) -> Iterator[Batch]:
        """Of even sizes, so that no row is left alone."""
        for part in torch.arange(rows).tensor_split(-(-rows // self.size)):
            yield cut(batch, int(part[0]), int(part[-1]) + 1)

    def _remember(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self._buffers:
            torch._foreach_copy_([kept for _, kept in self._buffers], [buffer for buffer, _ in self._buffers])
        on_gpu = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        return torch.get_rng_state(), on_gpu

    def _restore(self, random: tuple[torch.Tensor, torch.Tensor | None]) -> None:
        self.network.zero_grad(set_to_none=True)
        for buffer, kept in self._buffers:
            buffer.copy_(kept)
        torch.set_rng_state(random[0])
        if random[1] is not None:
            torch.cuda.set_rng_state(random[1], self.device)
            gc.collect()
            torch.cuda.empty_cache()


def cut(batch: Batch, start: int, end: int) -> Batch:
    """Some neighbouring rows of a batch. Where rows have any number of images, ``image_rows`` (images,) ascending says
    whose each is, and the tensors named ``pixels`` or ``image_...`` have one entry for each image."""
    owners = batch.get(OWNERS)
    if owners is None:
        return {name: tensor[start:end] for name, tensor in batch.items()}
    first, last = (int((owners < row).sum()) for row in (start, end))
    parts = {
        name: tensor[first:last] if name.startswith(BY_IMAGE) else tensor[start:end] for name, tensor in batch.items()
    }
    return {**parts, OWNERS: owners[first:last] - start}


def remembered_size(memory: Path | None, key: str) -> int | None:
    """What an earlier job found to fit under the same key, if it had to look."""
    if memory is None or not memory.exists():
        return None
    size = read_json(memory).get(key)
    return size if isinstance(size, int) and size > 0 else None


def remember_size(memory: Path | None, key: str, micro_batches: MicroBatches) -> None:
    """Spare the next jobs the looking."""
    if memory is not None and micro_batches.repeated:
        known = read_json(memory) if memory.exists() else {}
        write_json(memory, {**known, key: micro_batches.size})


def memory_key(network: torch.nn.Module, row: Batch, training: Training) -> str:
    """Everything that decides how many rows fit: the device, the network, the size of a row, the optimizer's state."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    parameters = sum(parameter.numel() for parameter in network.parameters())
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    recomputed = training.recompute or getattr(network, "recompute", False)
    how_much = f"{trained:,} trained" + (", activations recomputed" if recomputed else "")
    many = BY_IMAGE if OWNERS in row else ()  # a row has several: their number counts
    shapes = {name: list(tensor.shape[0 if name.startswith(many) else 1 :]) for name, tensor in sorted(row.items())}
    settings = f"{training.optimizer}, {training.precision}, batch {training.batch}"
    return f"{device}, {type(network).__name__} of {parameters:,} parameters, {how_much}, rows {shapes}, {settings}"
