"""Running a trained network over batches, as many rows at a time as fit."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain, islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from base_models.neural.hyperparameters import Training
from base_models.neural.sampling import Examples
from base_models.neural.shared_base import let_go
from ensemble.errors import LearnerError
from ensemble.learner import TrainingContext
from ensemble.system.progress import Track, silent

Logits = npt.NDArray[np.float32]
Row = TypeVar("Row")
Answer = TypeVar("Answer")

log = logging.getLogger("ensemble")


def device() -> torch.device:
    """Where networks run: the process's GPU, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def rows_at_once(eval_batch: int | None) -> int:
    """A CPU's caches hold few rows: MobileNetV2 ran 40 % faster with 10 crops at once than with 60."""
    if eval_batch is not None:
        return eval_batch
    return 64 if torch.cuda.is_available() else 16


def half_precision(precision: str, where: torch.device) -> bool:
    """Whether to run in bfloat16: where asked for, or where the GPU is made for it."""
    if precision == "auto":
        return where.type == "cuda" and torch.cuda.is_bf16_supported()
    return precision == "bfloat16"


def weights_dtype(precision: str, where: torch.device) -> torch.dtype:
    """Of weights that are not trained: as wide as what is computed with them."""
    return torch.bfloat16 if half_precision(precision, where) else torch.float32


def autocast(precision: str, where: torch.device) -> AbstractContextManager[object]:
    return torch.autocast(where.type, torch.bfloat16, enabled=half_precision(precision, where))


def predict_trained(
    network: torch.nn.Module, examples: Examples, training: Training, context: TrainingContext, views: int = 1
) -> Logits:
    """Logits of every row, on the process's device. Raises LearnerError where they are no numbers."""
    at_once = max(1, rows_at_once(training.eval_batch) // views)
    label = f"posts predicted, {context.name}"
    rows = range(len(examples))
    logits = predict_logits(network.to(device()), examples, rows, at_once, training.precision, context.track, label)
    if not np.isfinite(logits).all():
        raise LearnerError(
            f"{context.name or 'training'}: what the network says is no longer a number; lower training.lr (now "
            f"{training.lr:g}) or set training.clip."
        )
    return logits


@torch.inference_mode()
def predict_logits(
    network: torch.nn.Module,
    examples: Examples,
    rows: Sequence[int],
    at_once: int,
    precision: str = "float32",
    track: Track = silent,
    label: str = "",
) -> Logits:
    """(rows, classes) or (rows, views, classes); half as many rows at a time once memory ran out.

    Rows of similar length run together, the longest first. Raises LearnerError where memory does not hold a single row.
    """
    network.eval()
    order = np.arange(len(rows))
    if examples.lengths is not None:
        order = np.argsort(-examples.lengths[np.asarray(rows)], kind="stable")
        rows = np.asarray(rows)[order].tolist()
    parts: list[Logits] = []
    bar = track(iter(rows), label, len(rows))
    for logits in in_parts(partial(_logits, network, examples, precision), rows, at_once, "row to predict"):
        parts.append(logits)
        list(islice(bar, len(logits)))
    next(bar, None)
    return np.asarray(np.concatenate(parts)[np.argsort(order)])


def _logits(network: torch.nn.Module, examples: Examples, precision: str, rows: Sequence[int]) -> Logits:
    where = next(chain(network.parameters(), network.buffers(), [torch.empty(0)])).device
    batch = {name: tensor.to(where) for name, tensor in examples.batch(rows).items()}
    with autocast(precision, where):
        logits: Logits = network(**batch).float().cpu().numpy()
        return logits


def in_parts(run: Callable[[Sequence[Row]], Answer], rows: Sequence[Row], at_once: int, one: str) -> Iterator[Answer]:
    """What ``run`` makes of these rows, ``at_once`` of them at a time, or half as many each time memory runs out.

    Raises LearnerError where it does not hold a single one; ``one`` says what that is.
    """
    done = 0
    while done < len(rows):
        part = rows[done : done + at_once]
        try:
            answer = run(part)
        except torch.OutOfMemoryError as error:
            if let_go():
                continue
            if len(part) == 1:
                raise LearnerError(
                    f"The memory of {device()} does not hold one {one}; use fewer views of it, or cut texts shorter."
                ) from error
            at_once = (len(part) + 1) // 2
        else:
            done += len(part)
            yield answer
            continue
        torch.cuda.empty_cache()
        log.warning("Out of memory: predicting %d rows at a time.", at_once)
