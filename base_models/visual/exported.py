"""A trained network of images as its ONNX export, made once and kept beside its weights: for new posts, on a CPU.

The export takes pixels as the network does and normalises them; ONNX Runtime folds batch normalisation into the
convolutions. It counts only while a note beside it holds the hash of the weights it was made of and compared with.
"""

import hashlib
import logging
import tempfile
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from base_models.exports import checked, note_checked
from base_models.visual.runtime import export, exported
from ensemble.errors import StoreError, first_line
from ensemble.system.folders import can_write

log = logging.getLogger("ensemble")
_failed: set[str] = set()  # kinds of networks that do not export: tried once in a process


class ExportedClassifier(torch.nn.Module):
    """Called as the network is of which ``path`` is the export; has no parameters."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._run = exported(path, torch.get_num_threads())

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits = torch.from_numpy(self._run(pixels.flatten(0, -4).numpy()))
        return logits.view(*pixels.shape[:-3], -1)


def export_of(network: torch.nn.Module, size: tuple[int, int], kept: Path) -> torch.nn.Module:
    """The export of a network of (rows, height, width, 3) pixels, equal to 1e-4: that in ``kept`` where it is of these
    weights, else made now, and kept where that can be written. The network itself, with one line, where the export
    fails or computes something else."""
    kind = f"{type(network).__qualname__} {[tuple(each.shape) for each in network.parameters()]}"
    if kind in _failed:
        return network
    weights = hash_of(network)
    try:
        if (checked(kept) or {}).get("weights") == weights:
            return ExportedClassifier(kept)
        with tempfile.TemporaryDirectory() as scratch:
            path = kept if can_write(kept.parent) else Path(scratch) / kept.name
            probe = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
            _export(network.eval(), probe, path)
            with suppress(StoreError):  # without a note the next process exports again
                note_checked(path, {"weights": weights})
            return ExportedClassifier(path)
    except Exception as error:  # the exporters raise whatever the network's own code does
        _failed.add(kind)
        log.warning("No ONNX export (%s); the image network runs in eager PyTorch, slower.", first_line(error))
        return network


def hash_of(network: torch.nn.Module) -> str:
    """SHA-256 of all that a network computes with: weights, statistics, means of colours."""
    digest = hashlib.sha256()
    for name, tensor in chain(network.named_parameters(), network.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _export(network: torch.nn.Module, probe: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], path: Path) -> None:
    """By tracing, at a tenth of the other exporter's time; by that one where tracing fails or loses something, which is
    raised where that one does no better."""
    try:
        export(network, probe, path, traced=True)
    except Exception as reason:
        try:
            export(network, probe, path)
        except Exception:
            raise reason from None
