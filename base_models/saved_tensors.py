"""The file of a small model: its tensors, and the kind of task it was fitted on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import save

from ensemble.system.files import write_atomic

Tensors = Mapping[str, npt.NDArray[Any]]
CLASSES = "classification"  # the kind of files that name none, as all did once


def write_tensors(path: Path, tensors: Tensors, kind: str) -> None:
    whole = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    write_atomic(path, save(whole, None if kind == CLASSES else {"kind": kind}))


def read_tensors(path: Path) -> tuple[Tensors, str]:
    """The tensors and the kind."""
    with safe_open(path, "numpy") as file:
        kind = (file.metadata() or {}).get("kind", CLASSES)
        return {name: file.get_tensor(name) for name in file.keys()}, kind  # noqa: SIM118
