"""One checkpoint of a training that may be killed at any moment, and the weights of its best epoch."""

import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from base_models.neural.shared_base import shares_weights
from base_models.neural.state import TrainingState
from ensemble.errors import StoreError
from ensemble.system.files import write_atomic

Tensors = dict[str, torch.Tensor]
STATE = "journal.json"


class Checkpoints:
    """Below ``folder``: ``checkpoint-<step>/`` of the Trainer, complete once our state is in it, and
    ``best-<epoch>.safetensors``. A new one is complete before the old one goes."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder = folder
        self.seconds = 60 * minutes
        self._saved = time.monotonic()
        self._anchor = 0  # the best epoch of the state on disk, whose weights must stay

    def last(self) -> tuple[str | None, TrainingState]:
        """The newest complete checkpoint, None for none, and the state to go on with."""
        complete = sorted(self.folder.glob(f"checkpoint-*/{STATE}"), key=lambda path: _step(path.parent))
        if complete:
            with suppress(StoreError, TypeError):  # damaged, or of another version of this program
                state = TrainingState.read(complete[-1])
                self._anchor = state.best_epoch
                return str(complete[-1].parent), state
        return None, TrainingState()

    def due(self) -> bool:
        """Whether as much work is unsaved as one is ready to lose."""
        return time.monotonic() - self._saved >= self.seconds

    def commit(self, step: int, state: TrainingState) -> None:
        """Complete the checkpoint of a step, on the disk and not only on its way there; the ones before it go."""
        for path in (self.folder / f"checkpoint-{step}").iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        state.write(self.folder / f"checkpoint-{step}" / STATE)
        for path in self.folder.glob("checkpoint-*"):
            if _step(path) != step:
                shutil.rmtree(path)
        self._anchor = state.best_epoch
        self._drop_all_but(self._anchor)
        self._saved = time.monotonic()

    def drop(self, step: int) -> Path:
        """Remove a checkpoint that could not be written, for what is half is of no use and takes space; its place."""
        folder = self.folder / f"checkpoint-{step}"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def keep_best(self, network: torch.nn.Module, epoch: int) -> None:
        write_weights(self._best(epoch), network, frozen_names(network))
        self._drop_all_but(epoch, self._anchor)

    def restore_best(self, network: torch.nn.Module, state: TrainingState) -> None:
        """Give the network the weights of its best epoch; those of the last are in it already."""
        path = self._best(state.best_epoch)
        if path.exists():
            load_trained(network, path)
        elif state.best_epoch < len(state.curve):
            raise StoreError(f"{path}, the weights of the best epoch, is gone; delete {self.folder} and train again.")

    def discard(self) -> None:
        """Begin anew the next time."""
        for path in self.folder.glob("checkpoint-*"):
            shutil.rmtree(path)

    def _best(self, epoch: int) -> Path:
        return self.folder / f"best-{epoch}.safetensors"

    def _drop_all_but(self, *epochs: int) -> None:
        for path in set(self.folder.glob("best-*.safetensors")) - {self._best(epoch) for epoch in epochs}:
            path.unlink()


def frozen_names(network: torch.nn.Module) -> set[str]:
    """The weights that training leaves as they are, tied ones by each of their names."""
    named = network.named_parameters(remove_duplicate=False)
    return {name for name, parameter in named if not parameter.requires_grad}


def load_trained(network: torch.nn.Module, path: Path) -> None:
    """Weights of a file, which may lack those that training leaves as they are; StoreError where it lacks others."""
    saved, own = load_file(path), network.state_dict()
    frozen = frozen_names(network)
    missing = set(own) - set(saved) - frozen
    assert not (frozen & set(saved) and shares_weights(network)), "a network that is filled must not be borrowed"
    if missing or any(name not in own or tensor.shape != own[name].shape for name, tensor in saved.items()):
        raise StoreError(f"{path} holds the weights of another network; train it again.")
    network.load_state_dict(saved, strict=False)


def write_weights(path: Path, network: torch.nn.Module, without: Collection[str] = ()) -> None:
    """Safetensors, atomically; a weight of several names is written under each. A full disk is one line."""
    tensors: Tensors = {}
    written: set[int] = set()
    for name, tensor in network.state_dict().items():
        if name in without:
            continue
        memory = tensor.untyped_storage().data_ptr()
        tensors[name] = (tensor.clone() if memory in written else tensor).contiguous()
        written.add(memory)
    write_atomic(path, save(tensors))


def _step(path: Path) -> int:
    return int(path.name.rpartition("-")[2])
