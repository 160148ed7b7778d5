"""Running an image network where it is fastest: on the GPU, by ONNX Runtime, else by eager PyTorch.

ONNX Runtime runs MobileNetV2 at about seven times the speed of eager PyTorch on a CPU, equal to 1e-4, and with equal
bits for every batch size; a network that does not export runs eagerly.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from base_models.exports import TOLERANCE, checked, difference, note_checked, session
from ensemble.blocks import Features
from ensemble.errors import StoreError, first_line
from ensemble.system.files import temporary_for, unwritable

if TYPE_CHECKING:
    import torch

Images = npt.NDArray[Any]
Run = Callable[[Images], Features]

log = logging.getLogger("ensemble")


def make_runtime(network: Any, probe: Images, kept: Path | None, facts: Mapping[str, object] | None = None) -> Run:
    """A function from images like those of ``probe``, one or more, to (images, width). ``kept`` is where the export
    stays, and beside it a note with these ``facts``."""
    import torch

    if torch.cuda.is_available():
        return eager(network, torch.device("cuda"))
    try:
        with tempfile.TemporaryDirectory() as scratch:
            path = kept or Path(scratch) / "encoder.onnx"
            if checked(path) is None:
                if not _is_equal(path, network, probe):
                    export(network, probe, path)
                with suppress(StoreError):  # without a note the next process compares again
                    note_checked(path, facts or {})
            return exported(path, torch.get_num_threads())
    except OSError as error:  # a full disk is no reason to go on with other bits
        raise unwritable(Path(error.filename or kept or "."), error) from error
    except Exception as error:  # the exporter raises whatever the network's own code does
        reason = first_line(error)
        log.warning("No ONNX export (%s); the encoder runs in eager PyTorch, slower.", reason)
        return eager(network, torch.device("cpu"))


def eager(network: Any, device: "torch.device") -> Run:
    """The network itself, channels last, on a device."""
    import torch

    network = network.to(device, memory_format=torch.channels_last)

    def run(pixels: Images) -> Features:
        with torch.inference_mode():
            tensor = torch.from_numpy(np.ascontiguousarray(pixels)).to(device, memory_format=torch.channels_last)
            features: Features = network(tensor).float().cpu().numpy()
            return features

    return run


def export(network: Any, probe: Images, path: Path, traced: bool = False) -> None:
    """Write the network as ONNX with a free batch size, atomically; ``traced`` by PyTorch's older exporter, ten times
    as fast, whose files have other bits.

    Raises ValueError where the export computes something else: an exporter takes what it cannot follow for a constant.
    """
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = temporary_for(path)
    pixels = torch.zeros((2, *probe.shape[1:]), dtype=torch.from_numpy(probe).dtype)
    free: dict[str, Any] = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False}
    if traced:
        free = {"dynamo": False, "input_names": ["pixels"], "dynamic_axes": {"pixels": {0: "batch"}}}
    try:
        with warnings.catch_warnings():  # the exporter warns about its own internals
            warnings.simplefilter("ignore")
            for library in ("onnxscript", "torch.fx.experimental.symbolic_shapes"):
                logging.getLogger(library).setLevel(logging.ERROR)
            torch.onnx.export(network, (pixels,), unfinished, verbose=False, **free)
        found = _difference(unfinished, network, probe)
        if not found <= TOLERANCE:
            raise ValueError(f"the export differs by {found:.2g}")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def exported(path: Path, threads: int) -> Run:
    """The same as a function of images."""
    opened = session(path, threads)
    name = opened.get_inputs()[0].name

    def run(images: Images) -> Features:
        features: Features = opened.run(None, {name: np.ascontiguousarray(images)})[0]
        return features

    return run


def _is_equal(path: Path, network: Any, probe: Images) -> bool:
    """Whether an export without a note is there and equals its network; one that does not is made again."""
    try:
        return path.exists() and _difference(path, network, probe) <= TOLERANCE
    except Exception:  # damaged, or of another version
        return False


def _difference(path: Path, network: Any, probe: Images) -> float:
    """Of what an export computes of the probe from what the network does."""
    import torch

    expected = eager(network, torch.device("cpu"))(probe)
    return difference(exported(path, torch.get_num_threads())(probe), expected)
