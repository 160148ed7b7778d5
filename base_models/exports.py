"""Networks that were exported to ONNX: whether one still equals what it was made of, and running it without PyTorch.

An export is compared with its network once, and what then holds is noted beside it: whoever finds the note needs
neither the network nor PyTorch.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.blocks import Features
from ensemble.errors import StoreError
from ensemble.system.files import file_hash, known_hash, read_json, write_json

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

TOLERANCE = 1e-4
GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # of NVIDIA, of AMD, and of Linux inside Windows


def session(path: Path, threads: int) -> "InferenceSession":
    """An exported network, ready to run on so many threads. Needs neither the network nor PyTorch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def difference(found: Features, expected: Features) -> float:
    """The largest, as a share of the largest number that is expected, if that is above 1."""
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def threads_of_exports() -> int | None:
    """On how many threads to run what was exported, without importing PyTorch for it; None where there is a GPU, or may
    be, or nobody has said how many."""
    if torch := sys.modules.get("torch"):
        return None if torch.cuda.is_available() else int(torch.get_num_threads())
    if os.environ.get("CUDA_VISIBLE_DEVICES") != "" and any(map(os.path.exists, GPUS)):
        return None
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return int(threads) if threads.isdecimal() and int(threads) else None


def note_checked(path: Path, facts: Mapping[str, object]) -> None:
    """Note beside an export that it equals its network, and ``facts`` of it; raises StoreError."""
    import onnxruntime

    write_json(_note_of(path), {"sha256": file_hash(path), "onnxruntime": onnxruntime.__version__, **facts})


def checked(path: Path) -> dict[str, Any] | None:
    """What was noted of an export that equals its network; None where nothing was, or where the file or ONNX Runtime is
    another since, or is not there."""
    try:
        import onnxruntime

        note = read_json(_note_of(path))
        same = note["onnxruntime"] == onnxruntime.__version__ and note["sha256"] == known_hash(path)
    except (ImportError, OSError, StoreError, KeyError):
        return None
    return note if same else None


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
